//! A run that is busy, with its disk perhaps, for longer than the lease, while its agent goes on.

use std::sync::Arc;
use std::time::Duration;

use rpycbench_controller::conversation::{Caller, FIRST_ATTACHMENT, FromAgent, Input, Talk, Unattached, Wire};
use rpycbench_proto::Event;
use rpycbench_proto::frame::EventFrame;
use tokio::sync::mpsc;
use tokio::time::sleep;

/// Half as long again as the lease.
const BUSY: Duration = Duration::from_secs(15);

/// Cannot be called again.
struct Nobody;

impl Caller for Nobody {
    async fn call(&self, _: u64, _: u64, _: &mpsc::UnboundedSender<Input>) -> Result<Wire, Unattached> {
        Err(Unattached { reason: "nobody is there".to_owned(), is_final: true })
    }
}

#[tokio::test(start_paused = true)]
async fn an_agent_whose_words_have_waited_for_the_run_is_not_taken_for_a_silent_one() {
    let (inputs, queue) = mpsc::unbounded_channel();
    let (events, mut run) = mpsc::channel(1);
    let (wire, _said) = mpsc::unbounded_channel();
    tokio::spawn(Talk::new(Nobody, 0, events, inputs.clone(), wire).go_on(queue));
    for number in 1..=4 {
        let event = Some((number, Arc::new(Event::Reached)));
        inputs.send(Input::Heard(FIRST_ATTACHMENT, EventFrame { acknowledged: 0, event })).expect("it is listened to");
    }
    sleep(BUSY).await;
    for number in 1..=4 {
        let (_, heard) = run.recv().await.expect("the conversation goes on");
        assert!(matches!(heard, FromAgent::Event(_)), "{number}: {heard:?}");
    }
}
