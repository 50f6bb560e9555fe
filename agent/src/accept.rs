//! The accept loop: TLS in a task per connection, so that a slow or bad handshake never holds up another.

use std::sync::Arc;
use std::time::Duration;

use rpycbench_proto::pb::agent_server::AgentServer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use crate::service::AgentService;

/// A peer that has not finished its handshake by then is not a controller.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);
/// Connections that have shaken hands and wait to be served; a controller opens one.
const ACCEPTED_QUEUE: usize = 8;
/// More than a controller ever opens, few enough that a peer cannot make the agent hold many.
const STREAMS_PER_CONNECTION: u32 = 16;

/// Serves `service` to clients that show a certificate the configuration trusts, until `stop`.
///
/// # Errors
/// When the transport fails as a whole; a single bad connection is only logged.
pub async fn serve(
    listener: TcpListener,
    config: ServerConfig,
    service: AgentService,
    stop: CancellationToken,
) -> Result<(), tonic::transport::Error> {
    let (accepted, connections) = mpsc::channel(ACCEPTED_QUEUE);
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let accepting = tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((socket, _)) => drop(tokio::spawn(shake_hands(acceptor.clone(), socket, accepted.clone()))),
                // Out of file descriptors, mostly: the listener itself is sound.
                Err(error) => tracing::warn!(%error, "cannot accept a connection"),
            }
        }
    });
    let served = tonic::transport::Server::builder()
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .add_service(AgentServer::new(service.clone()))
        .serve_with_incoming_shutdown(ReceiverStream::new(connections), stop.cancelled_owned())
        .await;
    accepting.abort();
    service.idle().await;
    served
}

async fn shake_hands(
    acceptor: TlsAcceptor,
    socket: TcpStream,
    accepted: mpsc::Sender<Result<TlsStream<TcpStream>, std::io::Error>>,
) {
    // Commands are small and waited for. Where this fails the socket is broken and the handshake says so.
    drop(socket.set_nodelay(true));
    let peer = socket.peer_addr().map_or_else(|_| "unknown".to_owned(), |peer| peer.to_string());
    match tokio::time::timeout(HANDSHAKE_LIMIT, acceptor.accept(socket)).await {
        // The receiver is gone only when the agent ends.
        Ok(Ok(stream)) => drop(accepted.send(Ok(stream)).await),
        Ok(Err(error)) => tracing::warn!(%peer, %error, "connection refused"),
        Err(_) => tracing::warn!(%peer, "connection refused: no handshake in {HANDSHAKE_LIMIT:?}"),
    }
}
