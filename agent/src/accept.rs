//! The accept loop: TLS in a task per connection, so that a slow or bad handshake never holds up another.
//!
//! One port, two doors. Behind the first is the agent, for controllers of the authority that enrolled it. Behind the second
//! is enrolment alone, for a client that asks for it by its server name; it has no key but the code.

use std::io;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rpycbench_certs::enrol::{AgentState, ENROL_SERVER_NAME};
use rpycbench_certs::{CertError, Identity, in_words};
use rpycbench_proto::pb::agent_server::AgentServer;
use rpycbench_proto::pb::enrolment_server::EnrolmentServer;
use rpycbench_proto::pb::renewal_server::RenewalServer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::server::Acceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;

use crate::enrolment::EnrolmentService;
use crate::renewal::RenewalService;
use crate::service::AgentService;

/// A peer that has not finished its handshake by then is not a controller.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);
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
    /// Beside it, where the identity is the agent's own.
    pub renewal: Option<RenewalService>,
    /// Behind the second.
    pub enrolment: Option<EnrolmentService>,
}

type Accepted = mpsc::Sender<io::Result<TlsStream<TcpStream>>>;

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
    let Services { agent, renewal, enrolment } = services;
    let (to_agent, agent_connections) = mpsc::channel(ACCEPTED_QUEUE);
    let (to_enrolment, enrolment_connections) = mpsc::channel(ACCEPTED_QUEUE);
    let accepting = tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((socket, _)) => {
                    drop(tokio::spawn(shake_hands(socket, doors.clone(), to_agent.clone(), to_enrolment.clone())));
                }
                // Out of file descriptors, mostly: the listener itself is sound.
                Err(error) => tracing::warn!(%error, "cannot accept a connection"),
            }
        }
    });
    if let Some(enrolment) = enrolment {
        let enrolling = Server::builder()
            .max_concurrent_streams(STREAMS_PER_CONNECTION)
            .add_service(EnrolmentServer::new(enrolment))
            .serve_with_incoming_shutdown(ReceiverStream::new(enrolment_connections), stop.clone().cancelled_owned());
        tokio::spawn(async move {
            if let Err(error) = enrolling.await {
                tracing::warn!(%error, "enrolment ended");
            }
        });
    }
    let served = Server::builder()
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .add_service(AgentServer::new(agent.clone()))
        .add_optional_service(renewal.map(RenewalServer::new))
        .serve_with_incoming_shutdown(ReceiverStream::new(agent_connections), stop.cancelled_owned())
        .await;
    accepting.abort();
    agent.idle().await;
    served
}

async fn shake_hands(socket: TcpStream, doors: Arc<Doors>, agent: Accepted, enrolment: Accepted) {
    // Commands are small and waited for. Where this fails the socket is broken and the handshake says so.
    drop(socket.set_nodelay(true));
    let peer = socket.peer_addr().map_or_else(|_| "unknown".to_owned(), |peer| peer.to_string());
    let outcome = tokio::time::timeout(HANDSHAKE_LIMIT, async {
        let hello = LazyConfigAcceptor::new(Acceptor::default(), socket).await?;
        let (config, door) = if hello.client_hello().server_name() == Some(ENROL_SERVER_NAME) {
            (doors.enrolment.clone(), enrolment)
        } else {
            (doors.agent(), agent)
        };
        let config = config.ok_or_else(|| io::Error::other("this agent is not enrolled, or not to be enrolled"))?;
        Ok::<_, io::Error>((hello.into_stream(config).await.map_err(in_words)?, door))
    });
    match outcome.await {
        // The receiver is gone only when the agent ends.
        Ok(Ok((stream, door))) => drop(door.send(Ok(stream)).await),
        Ok(Err(error)) => tracing::warn!(%peer, %error, "connection refused"),
        Err(_) => tracing::warn!(%peer, "connection refused: no handshake in {HANDSHAKE_LIMIT:?}"),
    }
}
