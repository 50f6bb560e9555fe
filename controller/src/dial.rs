//! Opening a gRPC channel over TLS settings of one's own.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rpycbench_certs::in_words;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{self, CertificateError, ClientConfig};
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

/// An agent that has not answered by then cannot be reached.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How often a silent agent is asked whether it is still there, and how long it has to answer.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(3);
const KEEP_ALIVE_LIMIT: Duration = Duration::from_secs(10);

const HUNG_UP: &str = "it closes the connection as an agent does that is not enrolled any more";

/// Nobody to talk to.
#[derive(Debug)]
pub(crate) enum DialError {
    /// Someone who was enrolled once, perhaps, and cannot prove it any more; why, in words.
    NotOurs(String),
    /// Someone who hangs up before anything is said; why, perhaps.
    HungUp(String),
    /// The host is there and nobody listens.
    Nobody(String),
    /// Any other reason, with every cause, on one line.
    Other(String),
}

impl DialError {
    /// The reason alone.
    pub(crate) fn into_reason(self) -> String {
        match self {
            Self::NotOurs(reason) | Self::HungUp(reason) | Self::Nobody(reason) | Self::Other(reason) => reason,
        }
    }

    fn of(error: &(dyn Error + 'static)) -> Self {
        let mut link = Some(error);
        while let Some(this) = link {
            if let Some(io) = this.downcast_ref::<io::Error>() {
                if let Some(reason) = not_ours(io) {
                    return Self::NotOurs(reason.to_owned());
                }
                match io.kind() {
                    // What an agent does whose own door is shut.
                    io::ErrorKind::UnexpectedEof => return Self::HungUp(HUNG_UP.to_owned()),
                    io::ErrorKind::ConnectionRefused => return Self::Nobody(chain(error)),
                    _ => {}
                }
            }
            link = this.source();
        }
        Self::Other(chain(error))
    }
}

/// Why a handshake failed, where that is a matter of enrolment.
fn not_ours(error: &io::Error) -> Option<&'static str> {
    match error.get_ref()?.downcast_ref()? {
        rustls::Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            Some("its certificate has expired")
        }
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            Some("it is enrolled with another controller")
        }
        _ => None,
    }
}

/// Connects to `address` (`host:port`) and asks there for `name`.
///
/// # Errors
/// Why not.
pub(crate) async fn dial(address: &str, config: ClientConfig, name: &str) -> Result<Channel, DialError> {
    let name = ServerName::try_from(name.to_owned()).map_err(|error| DialError::of(&error))?;
    let (tls, target) = (TlsConnector::from(Arc::new(config)), address.to_owned());
    let connector = service_fn(move |_: Uri| {
        let (tls, name, target) = (tls.clone(), name.clone(), target.clone());
        async move {
            let socket = TcpStream::connect(&target).await?;
            socket.set_nodelay(true)?;
            Ok::<_, io::Error>(TokioIo::new(tls.connect(name, socket).await.map_err(in_words)?))
        }
    });
    // TLS is the connector's: the URI only names the peer.
    let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(|error| DialError::of(&error))?;
    endpoint
        .connect_timeout(CONNECT_LIMIT)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_LIMIT)
        .keep_alive_while_idle(true)
        .connect_with_connector(connector)
        .await
        .map_err(|error| DialError::of(&error))
}

/// An error with what caused it, on one line. A cause that the error has told itself is not told again.
fn chain(error: &dyn Error) -> String {
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
