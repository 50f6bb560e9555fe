//! A run's conversation with its controller, which outlives its connection: see the top of `agent.proto`.
//!
//! One task owns it and everything reaches it through one queue, so that it waits in one place: the run's events, frames of
//! whatever stream is attached, and the end of the lease.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rpycbench_proto::delivery::{Inbox, Outbox, Taken};
use rpycbench_proto::frame::{CommandFrame, EventFrame, Word};
use rpycbench_proto::{Command, Event};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_stream::{Stream, StreamExt};
use tracing::Instrument;

/// How long a run goes on without a word of its controller.
const LEASE: Duration = Duration::from_secs(10);
/// Events that may wait for the controller's acknowledgement, some 700 kB of samples at most. What is measured meanwhile waits
/// in the driver's own memory.
const UNACKNOWLEDGED: usize = 64;
/// Events on their way from the run; it waits where they are more.
const EVENT_QUEUE: usize = 16;

/// What a run hears: its controller's commands, or why there will be none that make sense.
pub type Commands = mpsc::UnboundedReceiver<Result<Command, String>>;
/// What a stream carries to the controller: frames, or the reason why it ends.
pub type Frames = mpsc::UnboundedReceiver<Result<EventFrame, String>>;
type Wire = mpsc::UnboundedSender<Result<EventFrame, String>>;

/// The handle by which streams attach.
#[derive(Clone, Debug)]
pub struct Conversation {
    inputs: mpsc::UnboundedSender<Input>,
    attachments: Arc<AtomicU64>,
}

/// The run's end of it.
pub struct RunEnd {
    /// They end when the run has to.
    pub commands: Commands,
    /// What it says, in order.
    pub events: mpsc::Sender<Event>,
    /// To tell that it is over.
    pub over: Over,
}

/// How the run tells that it is over.
pub struct Over {
    handing_on: JoinHandle<()>,
    inputs: mpsc::UnboundedSender<Input>,
}

#[derive(Debug)]
enum Input {
    /// A stream, by its number, and what its controller has taken.
    Attached {
        attachment: u64,
        wire: Wire,
        acknowledged: u64,
    },
    Heard {
        attachment: u64,
        frame: Result<CommandFrame, String>,
    },
    Event(Box<Event>),
    /// The run has to end, and why.
    End(String),
    /// The run is over, and why, if it did not end in order.
    Over(Option<String>),
}

impl Conversation {
    /// Begins one; its lease begins now.
    pub fn begin() -> (Self, RunEnd) {
        let (inputs, queue) = mpsc::unbounded_channel();
        let (to_run, commands) = mpsc::unbounded_channel();
        let (events, from_run) = mpsc::channel(EVENT_QUEUE);
        let credit = Arc::new(Semaphore::new(UNACKNOWLEDGED));
        let handing_on = tokio::spawn(hand_on(from_run, credit.clone(), inputs.clone()));
        let talk = Talk {
            commands: Some(to_run),
            credit,
            outbox: Outbox::default(),
            inbox: Inbox::default(),
            wire: None,
            attachment: 0,
        };
        tokio::spawn(talk.go_on(queue).in_current_span());
        let run_end = RunEnd { commands, events, over: Over { handing_on, inputs: inputs.clone() } };
        (Self { inputs, attachments: Arc::default() }, run_end)
    }

    /// Attaches a stream, in place of the one before. `acknowledged` is what its first frame says.
    pub fn attach(
        &self,
        frames: impl Stream<Item = Result<CommandFrame, String>> + Send + Unpin + 'static,
        acknowledged: u64,
    ) -> Frames {
        let attachment = 1 + self.attachments.fetch_add(1, Ordering::Relaxed);
        let (wire, to_controller) = mpsc::unbounded_channel();
        // Refused only where the conversation is over: the wire is dropped, and with it the stream ends.
        drop(self.inputs.send(Input::Attached { attachment, wire, acknowledged }));
        let inputs = self.inputs.clone();
        tokio::spawn(async move {
            let mut frames = frames;
            // Where it ends is for the lease to judge.
            while let Some(frame) = frames.next().await {
                drop(inputs.send(Input::Heard { attachment, frame }));
            }
        });
        to_controller
    }
}

impl Conversation {
    /// Has the run end; `reason` is its last word to the controller.
    pub fn end(&self, reason: String) {
        // Refused where it has ended.
        drop(self.inputs.send(Input::End(reason)));
    }
}

impl Over {
    /// The run is over, and why, if it did not end in order. The run's events must have been let go of.
    pub async fn say(self, error: Option<String>) {
        // After the last of them.
        drop(self.handing_on.await);
        drop(self.inputs.send(Input::Over(error)));
    }
}

/// Hands the run's events on, no more of them than may be unacknowledged.
async fn hand_on(mut events: mpsc::Receiver<Event>, credit: Arc<Semaphore>, inputs: mpsc::UnboundedSender<Input>) {
    while let Some(event) = events.recv().await {
        // Closed when nobody will acknowledge any more: the rest is let through to be let go of.
        if let Ok(permit) = credit.acquire().await {
            permit.forget();
        }
        drop(inputs.send(Input::Event(Box::new(event))));
    }
}

struct Talk {
    /// `None` once the run has to end.
    commands: Option<mpsc::UnboundedSender<Result<Command, String>>>,
    credit: Arc<Semaphore>,
    outbox: Outbox<Event>,
    inbox: Inbox,
    wire: Option<Wire>,
    attachment: u64,
}

impl Talk {
    async fn go_on(mut self, mut queue: mpsc::UnboundedReceiver<Input>) {
        let mut lease_ends = Instant::now() + LEASE;
        loop {
            let input = if self.commands.is_some() {
                match timeout_at(lease_ends, queue.recv()).await {
                    Ok(input) => input,
                    Err(_) => {
                        let reason = format!("nothing was heard of the controller for {LEASE:?}: the run is over here");
                        tracing::warn!("{reason}");
                        self.last_word(Some(reason));
                        self.end();
                        continue;
                    }
                }
            } else {
                queue.recv().await
            };
            match input {
                None => return,
                Some(Input::Over(error)) => return self.last_word(error),
                Some(Input::End(reason)) => {
                    self.last_word(Some(reason));
                    self.end();
                }
                Some(Input::Event(event)) => self.say(*event),
                Some(Input::Attached { attachment, wire, acknowledged }) => {
                    lease_ends = Instant::now() + LEASE;
                    self.attach(attachment, wire, acknowledged);
                }
                // Of a stream that another has taken the place of.
                Some(Input::Heard { attachment, .. }) if attachment != self.attachment => {}
                Some(Input::Heard { frame, .. }) => {
                    lease_ends = Instant::now() + LEASE;
                    self.hear(frame);
                }
            }
        }
    }

    fn attach(&mut self, attachment: u64, wire: Wire, acknowledged: u64) {
        if self.commands.is_none() {
            // Refused where the stream has broken again.
            drop(wire.send(Err(format!("the run is over here: its lease of {LEASE:?} ran out, or it was left"))));
            return;
        }
        self.attachment = attachment;
        self.wire = Some(wire);
        self.acknowledge(acknowledged);
        self.send(None);
        for event in self.outbox.waiting() {
            self.send(Some(event));
        }
    }

    fn hear(&mut self, frame: Result<CommandFrame, String>) {
        let command = match frame {
            Err(reason) => Err(reason),
            Ok(CommandFrame { acknowledged, word }) => {
                self.acknowledge(acknowledged);
                match word {
                    Word::Beat => return self.send(None),
                    Word::Leave => return self.end(),
                    Word::Attach { .. } => Err("attach amid a stream".to_owned()),
                    Word::Command { number, command } => match self.inbox.take(number) {
                        Taken::New => Ok(Arc::unwrap_or_clone(command)),
                        Taken::Again => return self.send(None),
                        Taken::Gap(due) => Err(format!("command {number} came where {due} was due")),
                    },
                }
            }
        };
        if let Some(commands) = &self.commands {
            // Refused where the run is just ending by itself.
            drop(commands.send(command));
        }
        self.send(None);
    }

    fn say(&mut self, event: Event) {
        if self.commands.is_some() {
            let event = self.outbox.push(event);
            self.send(Some(event));
        }
    }

    fn acknowledge(&mut self, number: u64) {
        self.credit.add_permits(self.outbox.acknowledge(number));
    }

    fn send(&self, event: Option<(u64, Arc<Event>)>) {
        if let Some(wire) = &self.wire {
            // Refused where the stream has broken: what matters is said again on the next.
            drop(wire.send(Ok(EventFrame { acknowledged: self.inbox.taken(), event })));
        }
    }

    /// Has the run end. Its last events have no reader.
    fn end(&mut self) {
        self.commands = None;
        self.credit.close();
    }

    fn last_word(&self, error: Option<String>) {
        if let (Some(wire), Some(error)) = (&self.wire, error) {
            drop(wire.send(Err(error)));
        }
    }
}

#[cfg(test)]
mod tests {
    use rpycbench_proto::message::Open;
    use tokio_stream::wrappers::UnboundedReceiverStream;

    use super::*;

    type ToAgent = mpsc::UnboundedSender<Result<CommandFrame, String>>;

    fn attach(conversation: &Conversation, acknowledged: u64) -> (ToAgent, Frames) {
        let (sender, frames) = mpsc::unbounded_channel();
        (sender, conversation.attach(UnboundedReceiverStream::new(frames), acknowledged))
    }

    fn command(number: u64) -> Result<CommandFrame, String> {
        let command = Arc::new(Command::Open(Open { run_id: number.to_string(), ..Open::default() }));
        Ok(CommandFrame { acknowledged: 0, word: Word::Command { number, command } })
    }

    fn event(epoch_ns: i64) -> Event {
        Event::Opened { epoch_ns, nonce: [0; 32] }
    }

    async fn next_event(frames: &mut Frames) -> (u64, Event) {
        loop {
            let frame = frames.recv().await.expect("the stream goes on").expect("a frame");
            if let Some((number, event)) = frame.event {
                return (number, Arc::unwrap_or_clone(event));
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_acknowledged_is_said_again_on_the_next_stream() {
        let (conversation, mut run) = Conversation::begin();
        let (first, mut frames) = attach(&conversation, 0);
        for number in 1..=3_i64 {
            run.events.send(event(number)).await.expect("it is taken");
            assert_eq!(next_event(&mut frames).await, (number.cast_unsigned(), event(number)));
        }
        first.send(command(1)).expect("it is taken");
        run.commands.recv().await.expect("a command").expect("sound");
        // It breaks; the controller has taken the first only.
        drop((first, frames));
        run.events.send(event(4)).await.expect("it is taken");
        let (second, mut frames) = attach(&conversation, 1);
        for number in 2..=4_i64 {
            assert_eq!(next_event(&mut frames).await, (number.cast_unsigned(), event(number)));
        }
        // Said again by who did not hear that it was taken.
        second.send(command(1)).expect("it is taken");
        second.send(command(2)).expect("it is taken");
        let Ok(Command::Open(Open { run_id, .. })) = run.commands.recv().await.expect("a command") else { panic!() };
        assert_eq!(run_id, "2");
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_whose_controller_is_silent_ends_with_its_lease_and_cannot_be_attached_to() {
        let (conversation, mut run) = Conversation::begin();
        let (sender, _frames) = attach(&conversation, 0);
        let began = Instant::now();
        tokio::time::sleep(LEASE / 2).await;
        sender.send(Ok(CommandFrame { acknowledged: 0, word: Word::Beat })).expect("it is taken");
        assert!(run.commands.recv().await.is_none(), "no command was given");
        assert_eq!(began.elapsed().as_secs(), (LEASE + LEASE / 2).as_secs());
        let (_sender, mut frames) = attach(&conversation, 0);
        let refusal = frames.recv().await.expect("a last word").expect_err("refused");
        assert!(refusal.contains("its lease of 10s ran out"), "{refusal}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_was_replaced_is_no_longer_listened_to() {
        let (conversation, mut run) = Conversation::begin();
        let (old, _) = attach(&conversation, 0);
        let (new, _frames) = attach(&conversation, 0);
        old.send(Ok(CommandFrame { acknowledged: 0, word: Word::Leave })).expect("it is taken");
        new.send(command(1)).expect("it is taken");
        assert!(run.commands.recv().await.is_some_and(|command| command.is_ok()), "the run goes on");
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_waits_where_too_much_is_unacknowledged() {
        let (conversation, run) = Conversation::begin();
        let (sender, _frames) = attach(&conversation, 0);
        let saying = tokio::spawn(async move {
            for number in 0..1_000 {
                run.events.send(event(number)).await.expect("it is taken");
            }
        });
        tokio::time::sleep(LEASE / 4).await;
        assert!(!saying.is_finished());
        for _ in 0..100 {
            sender
                .send(Ok(CommandFrame { acknowledged: UNACKNOWLEDGED as u64, word: Word::Beat }))
                .expect("it is taken");
        }
        tokio::time::sleep(LEASE / 4).await;
        assert!(!saying.is_finished(), "an acknowledgement frees what it acknowledges, once");
        // Nobody will read the rest.
        sender.send(Ok(CommandFrame { acknowledged: 0, word: Word::Leave })).expect("it is taken");
        saying.await.expect("it ends");
    }
}
