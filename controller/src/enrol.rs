//! Enrolling an agent with the code that its administrator passed on.

use std::time::Duration;

use jiff::Timestamp;
use rpycbench_certs::enrol::{Code, ENROL_SERVER_NAME, InvalidCode, pinned_client_config};
use rpycbench_certs::{CertError, Validity};
use rpycbench_proto::pb;
use rpycbench_proto::pb::enrolment_client::EnrolmentClient;
use tonic::{Code as Rpc, Status};

use crate::dial::{DialError, dial};
use crate::home::{Home, HomeError, KnownAgent};

/// The whole of it is two questions.
const LIMIT: Duration = Duration::from_secs(5);

/// An agent that has a certificate of this controller now.
#[derive(Debug)]
pub(crate) struct Enrolled {
    /// What is remembered of it.
    pub agent: KnownAgent,
    /// Since when it had been banned, which it is no longer.
    pub lifted: Option<String>,
    /// Where another of its name was enrolled, which is forgotten.
    pub elsewhere: Option<String>,
}

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

/// Enrols the agent at `address` and remembers it; a ban of it is lifted.
///
/// # Errors
/// When the agent is not there, is not the one the code speaks of, or the code no longer lets in.
pub(crate) async fn enrol(home: &Home, address: &str, code: &str) -> Result<Enrolled, EnrolError> {
    let code: Code = code.parse()?;
    let authority = home.authority()?;
    let unreachable = |reason: String| EnrolError::Unreachable { address: address.to_owned(), reason };
    let refused = |status: &Status| match status.code() {
        Rpc::Unavailable | Rpc::Unknown | Rpc::Internal => unreachable(status.message().to_owned()),
        _ => EnrolError::Refused { address: address.to_owned(), reason: status.message().to_owned() },
    };
    let talk = async {
        let mut client = EnrolmentClient::new(
            dial(address, pinned_client_config(code.pin)?, ENROL_SERVER_NAME)
                .await
                .map_err(DialError::into_reason)
                .map_err(unreachable)?,
        );
        let secret = code.secret.to_vec();
        let controllers_authority = authority.controllers_certificate().to_owned();
        let agents_authority = authority.agents_certificate().to_owned();
        let begin = pb::BeginRequest { secret: secret.clone(), controllers_authority, agents_authority };
        let begun = client.begin(begin).await.map_err(|status| refused(&status))?.into_inner();
        if begun.agent != code.agent {
            return Err(unreachable(format!("it calls itself {:?}, the code says {:?}", begun.agent, code.agent)));
        }
        let certificate = authority.sign_agent(&code.agent, &begun.certificate_request)?;
        let validity = Validity::of(&certificate).map_err(CertError::from)?;
        client.complete(pb::CompleteRequest { secret, certificate }).await.map_err(|status| refused(&status))?;
        Ok(validity)
    };
    let validity = match tokio::time::timeout(LIMIT, talk).await {
        Ok(outcome) => outcome?,
        Err(_) => return Err(unreachable(format!("no answer within {LIMIT:?}"))),
    };
    let expires = Timestamp::from_second(validity.not_after_unix_s).unwrap_or(Timestamp::MAX);
    let agent = KnownAgent {
        name: code.agent,
        address: address.to_owned(),
        enrolled: Timestamp::now().to_string(),
        expires: expires.to_string(),
        banned: None,
    };
    let before = home.remember(&agent)?;
    let elsewhere = before.as_ref().map(|before| before.address.clone()).filter(|before| before != address);
    let lifted = before.and_then(|before| before.banned);
    Ok(Enrolled { agent, lifted, elsewhere })
}
