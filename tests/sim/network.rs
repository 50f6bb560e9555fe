//! The network between the two: frames arrive late, in order, or not at all; streams break; nobody may be there.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rpycbench_controller::conversation::{Caller, FIRST_ATTACHMENT, Input, Unattached, Wire};
use rpycbench_proto::frame::{CommandFrame, EventFrame};
use rpycbench_proto::pb;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::CancellationToken;

use crate::agent::{Agent, idle};

/// As the controller's own.
const CALL_LIMIT: Duration = Duration::from_secs(1);

/// What lies between one controller and one agent.
#[derive(Clone)]
pub(crate) struct Network(Arc<State>);

struct State {
    agent: Mutex<Option<Agent>>,
    /// Whether frames wait.
    cut: watch::Sender<bool>,
    /// Ends every stream that is open.
    streams: Mutex<CancellationToken>,
    random: Mutex<StdRng>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Network {
    pub(crate) fn new(random: StdRng) -> Self {
        let (cut, _) = watch::channel(false);
        Self(Arc::new(State {
            agent: Mutex::new(None),
            cut,
            streams: Mutex::new(CancellationToken::new()),
            random: Mutex::new(random),
        }))
    }

    /// Puts an agent in the place of the one before, whose streams break with it.
    pub(crate) fn put(&self, agent: Option<Agent>) {
        *lock(&self.0.agent) = agent;
        self.break_streams();
    }

    pub(crate) fn cut(&self, cut: bool) {
        self.0.cut.send_replace(cut);
    }

    pub(crate) fn break_streams(&self) {
        std::mem::take(&mut *lock(&self.0.streams)).cancel();
    }

    /// A way for `run_id`'s controller to the agent.
    pub(crate) fn line(&self, run_id: &str) -> Line {
        Line { network: self.clone(), run_id: run_id.to_owned() }
    }

    fn delay(&self) -> Duration {
        Duration::from_micros(lock(&self.0.random).random_range(50..20_000))
    }

    /// Waits until frames may pass.
    async fn pass(&self) {
        sleep(self.delay()).await;
        // The other end is kept here.
        drop(self.0.cut.subscribe().wait_for(|cut| !cut).await);
    }
}

/// How one run reaches the agent.
pub(crate) struct Line {
    network: Network,
    run_id: String,
}

impl Line {
    /// Takes the agent for the run and opens the first stream.
    pub(crate) async fn begin(&self, inputs: &mpsc::UnboundedSender<Input>) -> Result<Wire, Unattached> {
        self.open(true, FIRST_ATTACHMENT, 0, inputs).await
    }

    async fn open(
        &self,
        begin: bool,
        attachment: u64,
        taken: u64,
        inputs: &mpsc::UnboundedSender<Input>,
    ) -> Result<Wire, Unattached> {
        let nobody = || Unattached { reason: "nobody listens".to_owned(), is_final: true };
        self.network.pass().await;
        let busy = if begin { lock(&self.network.0.agent).as_ref().ok_or_else(nobody)?.fence() } else { None };
        if let Some(busy) = busy
            && !idle(busy).await
        {
            return Err(Unattached { reason: "busy".to_owned(), is_final: true });
        }
        let mut agent = lock(&self.network.0.agent);
        let agent = agent.as_mut().ok_or_else(nobody)?;
        let conversation = if begin { Some(agent.begin(&self.run_id)) } else { agent.attach(&self.run_id) };
        let gone = || Unattached { reason: "no such run here".to_owned(), is_final: true };
        let conversation = conversation.ok_or_else(gone)?;
        let (wire, from_controller) = mpsc::unbounded_channel();
        let (to_agent, frames) = mpsc::unbounded_channel();
        let from_agent = conversation.attach(UnboundedReceiverStream::new(frames), taken);
        let broken = lock(&self.network.0.streams).clone();
        let network = self.network.clone();
        tokio::spawn(broken.clone().run_until_cancelled_owned(async move {
            let mut from_controller = from_controller;
            while let Some(frame) = from_controller.recv().await {
                network.pass().await;
                drop(to_agent.send(again(frame)));
            }
        }));
        let (network, inputs) = (self.network.clone(), inputs.clone());
        tokio::spawn(async move {
            let mut from_agent = from_agent;
            let last = broken.run_until_cancelled(async {
                while let Some(frame) = from_agent.recv().await {
                    network.pass().await;
                    match frame.map(|frame: EventFrame| EventFrame::try_from(pb::EventFrame::from(frame))) {
                        Ok(Ok(frame)) => drop(inputs.send(Input::Heard(attachment, frame))),
                        Ok(Err(error)) => panic!("{error}"),
                        Err(reason) => return Unattached { reason, is_final: true },
                    }
                }
                Unattached { reason: "the agent closed the conversation".to_owned(), is_final: true }
            });
            let broken = Unattached { reason: "the connection broke".to_owned(), is_final: false };
            drop(inputs.send(Input::Broken(attachment, last.await.unwrap_or(broken))));
        });
        Ok(wire)
    }
}

/// As it is after it was encoded and decoded.
fn again(frame: CommandFrame) -> Result<CommandFrame, String> {
    CommandFrame::try_from(pb::CommandFrame::from(frame)).map_err(|error| error.to_string())
}

impl Caller for Line {
    async fn call(
        &self,
        attachment: u64,
        taken: u64,
        inputs: &mpsc::UnboundedSender<Input>,
    ) -> Result<Wire, Unattached> {
        let late = |_| Unattached { reason: "no connection".to_owned(), is_final: false };
        timeout(CALL_LIMIT, self.open(false, attachment, taken, inputs)).await.map_err(late)?
    }
}

/// A source of chance of its own, so that what one part draws does not change what another does.
pub(crate) fn chance(seed: u64, part: u64) -> StdRng {
    StdRng::seed_from_u64(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ part)
}
