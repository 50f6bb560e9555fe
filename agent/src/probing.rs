//! Answers who wants to know this host's clock: over a session's stream, and datagrams within it. See `clock.proto`.

mod answering;
mod responder;
mod streamed;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rpycbench_probe::clock::raw_ns;
use rpycbench_probe::datagram::FIRST_BYTE;
use rpycbench_probe::ledger::{Break, BreakKind, Reading};
use rpycbench_proto::clock::{Answer, Asking, ClockBreak, Telling};
use rpycbench_proto::pb;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

use crate::audit::Peer;

use responder::Responder;

/// Controllers that want to know at the same time; a run has one for each agent.
const SESSIONS: usize = 8;
/// Words on their way, of either side.
const QUEUE: usize = 64;
/// How often a session looks what has become of the clocks, and whether enough was answered to be told. It is not woken for every
/// answer, which would cost more than the answer itself.
const LOOK: Duration = Duration::from_secs(1);
/// So many answers are told unasked, together: a word over the stream costs as much as several answers.
const ENOUGH: usize = 64;
/// A stream that has not said by then what it is for is none of a controller's.
const FIRST_WORD_LIMIT: Duration = Duration::from_secs(5);

/// The sessions that datagrams may belong to.
type Sessions = Arc<Mutex<HashMap<[u8; 16], Session>>>;

/// What datagrams of a session have come to.
#[derive(Clone, Debug)]
struct Session {
    /// Those that were not told yet.
    answers: Arc<Mutex<Vec<Answer>>>,
    user_stamps: bool,
}

/// What a session hears.
#[derive(Debug)]
enum Input {
    /// A question over its stream, and when it had come.
    Asked { number: u64, received_ns: i64 },
    /// What was answered is wanted.
    Tell,
    /// The stream has ended.
    Gone,
}

/// The service.
#[derive(Clone, Debug)]
pub struct ClockService {
    /// `None` where no datagrams can be answered.
    responder: Option<Responder>,
    sessions: Sessions,
}

impl ClockService {
    /// Answers questions of the streams, and datagrams at that address where it can. Its port should be that of the agent:
    /// who lets the one pass then lets the other.
    pub fn start(address: SocketAddr) -> Self {
        let responder = Responder::start(address).inspect_err(
            |error| tracing::warn!(%address, %error, "no datagrams will be answered: clocks are known less well"),
        );
        let responder = responder.ok();
        let sessions = responder.as_ref().map_or_else(Sessions::default, Responder::sessions);
        Self { responder, sessions }
    }
}

#[tonic::async_trait]
impl pb::clock_server::Clock for ClockService {
    type ProbeStream = Pin<Box<dyn Stream<Item = Result<pb::ProbeReply, Status>> + Send>>;

    async fn probe(
        &self,
        request: Request<Streaming<pb::ProbeRequest>>,
    ) -> Result<Response<Self::ProbeStream>, Status> {
        let peer = Peer::of(&request);
        let mut asking = request.into_inner();
        let first = timeout(FIRST_WORD_LIMIT, asking.next()).await.ok().flatten().and_then(Result::ok);
        let Some(Ok(Asking::Open { user_stamps })) = first.map(Asking::try_from) else {
            return Err(Status::invalid_argument("the first word of a stream must open a session"));
        };
        let answers = Arc::default();
        let session = self.enter(Session { answers: Arc::clone(&answers), user_stamps })?;
        tracing::debug!(%peer, "asks for the clock");
        let (inputs, queue) = mpsc::channel(QUEUE);
        let (telling, told) = mpsc::channel(QUEUE);
        let port = self.responder.as_ref().map(Responder::port);
        tokio::spawn(listen(asking, inputs));
        let sessions = self.sessions.clone();
        tokio::spawn(async move {
            // A reader that is gone ends it.
            let _ = tell(Telling::Probing { session, port }, queue, &answers, telling).await;
            sessions.lock().unwrap_or_else(PoisonError::into_inner).remove(&session);
        });
        let told = ReceiverStream::new(told).map(|telling: Telling| Ok(telling.into()));
        Ok(Response::new(Box::pin(told)))
    }
}

impl ClockService {
    fn session(&self, id: &[u8; 16]) -> Option<Session> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// A session that nobody can guess.
    fn enter(&self, session: Session) -> Result<[u8; 16], Status> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if sessions.len() >= SESSIONS {
            return Err(Status::resource_exhausted(format!("{SESSIONS} others ask for this host's clock already")));
        }
        let mut nonce: [u8; 16] = rand::random();
        nonce[0] = FIRST_BYTE;
        sessions.insert(nonce, session);
        Ok(nonce)
    }
}

/// Hands on what a stream asks, with the moment at which it was there.
async fn listen(mut asking: Streaming<pb::ProbeRequest>, inputs: mpsc::Sender<Input>) {
    while let Some(Ok(request)) = asking.next().await {
        let input = match (raw_ns(), Asking::try_from(request)) {
            (Ok(received_ns), Ok(Asking::Question { number })) => Input::Asked { number, received_ns },
            (_, Ok(Asking::Tell)) => Input::Tell,
            _ => break,
        };
        if inputs.send(input).await.is_err() {
            return;
        }
    }
    drop(inputs.send(Input::Gone).await);
}

/// Somebody has stopped to listen, or this host has no clocks.
struct Over;

impl<T> From<mpsc::error::SendError<T>> for Over {
    fn from(_: mpsc::error::SendError<T>) -> Self {
        Self
    }
}

impl From<nix::Error> for Over {
    fn from(_: nix::Error) -> Self {
        Self
    }
}

/// A session, to its end.
async fn tell(
    first: Telling,
    mut queue: mpsc::Receiver<Input>,
    answers: &Mutex<Vec<Answer>>,
    telling: mpsc::Sender<Telling>,
) -> Result<(), Over> {
    telling.send(first).await?;
    let mut seen = Reading::take()?;
    let mut due = Instant::now() + LOOK;
    loop {
        let at_least = match timeout_at(due, queue.recv()).await {
            Ok(None | Some(Input::Gone)) => return Ok(()),
            Ok(Some(Input::Asked { number, received_ns })) => {
                let answer = Answer { number, received_ns, sent_ns: raw_ns()?, ..Answer::default() };
                telling.send(Telling::Answers(vec![answer])).await?;
                continue;
            }
            Ok(Some(Input::Tell)) => 0,
            Err(_) => ENOUGH,
        };
        due = Instant::now() + LOOK;
        let now = Reading::take()?;
        if let Some(broken) = now.break_since(&seen) {
            telling.send(Telling::Break(told(broken))).await?;
        }
        seen = now;
        let untold = {
            let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
            if answers.len() < at_least { Vec::new() } else { std::mem::take(&mut *answers) }
        };
        if !untold.is_empty() {
            telling.send(Telling::Answers(untold)).await?;
        }
        if at_least == 0 {
            telling.send(Telling::Answers(Vec::new())).await?;
        }
    }
}

fn told(Break { kind, by_ns, from_ns, to_ns }: Break) -> ClockBreak {
    ClockBreak { slept: kind == BreakKind::Slept, by_ns, from_ns, to_ns }
}
