//! Renewing an agent's certificate over the connection to it, and remembering until when it is good.

use std::time::Duration;

use jiff::Timestamp;
use rpycbench_certs::{Authority, CertError, CertificateFault, Validity};
use rpycbench_proto::message::CertificateState;
use tonic::Status;

use crate::contact::Contact;
use crate::home::{Home, HomeError};

/// The whole of it is two questions, and a run waits for it.
const LIMIT: Duration = Duration::from_secs(5);

/// A certificate was not renewed; the one before stays in use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RenewalError {
    /// The agent does not want to.
    #[error("the agent refused: {0}")]
    Refused(String),
    /// The agent does not answer.
    #[error("no answer within {LIMIT:?}")]
    Silent,
    /// The agent's request, or this controller's authorities.
    #[error(transparent)]
    Certificates(#[from] CertError),
    /// This controller's state.
    #[error(transparent)]
    Home(#[from] HomeError),
}

impl From<Status> for RenewalError {
    fn from(status: Status) -> Self {
        Self::Refused(status.message().to_owned())
    }
}

impl From<CertificateFault> for RenewalError {
    fn from(fault: CertificateFault) -> Self {
        Self::Certificates(fault.into())
    }
}

/// Renews the certificate of an enrolled agent once a third of its life is over, and enters into this controller's record
/// until when the agent's certificate is good.
///
/// # Errors
/// When it was not renewed or not entered. The agent is as good as before, until its present certificate ends.
pub(crate) async fn renew_when_due(
    home: &Home,
    authority: &Authority,
    contact: &mut Contact,
) -> Result<(), RenewalError> {
    let Some(present) = contact.certificate else { return Ok(()) };
    if present.renewal_due {
        let renewed = tokio::time::timeout(LIMIT, renew(authority, contact)).await;
        contact.certificate = Some(renewed.map_err(|_| RenewalError::Silent)??);
    }
    if let Some(until) = contact.certificate.and_then(good_until) {
        // Also where nothing was renewed now: an earlier run may have ended before it could enter it.
        home.amend(&contact.agent.name, |known| known.expires = until.to_string())?;
    }
    Ok(())
}

async fn renew(authority: &Authority, contact: &Contact) -> Result<CertificateState, RenewalError> {
    let request = contact.begin_renewal().await?;
    // For the name that the agent has proven to have: whatever else the request asks for is ignored.
    let certificate = authority.sign_agent(&contact.agent.name, &request)?;
    let Validity { not_before_unix_s, not_after_unix_s } = Validity::of(&certificate)?;
    contact.complete_renewal(certificate).await?;
    Ok(CertificateState { not_before_unix_s, not_after_unix_s, renewal_due: false })
}

/// The last second of a certificate. `None`: an agent that tells nonsense of its own certificate is believed nothing.
pub(crate) fn good_until(certificate: CertificateState) -> Option<Timestamp> {
    Timestamp::from_second(certificate.not_after_unix_s).ok()
}
