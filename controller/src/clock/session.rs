//! A session with an agent's clock: its stream, and who asks.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rpycbench_probe::clock::raw_ns;
use rpycbench_proto::clock::{Asking, Telling};
use rpycbench_proto::pb;
use rpycbench_proto::pb::clock_client::ClockClient;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_stream::StreamExt;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::Channel;
use tonic::{Status, Streaming};

use super::asker::Asker;
use super::probes::{Probes, Transport};
use super::schedule::{Order, Owed, Schedule};

/// An agent that is asked to tells at once of what it has answered.
const TOLD_WITHIN: Duration = Duration::from_millis(500);
/// A burst takes a fifth of that; where every answer is waited for in vain, more is not waited for.
const ASKED_WITHIN: Duration = Duration::from_secs(1);
/// To begin a session takes a round trip.
const OPEN_LIMIT: Duration = Duration::from_secs(5);

/// An agent's clock cannot be asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClockError {
    /// The agent does not want to.
    #[error("it does not tell: {}", .0.message())]
    Refused(#[from] Box<Status>),
    /// It does not know what it is asked.
    #[error("it answers otherwise than an agent of this version: {0}")]
    Senseless(String),
    /// There is no way to ask.
    #[error("no question can be sent: {0}")]
    Host(#[from] std::io::Error),
}

/// What a session hears, from whom it is asked and from the agent.
#[derive(Debug)]
pub(super) enum Input {
    /// A datagram has left.
    Sent { number: u64, transport: Transport, asked: u64, t1: i64, by_kernel: bool },
    /// One has come back.
    Back { number: u64, answered: u64, t4: i64, by_kernel: bool },
    /// The agent tells; when that was here.
    Told(Telling, i64),
}

/// An agent's clock, asked for as ordered until this is dropped.
#[derive(Debug)]
pub(crate) struct ClockSession {
    orders: Orders,
    owed: Owed,
    probes: Arc<Kept>,
    transport: Transport,
    keeping: JoinHandle<()>,
    /// The session ends with it.
    stream: mpsc::UnboundedSender<Asking>,
}

/// What is known by now.
#[derive(Debug, Default)]
struct Kept {
    probes: Mutex<Probes>,
    more: Notify,
}

impl Kept {
    fn with<T>(&self, look: impl FnOnce(&Probes) -> T) -> T {
        look(&self.probes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn change(&self, change: impl FnOnce(&mut Probes)) {
        change(&mut self.probes.lock().unwrap_or_else(PoisonError::into_inner));
        self.more.notify_one();
    }

    /// Waits until it is so. One at a time may wait.
    async fn until(&self, is_so: impl Fn(&Probes) -> bool) {
        while !self.with(&is_so) {
            self.more.notified().await;
        }
    }
}

/// To whoever asks.
#[derive(Debug)]
enum Orders {
    Thread(std::sync::mpsc::Sender<Order>),
    Task(mpsc::UnboundedSender<Order>),
}

impl ClockSession {
    /// Begins a session over a connection with the agent at `address` (`host:port`), by datagrams where they pass. With
    /// `user_stamps` nothing counts that a kernel has stamped.
    ///
    /// # Errors
    /// When the agent does not want to, or this host has no clock.
    pub(crate) async fn open(channel: Channel, address: &str, user_stamps: bool) -> Result<Self, ClockError> {
        let (wire, frames) = mpsc::unbounded_channel();
        // The other end is here.
        let _ = wire.send(Asking::Open { user_stamps });
        let frames = UnboundedReceiverStream::new(frames).map(pb::ProbeRequest::from);
        let mut incoming = ClockClient::new(channel).probe(frames).await.map_err(Box::new)?.into_inner();
        let first = timeout(OPEN_LIMIT, incoming.message()).await;
        let first = first.map_err(|_| ClockError::Senseless("nothing".to_owned()))?.map_err(Box::new)?;
        let (session, port) = match first.map(Telling::try_from) {
            Some(Ok(Telling::Probing { session, port })) => (session, port),
            other => return Err(ClockError::Senseless(format!("{other:?}"))),
        };
        let (inputs, queue) = mpsc::unbounded_channel();
        let probes = Arc::<Kept>::default();
        let keeping = tokio::spawn(keep(queue, probes.clone()));
        tokio::spawn(listen(incoming, inputs.clone()));
        let asker = match resolved(address) {
            None => None,
            Some(agent) => {
                let inputs = inputs.clone();
                let found = move || answered(agent, port, session, user_stamps, &inputs);
                tokio::task::spawn_blocking(found).await.map_err(std::io::Error::other)??
            }
        };
        let owed = Owed::default();
        let (orders, transport) = match asker {
            Some(asker) => {
                let transport = asker.transport();
                (Orders::Thread(asker.start(owed.clone())?), transport)
            }
            None => {
                let (orders, ordered) = mpsc::unbounded_channel();
                tokio::spawn(ask(ordered, owed.clone(), wire.clone(), probes.clone()));
                (Orders::Task(orders), Transport::Grpc)
            }
        };
        Ok(Self { orders, owed, probes, transport, keeping, stream: wire })
    }

    /// Asks so many questions, a thousand a second.
    pub(crate) fn burst(&self, count: u32) {
        self.owed.add(count);
        self.order(Order::Burst);
    }

    /// Asks a question every so often from now on, or none.
    pub(crate) fn pace(&self, pace: Option<Duration>) {
        self.order(Order::Pace(pace));
    }

    fn order(&self, order: Order) {
        // Refused where the asker has gone with its host's clock or socket; what is missing then is seen in the probes.
        match &self.orders {
            Orders::Thread(orders) => drop(orders.send(order)),
            Orders::Task(orders) => drop(orders.send(order)),
        }
    }

    /// How questions travel.
    pub(crate) fn transport(&self) -> Transport {
        self.transport
    }

    /// What is known by now.
    pub(crate) fn with_probes<T>(&self, look: impl FnOnce(&Probes) -> T) -> T {
        self.probes.with(look)
    }

    /// Waits until every question that was to be asked has its answer, or will have none.
    pub(crate) async fn settle(&self) {
        // What takes longer is seen in the probes.
        let _ = timeout(ASKED_WITHIN, self.owed.paid()).await;
        self.ask_to_tell();
        let _ = timeout(TOLD_WITHIN, self.probes.until(|probes| probes.unanswered() == 0)).await;
        // Once more, for what the agent has answered after that: who has sent a question again has it answered again.
        self.ask_to_tell();
        let _ = timeout(TOLD_WITHIN, self.probes.until(Probes::has_been_told_all)).await;
    }

    fn ask_to_tell(&self) {
        // Without a clock there are no probes either.
        let Ok(now) = raw_ns() else { return };
        self.probes.change(|probes| probes.asked_to_tell(now));
        // Refused where the session is over: then there is nothing to wait for, and nothing comes.
        let _ = self.stream.send(Asking::Tell);
    }
}

impl Drop for ClockSession {
    fn drop(&mut self) {
        self.keeping.abort();
    }
}

/// Where the agent is; the name has been resolved before, for the connection.
fn resolved(address: &str) -> Option<SocketAddr> {
    address.to_socket_addrs().ok()?.next()
}

/// The best way by which it answers, but for the stream: by datagrams at that port, or over TCP. Blocks.
fn answered(
    agent: SocketAddr,
    port: Option<u16>,
    session: [u8; 16],
    user_stamps: bool,
    inputs: &mpsc::UnboundedSender<Input>,
) -> std::io::Result<Option<Asker>> {
    if let Some(port) = port {
        let at = SocketAddr::new(agent.ip(), port);
        let mut asker = Asker::by_datagrams(at, session, user_stamps, inputs.clone())?;
        if asker.is_answered() {
            return Ok(Some(asker));
        }
    }
    // Refused or cut where something in between lets nothing but TLS pass.
    let asker = Asker::over_tcp(agent, session, inputs.clone()).ok();
    Ok(asker.and_then(|mut asker| asker.is_answered().then_some(asker)))
}

/// Brings questions and answers together.
async fn keep(mut queue: mpsc::UnboundedReceiver<Input>, kept: Arc<Kept>) {
    while let Some(input) = queue.recv().await {
        kept.change(|probes| match input {
            Input::Sent { number, transport, asked, t1, by_kernel } => {
                probes.asked(number, transport, asked, t1, by_kernel);
            }
            Input::Back { number, answered, t4, by_kernel } => probes.back(number, answered, t4, by_kernel),
            Input::Told(Telling::Answers(answers), _) if answers.is_empty() => probes.told_all(),
            Input::Told(Telling::Answers(answers), now) => probes.told(answers, now),
            Input::Told(Telling::Break(broken), _) => probes.broke(broken),
            Input::Told(Telling::Probing { .. }, _) => {}
        });
    }
}

/// Hands on what the agent tells, with the moment at which it was here.
async fn listen(mut incoming: Streaming<pb::ProbeReply>, inputs: mpsc::UnboundedSender<Input>) {
    while let Ok(Some(reply)) = incoming.message().await {
        let (Ok(now), Ok(telling)) = (raw_ns(), Telling::try_from(reply)) else { return };
        if inputs.send(Input::Told(telling, now)).is_err() {
            return;
        }
    }
}

/// Asks over the stream, as ordered, until nobody can order any more.
async fn ask(
    mut orders: mpsc::UnboundedReceiver<Order>,
    owed: Owed,
    wire: mpsc::UnboundedSender<Asking>,
    kept: Arc<Kept>,
) {
    let mut schedule = Schedule::new(owed);
    let mut number = u64::from(u32::MAX);
    let mut last = Instant::now();
    loop {
        let order = match schedule.gap() {
            None => Ok(orders.recv().await),
            Some(gap) => timeout_at(last + gap, orders.recv()).await,
        };
        match order {
            Ok(Some(order)) => schedule.obey(order),
            Ok(None) => return,
            Err(_) => {
                last = Instant::now();
                number += 1;
                schedule.asked();
                let Ok(t1) = raw_ns() else { return };
                kept.change(|probes| probes.asked(number, Transport::Grpc, 0, t1, false));
                if wire.send(Asking::Question { number }).is_err() {
                    return;
                }
            }
        }
    }
}
