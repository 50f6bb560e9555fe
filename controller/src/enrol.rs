//! Enrolling an agent with the code that its administrator passed on.

use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use rpycbench_certs::enrol::{Code, ENROL_SERVER_NAME, InvalidCode, pinned_client_config};
use rpycbench_certs::{AGENT_LIFE, CertError};
use rpycbench_proto::pb;
use rpycbench_proto::pb::enrolment_client::EnrolmentClient;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Code as Rpc, Status};
use tower::service_fn;

use crate::home::{Home, HomeError, KnownAgent};
use crate::session::chain;

/// The whole of it is two questions.
const LIMIT: Duration = Duration::from_secs(10);

/// An agent was not enrolled; both sides are as before.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnrolError {
    /// The text is no code.
    #[error(transparent)]
    Code(#[from] InvalidCode),
    /// Nobody there, or nobody who has the key that the code names.
    #[error("cannot enrol the agent at {address}: {reason}")]
    Unreachable {
        /// As given.
        address: String,
        /// Why.
        reason: String,
    },
    /// The agent does not want to.
    #[error("the agent at {address} refused: {reason}")]
    Refused {
        /// As given.
        address: String,
        /// Its own words.
        reason: String,
    },
    /// This controller's state.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// This controller's authorities.
    #[error(transparent)]
    Certificates(#[from] CertError),
}

/// Enrols the agent at `address` and remembers it.
///
/// # Errors
/// When the agent is not there, is not the one the code speaks of, or the code no longer lets in.
pub(crate) async fn enrol(home: &Home, address: &str, code: &str) -> Result<KnownAgent, EnrolError> {
    let code: Code = code.parse()?;
    let authority = home.authority()?;
    let unreachable = |reason: String| EnrolError::Unreachable { address: address.to_owned(), reason };
    let refused = |status: &Status| match status.code() {
        Rpc::Unavailable | Rpc::Unknown | Rpc::Internal => unreachable(status.message().to_owned()),
        _ => EnrolError::Refused { address: address.to_owned(), reason: status.message().to_owned() },
    };
    let talk = async {
        let mut client = EnrolmentClient::new(dial(address, code.pin).await.map_err(unreachable)?);
        let secret = code.secret.to_vec();
        let controllers_authority = authority.controllers_certificate().to_owned();
        let begin = pb::BeginRequest { secret: secret.clone(), controllers_authority };
        let begun = client.begin(begin).await.map_err(|status| refused(&status))?.into_inner();
        if begun.agent != code.agent {
            return Err(unreachable(format!("it calls itself {:?}, the code says {:?}", begun.agent, code.agent)));
        }
        let certificate = authority.sign_agent(&code.agent, &begun.certificate_request)?;
        client.complete(pb::CompleteRequest { secret, certificate }).await.map_err(|status| refused(&status))?;
        Ok(())
    };
    match tokio::time::timeout(LIMIT, talk).await {
        Ok(outcome) => outcome?,
        Err(_) => return Err(unreachable(format!("no answer within {LIMIT:?}"))),
    }
    let now = Timestamp::now();
    let agent = KnownAgent {
        name: code.agent,
        address: address.to_owned(),
        enrolled: now.to_string(),
        expires: (now + AGENT_LIFE).to_string(),
    };
    home.remember(&agent)?;
    Ok(agent)
}

async fn dial(address: &str, pin: [u8; 32]) -> Result<Channel, String> {
    let config = pinned_client_config(pin).map_err(|error| error.to_string())?;
    let name = ServerName::try_from(ENROL_SERVER_NAME).map_err(|error| error.to_string())?;
    let (tls, target) = (TlsConnector::from(Arc::new(config)), address.to_owned());
    let connector = service_fn(move |_: Uri| {
        let (tls, name, target) = (tls.clone(), name.clone(), target.clone());
        async move {
            let socket = TcpStream::connect(&target).await?;
            socket.set_nodelay(true)?;
            Ok::<_, std::io::Error>(TokioIo::new(tls.connect(name, socket).await?))
        }
    });
    let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(|error| chain(&error))?;
    endpoint.connect_with_connector(connector).await.map_err(|error| chain(&error))
}
