//! A run's conversation with one agent, which outlives its connection: see the top of `agent.proto`.
//!
//! One task owns it and everything reaches it through one queue: commands of the run, frames of the stream, a stream that
//! broke, one that was opened in its place. It says something twice a second, so that the agent's lease does not run out.

use std::sync::Arc;
use std::time::Duration;

use rpycbench_process::metrics;
use rpycbench_proto::delivery::{Inbox, Outbox, Taken};
use rpycbench_proto::frame::{CommandFrame, EventFrame, Word};
use rpycbench_proto::{Command, Event};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tracing::Instrument;

/// How often an agent hears of its controller: often enough that one who is cut off for 8 s still comes within the lease.
const BEAT: Duration = Duration::from_millis(500);
/// An agent answers every frame; one that was not heard for so long is called again on a new connection. TCP itself may take as
/// long again as a link was cut to try it anew.
const SILENT: Duration = Duration::from_millis(2500);
/// After that an agent has ended the run: its lease, see `agent.proto`.
const LEASE: Duration = Duration::from_secs(10);

/// Frames on their way to the agent.
pub type Wire = mpsc::UnboundedSender<CommandFrame>;

/// What comes from an agent.
#[derive(Debug)]
pub enum FromAgent {
    /// A word of the conversation.
    Event(Box<Event>),
    /// It is heard again, after so long.
    Silent(Duration),
    /// The conversation is over, and why.
    Lost(String),
    /// The agent is not to be talked to any more, since when.
    Banned(String),
}

/// A stream that is over, or could not be opened.
#[derive(Debug)]
pub struct Unattached {
    /// Why.
    pub reason: String,
    /// No other stream will do better.
    pub is_final: bool,
}

/// Calls an agent anew when a stream has broken.
pub trait Caller: Send + Sync + 'static {
    /// Opens another stream and attaches to the run, of whose events `taken` were taken. What it carries goes to `inputs` with
    /// the number `attachment`.
    ///
    /// # Errors
    /// When the agent cannot be reached, or has ended the run.
    fn call(
        &self,
        attachment: u64,
        taken: u64,
        inputs: &mpsc::UnboundedSender<Input>,
    ) -> impl Future<Output = Result<Wire, Unattached>> + Send;
}

/// Whatever happens to a conversation.
#[derive(Debug)]
pub enum Input {
    /// The run has a command.
    Say(Command),
    /// The run no longer needs the agent.
    Leave,
    /// From the stream of that number.
    Heard(u64, EventFrame),
    /// That stream is over.
    Broken(u64, Unattached),
    /// A new stream, or none.
    Called(Result<Wire, Unattached>),
}

/// One agent's.
pub struct Talk<C> {
    caller: Arc<C>,
    /// Tells which agent in what is handed to the run.
    number: usize,
    /// To the run.
    events: mpsc::Sender<(usize, FromAgent)>,
    /// The queue's other end, for streams.
    inputs: mpsc::UnboundedSender<Input>,
    wire: Option<Wire>,
    /// The number of the newest stream.
    attachment: u64,
    outbox: Outbox<Command>,
    inbox: Inbox,
    /// When anything was last heard.
    heard: Instant,
    /// Why the last stream broke.
    trouble: String,
}

/// The number of a conversation's first stream.
pub const FIRST_ATTACHMENT: u64 = 1;

impl<C: Caller> Talk<C> {
    /// One whose first stream is open. What the agent says is sent to `events` with `number`; `inputs` is the other end of the
    /// queue that [`Talk::go_on`] is given.
    pub fn new(
        caller: C,
        number: usize,
        events: mpsc::Sender<(usize, FromAgent)>,
        inputs: mpsc::UnboundedSender<Input>,
        wire: Wire,
    ) -> Self {
        Self {
            caller: Arc::new(caller),
            number,
            events,
            inputs,
            wire: Some(wire),
            attachment: FIRST_ATTACHMENT,
            outbox: Outbox::default(),
            inbox: Inbox::default(),
            heard: Instant::now(),
            trouble: String::new(),
        }
    }

    /// Goes on until the run leaves or the agent is lost, of which the run is told.
    pub async fn go_on(mut self, mut queue: mpsc::UnboundedReceiver<Input>) {
        let mut calling = false;
        let mut leaving = None;
        let lost = loop {
            let input = timeout(BEAT, queue.recv()).await;
            if leaving.is_some_and(|since: Instant| since.elapsed() > self.patience()) {
                return;
            }
            match input {
                Ok(None) => return,
                Ok(Some(Input::Say(command))) => {
                    let command = self.outbox.push(command);
                    self.send(command);
                }
                Ok(Some(Input::Leave)) if self.wire.is_none() && !self.has_more_to_say() => return,
                Ok(Some(Input::Leave)) => {
                    self.say(Word::Leave);
                    leaving = Some(Instant::now());
                }
                Ok(Some(Input::Heard(attachment, frame))) if attachment == self.attachment => {
                    if let Err(reason) = self.hear(frame).await {
                        break reason;
                    }
                }
                Ok(Some(Input::Broken(attachment, broken))) if attachment == self.attachment => {
                    if leaving.is_some() && !self.has_more_to_say() {
                        return;
                    }
                    if broken.is_final {
                        break broken.reason;
                    }
                    self.wire = None;
                    self.trouble = broken.reason;
                }
                // Of a stream that another has taken the place of.
                Ok(Some(Input::Heard(..) | Input::Broken(..))) => {}
                Ok(Some(Input::Called(called))) => {
                    calling = false;
                    match called {
                        Ok(wire) => {
                            self.take_up(wire).await;
                            if leaving.is_some() {
                                self.say(Word::Leave);
                            }
                        }
                        Err(unattached) if unattached.is_final => break unattached.reason,
                        // The first trouble says more than that of calling again.
                        Err(_) => {}
                    }
                }
                // Nothing came for a while.
                Err(_) => {
                    self.say(Word::Beat);
                    if self.heard.elapsed() > SILENT && self.wire.take().is_some() {
                        self.trouble = format!("nothing heard of it for {SILENT:?}");
                    }
                }
            }
            if self.heard.elapsed() > LEASE {
                break std::mem::take(&mut self.trouble);
            }
            if self.wire.is_none() && !calling {
                calling = true;
                self.call();
            }
        };
        // Nobody listens once the run is over.
        drop(self.events.send((self.number, FromAgent::Lost(lost))).await);
    }
}

impl<C: Caller> Talk<C> {
    /// Whether the agent may not have heard all that it was told.
    fn has_more_to_say(&self) -> bool {
        self.outbox.waiting().next().is_some()
    }

    /// How long leaving may take: as long as the agent waits, where it has to hear that samples are stored.
    fn patience(&self) -> Duration {
        if self.has_more_to_say() { LEASE } else { SILENT }
    }

    /// Takes a frame in; an error is the end of the conversation.
    async fn hear(&mut self, EventFrame { acknowledged, event }: EventFrame) -> Result<(), String> {
        self.heard = Instant::now();
        self.outbox.acknowledge(acknowledged);
        let Some((number, event)) = event else { return Ok(()) };
        match self.inbox.take(number) {
            Taken::Gap(due) => return Err(format!("event {number} came where {due} was due")),
            Taken::Again => {}
            Taken::New => {
                self.hand_over(FromAgent::Event(Box::new(Arc::unwrap_or_clone(event)))).await;
                // What was said while the run was busy has waited here, and is heard from now on.
                self.heard = Instant::now();
            }
        }
        self.say(Word::Beat);
        Ok(())
    }

    /// Hands something to the run, which may have to write to its disk first; the agent is not left waiting for a word
    /// meanwhile.
    async fn hand_over(&mut self, from: FromAgent) {
        loop {
            match timeout(BEAT, self.events.reserve()).await {
                Ok(Ok(place)) => return place.send((self.number, from)),
                // The run is over.
                Ok(Err(_)) => return,
                Err(_) => self.say(Word::Beat),
            }
        }
    }

    async fn take_up(&mut self, wire: Wire) {
        metrics::reconnected();
        let silence = self.heard.elapsed();
        self.heard = Instant::now();
        self.wire = Some(wire);
        for command in self.outbox.waiting() {
            self.send(command);
        }
        // A connection that broke and was made again at once is nothing that a reader need know.
        if silence > SILENT {
            self.hand_over(FromAgent::Silent(silence)).await;
        }
    }

    /// Calls the agent again; the answer comes through the queue.
    fn call(&mut self) {
        self.attachment += 1;
        let (caller, inputs) = (self.caller.clone(), self.inputs.clone());
        let (attachment, taken) = (self.attachment, self.inbox.taken());
        let calling = async move {
            let called = caller.call(attachment, taken, &inputs).await;
            // Nobody waits for it once the run is over.
            drop(inputs.send(Input::Called(called)));
        };
        tokio::spawn(calling.in_current_span());
    }

    fn send(&self, (number, command): (u64, Arc<Command>)) {
        self.say(Word::Command { number, command });
    }

    fn say(&self, word: Word) {
        if let Some(wire) = &self.wire {
            // Refused where the stream has broken: what matters is said again on the next.
            drop(wire.send(CommandFrame { acknowledged: self.inbox.taken(), word }));
        }
    }
}
