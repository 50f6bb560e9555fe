//! The accept loop: TLS in a task per connection, so that a slow or bad handshake never holds up another.
//!
//! One port, two doors. Behind the first is the agent, for controllers of the authority that enrolled it. Behind the second
//! is enrolment alone, for a client that asks for it by its server name; it has no key but the code. Who begins otherwise than TLS
//! does must ask for the clock, within a session that was begun behind the first: see [`ClockService`].
//!
//! Whoever knocks is a stranger until the handshake is over. What a stranger can make the agent hold is bounded: connections,
//! time, and behind the second door the size and number of what it may say.

mod connection;
mod gate;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rpycbench_certs::enrol::{AgentState, ENROL_SERVER_NAME};
use rpycbench_certs::{CertError, Identity, in_words};
use rpycbench_probe::datagram::FIRST_BYTE;
use rpycbench_proto::pb::agent_server::AgentServer;
use rpycbench_proto::pb::clock_server::ClockServer;
use rpycbench_proto::pb::enrolment_server::EnrolmentServer;
use rpycbench_proto::pb::renewal_server::RenewalServer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::server::Acceptor;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;

use connection::Connection;
use gate::{Gate, Place};

use crate::enrolment::EnrolmentService;
use crate::probing::ClockService;
use crate::renewal::RenewalService;
use crate::service::AgentService;

/// Until it is tried again to let in whoever waits, where that was not possible: the reason for it may last, and the log with it.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// A peer that has not finished its handshake by then is not a controller.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);
/// Strangers at the same time: those who shake hands, and those behind the door of enrolment.
const STRANGERS: usize = 128;
/// Of them, from one address: nobody keeps others out alone.
const STRANGERS_FROM_ONE: usize = 32;
/// Controllers at the same time: one has the agent, others ask how it is.
const CONTROLLERS: usize = 64;
/// An enrolment is two questions.
const ENROLMENT_LIMIT: Duration = Duration::from_secs(30);
/// The largest command or request, two certificates, has some kilobytes.
const MESSAGE_BYTES: usize = 64 * 1024;
/// gRPC sends a few hundred bytes of headers.
const HEADER_BYTES: u32 = 16 * 1024;
/// Streams that were opened and reset before they were looked at: more of them, and the connection is closed.
const RESET_STREAMS: usize = 20;
/// Connections that have shaken hands and wait to be served; a controller opens one.
const ACCEPTED_QUEUE: usize = 8;
/// More than a controller ever opens, few enough that a peer cannot make the agent hold many.
const STREAMS_PER_CONNECTION: u32 = 16;

/// Who is let in where.
#[derive(Debug)]
pub struct Doors {
    /// `None` until the agent is enrolled.
    agent: RwLock<Option<Arc<ServerConfig>>>,
    /// `None` for an agent that has its identity from the controller that started it.
    enrolment: Option<Arc<ServerConfig>>,
}

impl Doors {
    /// For an agent whose identity is given.
    ///
    /// # Errors
    /// When the identity is unusable.
    pub fn of(identity: &Identity) -> Result<Self, CertError> {
        let agent = RwLock::new(Some(Arc::new(identity.server_config()?)));
        Ok(Self { agent, enrolment: None })
    }

    /// For an agent that is enrolled, or will be.
    ///
    /// # Errors
    /// When the state folder is unusable.
    pub fn from_state(state: &AgentState) -> Result<Self, CertError> {
        let agent = state.identity()?.map(|identity| identity.server_config()).transpose()?;
        let enrolment = Some(Arc::new(state.enrol_server_config()?));
        Ok(Self { agent: RwLock::new(agent.map(Arc::new)), enrolment })
    }

    /// Uses another identity from the next connection on.
    ///
    /// # Errors
    /// When the identity is unusable; the one before stays.
    pub(crate) fn replace(&self, identity: &Identity) -> Result<(), CertError> {
        let config = Arc::new(identity.server_config()?);
        *self.agent.write().unwrap_or_else(PoisonError::into_inner) = Some(config);
        Ok(())
    }

    fn agent(&self) -> Option<Arc<ServerConfig>> {
        self.agent.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What is behind the doors.
#[derive(Clone, Debug)]
pub struct Services {
    /// Behind the first.
    pub agent: AgentService,
    /// Beside it.
    pub clock: ClockService,
    /// Beside it, where the identity is the agent's own.
    pub renewal: Option<RenewalService>,
    /// Behind the second.
    pub enrolment: Option<EnrolmentService>,
}

type Accepted = mpsc::Sender<io::Result<Connection>>;

/// Where a connection may go.
#[derive(Clone)]
struct Hall {
    doors: Arc<Doors>,
    agent: Accepted,
    enrolment: Accepted,
    controllers: Gate,
    clock: ClockService,
}

/// Serves until `stop`, and then until no process of a run is left.
///
/// # Errors
/// When the transport fails as a whole; a single bad connection is only logged.
pub async fn serve(
    listener: TcpListener,
    doors: Arc<Doors>,
    services: Services,
    stop: CancellationToken,
) -> Result<(), tonic::transport::Error> {
    let Services { agent, clock, renewal, enrolment } = services;
    let (to_agent, agent_connections) = mpsc::channel(ACCEPTED_QUEUE);
    let (to_enrolment, enrolment_connections) = mpsc::channel(ACCEPTED_QUEUE);
    let controllers = Gate::new(CONTROLLERS, CONTROLLERS);
    let hall = Hall { doors, agent: to_agent, enrolment: to_enrolment, controllers, clock: clock.clone() };
    let accepting = tokio::spawn(let_in(listener, hall));
    if let Some(enrolment) = enrolment {
        let enrolling = bounded()
            .timeout(ENROLMENT_LIMIT)
            .max_connection_age(ENROLMENT_LIMIT)
            .max_connection_age_grace(ENROLMENT_LIMIT)
            .add_service(EnrolmentServer::new(enrolment).max_decoding_message_size(MESSAGE_BYTES))
            .serve_with_incoming_shutdown(ReceiverStream::new(enrolment_connections), stop.clone().cancelled_owned());
        tokio::spawn(async move {
            if let Err(error) = enrolling.await {
                tracing::warn!(%error, "enrolment ended");
            }
        });
    }
    let renewal = renewal.map(|renewal| RenewalServer::new(renewal).max_decoding_message_size(MESSAGE_BYTES));
    let served = bounded()
        .add_service(AgentServer::new(agent.clone()).max_decoding_message_size(MESSAGE_BYTES))
        .add_service(ClockServer::new(clock).max_decoding_message_size(MESSAGE_BYTES))
        .add_optional_service(renewal)
        .serve_with_incoming_shutdown(ReceiverStream::new(agent_connections), stop.cancelled_owned())
        .await;
    accepting.abort();
    agent.idle().await;
    served
}

/// A server whose peers cannot make it hold much.
fn bounded() -> Server {
    Server::builder()
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .concurrency_limit_per_connection(STREAMS_PER_CONNECTION as usize)
        .http2_max_header_list_size(HEADER_BYTES)
        .http2_max_pending_accept_reset_streams(Some(RESET_STREAMS))
}

async fn let_in(listener: TcpListener, hall: Hall) {
    let strangers = Gate::new(STRANGERS, STRANGERS_FROM_ONE);
    loop {
        match listener.accept().await {
            Ok((socket, peer)) => match strangers.enter(peer.ip()) {
                Some(place) => drop(tokio::spawn(shake_hands(socket, peer, place, hall.clone()))),
                None => tracing::warn!(target: "audit", %peer, "connection refused: too many of strangers are open"),
            },
            // Out of file descriptors, mostly: the listener itself is sound. Who knocks waits meanwhile.
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

async fn shake_hands(socket: TcpStream, peer: SocketAddr, place: Place, hall: Hall) {
    // Commands are small and waited for. Where this fails the socket is broken and the handshake says so.
    drop(socket.set_nodelay(true));
    let outcome = tokio::time::timeout(HANDSHAKE_LIMIT, async {
        let mut first = [0];
        if socket.peek(&mut first).await? == 1 && first == [FIRST_BYTE] {
            let socket = socket.into_std()?;
            socket.set_nonblocking(false)?;
            let answering = spawn_blocking(move || hall.clock.answer_stream(socket, HANDSHAKE_LIMIT)).await;
            return answering?.map(|()| None);
        }
        let hello = LazyConfigAcceptor::new(Acceptor::default(), socket).await?;
        let is_enrolment = hello.client_hello().server_name() == Some(ENROL_SERVER_NAME);
        let config = if is_enrolment { hall.doors.enrolment.clone() } else { hall.doors.agent() };
        let config = config.ok_or_else(|| io::Error::other("this agent is not enrolled, or not to be enrolled"))?;
        let stream = hello.into_stream(config).await.map_err(in_words)?;
        if is_enrolment {
            return Ok(Some((Connection::new(stream, peer, place), hall.enrolment)));
        }
        // A controller has proven to be one, and no longer takes a stranger's place.
        drop(place);
        let place = hall.controllers.enter(peer.ip()).ok_or_else(|| io::Error::other("too many controllers"))?;
        Ok::<_, io::Error>(Some((Connection::new(stream, peer, place), hall.agent)))
    });
    match outcome.await {
        // The receiver is gone only when the agent ends.
        Ok(Ok(Some((connection, door)))) => drop(door.send(Ok(connection)).await),
        Ok(Ok(None)) => tracing::debug!(%peer, "asks for the clock over TCP"),
        Ok(Err(error)) => tracing::warn!(target: "audit", %peer, %error, "connection refused"),
        Err(_) => {
            tracing::warn!(target: "audit", %peer, "connection refused: no handshake in {HANDSHAKE_LIMIT:?}");
        }
    }
}
