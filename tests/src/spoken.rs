//! A run's conversation with an agent, held by a test in the controller's place.

use std::sync::Arc;
use std::time::Duration;

use rpycbench_proto::frame::{CommandFrame, EventFrame, Word};
use rpycbench_proto::{Command, Event, pb};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

/// Well within the lease.
const BEAT: Duration = Duration::from_secs(1);

/// A stream that is attached to a run, whose lease lasts as long as this lives.
pub struct Spoken {
    frames: mpsc::UnboundedSender<CommandFrame>,
    events: Streaming<pb::EventFrame>,
    said: u64,
    beating: JoinHandle<()>,
}

impl Spoken {
    /// Begins a run.
    ///
    /// # Errors
    /// When the agent does not let it.
    pub async fn begin(channel: Channel, run_id: &str) -> Result<Self, Status> {
        let (frames, outgoing) = mpsc::unbounded_channel();
        let say = |word| drop(frames.send(CommandFrame { acknowledged: 0, word }));
        say(Word::Attach { run_id: run_id.to_owned(), begin: true });
        let frames_out = UnboundedReceiverStream::new(outgoing).map(pb::CommandFrame::from);
        let events = pb::agent_client::AgentClient::new(channel).run(frames_out).await?.into_inner();
        let beats = frames.clone();
        let beating = tokio::spawn(async move {
            while beats.send(CommandFrame { acknowledged: 0, word: Word::Beat }).is_ok() {
                tokio::time::sleep(BEAT).await;
            }
        });
        Ok(Self { frames, events, said: 0, beating })
    }

    /// Sends a command.
    pub fn say(&mut self, command: Command) {
        self.said += 1;
        let word = Word::Command { number: self.said, command: Arc::new(command) };
        // Refused where the agent has ended the run, which the next event tells.
        drop(self.frames.send(CommandFrame { acknowledged: 0, word }));
    }

    /// The next event.
    ///
    /// # Errors
    /// When the agent has ended the run with a reason.
    ///
    /// # Panics
    /// When it has ended it without one, or says what makes no sense.
    pub async fn hear(&mut self) -> Result<Event, Status> {
        loop {
            let frame = self.events.message().await?.expect("the agent speaks");
            if let EventFrame { event: Some((_, event)), .. } = frame.try_into().expect("a frame") {
                return Ok(Arc::unwrap_or_clone(event));
            }
        }
    }
}

impl Drop for Spoken {
    fn drop(&mut self) {
        self.beating.abort();
        drop(self.frames.send(CommandFrame { acknowledged: 0, word: Word::Leave }));
    }
}
