//! Opening a gRPC channel over TLS settings of one's own.

use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

/// An agent that has not answered by then cannot be reached.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How often a silent agent is asked whether it is still there, and how long it has to answer.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(3);
const KEEP_ALIVE_LIMIT: Duration = Duration::from_secs(10);

/// Connects to `address` (`host:port`) and asks there for `name`.
///
/// # Errors
/// Why not, with every cause, on one line.
pub(crate) async fn dial(address: &str, config: ClientConfig, name: &str) -> Result<Channel, String> {
    let name = ServerName::try_from(name.to_owned()).map_err(|error| error.to_string())?;
    let (tls, target) = (TlsConnector::from(Arc::new(config)), address.to_owned());
    let connector = service_fn(move |_: Uri| {
        let (tls, name, target) = (tls.clone(), name.clone(), target.clone());
        async move {
            let socket = TcpStream::connect(&target).await?;
            socket.set_nodelay(true)?;
            Ok::<_, std::io::Error>(TokioIo::new(tls.connect(name, socket).await?))
        }
    });
    // TLS is the connector's: the URI only names the peer.
    let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(|error| chain(&error))?;
    endpoint
        .connect_timeout(CONNECT_LIMIT)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_LIMIT)
        .keep_alive_while_idle(true)
        .connect_with_connector(connector)
        .await
        .map_err(|error| chain(&error))
}

/// An error with what caused it, on one line. A cause that the error has told itself is not told again.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
