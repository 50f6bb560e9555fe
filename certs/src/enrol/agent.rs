//! The agent's side: its bootstrap key, the code that is out, and the identity it was given.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{CertificateParams, KeyPair, PublicKeyData};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::code::Code;
use super::pin::pin_of;
use crate::authority::dated;
use crate::certificate::{CertificateFault, Holder, Role};
use crate::consent::ConsentFault;
use crate::{CertError, Identity, files};

/// How long a code lets in.
const CODE_LIFE: Duration = Duration::from_secs(600);
/// Wrong secrets until a code is void.
const CODE_TRIES: u32 = 5;
/// The bootstrap certificate only carries the key; nobody looks at its dates.
const BOOTSTRAP_LIFE: Duration = Duration::from_secs(20 * 365 * 24 * 3600);

/// An agent's keys in its state folder.
#[derive(Debug)]
pub struct AgentState {
    folder: PathBuf,
    /// Whoever replaces the identity holds this meanwhile, so that of two at once the second sees what the first has done.
    under_way: Mutex<UnderWay>,
}

/// Keys that were made and whose certificates have not come.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    enrolment: Option<Pending>,
    pub(super) renewal: Option<KeyPair>,
}

struct Pending {
    key: KeyPair,
    controllers: String,
    agents: String,
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending").finish_non_exhaustive()
    }
}

#[derive(Serialize, Deserialize)]
struct Bootstrap {
    certificate: String,
    key: String,
}

/// A code that is out; the secret itself is not kept.
#[derive(Serialize, Deserialize)]
struct CodeOut {
    agent: String,
    secret_sha256: [u8; 32],
    expires_unix_s: u64,
    tries_left: u32,
}

/// Why an enrolment was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum EnrolRefusal {
    /// No code, or one that is used up.
    #[error("no enrolment code is out: print one on the agent's host with `rpycbench-agent enrol-code`")]
    NoCode,
    /// Too late.
    #[error("the enrolment code has expired: print a new one on the agent's host with `rpycbench-agent enrol-code`")]
    Expired,
    /// A guess.
    #[error("wrong enrolment code, {tries_left} tries left")]
    Wrong {
        /// Until the code is void.
        tries_left: u32,
    },
    /// A certificate without the request it answers.
    #[error("no enrolment is under way")]
    NotUnderWay,
    /// Two have the code, and the other began later.
    #[error("another enrolment with the same code has overtaken this one: print a new code if it was not yours")]
    Overtaken,
    /// A certificate for someone else.
    #[error("the certificate is for {found}, this agent is {agent:?}")]
    NotMine {
        /// Whom it names.
        found: Holder,
        /// The name that the code gives this agent.
        agent: String,
    },
    /// A certificate that the controller's own authority of agents has not signed.
    #[error("the certificate and the authority of agents do not fit: {0}")]
    Stranger(ConsentFault),
    /// Keys or files.
    #[error(transparent)]
    Certificates(#[from] CertError),
}

impl From<CertificateFault> for EnrolRefusal {
    fn from(fault: CertificateFault) -> Self {
        Self::Certificates(fault.into())
    }
}

impl From<files::FileError> for EnrolRefusal {
    fn from(error: files::FileError) -> Self {
        Self::Certificates(error.into())
    }
}

impl AgentState {
    /// The state in that folder, which is made where it is not there.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(folder: &Path) -> Result<Self, CertError> {
        files::private_folder(folder)?;
        Ok(Self { folder: folder.to_owned(), under_way: Mutex::default() })
    }

    /// The identity, once enrolled.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn identity(&self) -> Result<Option<Identity>, CertError> {
        Ok(files::load(&self.path("identity"))?)
    }

    /// Puts a new code out; an earlier one no longer lets in.
    ///
    /// # Errors
    /// When the state folder cannot be written.
    pub fn put_code_out(&self, agent: &str) -> Result<Code, CertError> {
        let certificate = CertificateDer::from_pem_slice(self.bootstrap()?.certificate.as_bytes())?;
        let pin = pin_of(&certificate).ok_or(rcgen::Error::CouldNotParseCertificate)?;
        let code = Code::new(agent, pin);
        let out = CodeOut {
            agent: agent.to_owned(),
            secret_sha256: Sha256::digest(code.secret).into(),
            expires_unix_s: now_unix_s() + CODE_LIFE.as_secs(),
            tries_left: CODE_TRIES,
        };
        files::save(&self.path("enrol-code"), &out)?;
        Ok(code)
    }

    /// TLS for the enrolment door: the bootstrap key, no client certificate.
    ///
    /// # Errors
    /// When the state folder cannot be used.
    pub fn enrol_server_config(&self) -> Result<ServerConfig, CertError> {
        let Bootstrap { certificate, key } = self.bootstrap()?;
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes())?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())?;
        let mut config = ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        config.send_tls13_tickets = 0;
        Ok(config)
    }

    /// Checks the secret and makes a new key; returns the name to be signed for and the request, as PEM. `controllers` is the
    /// authority whose holders will be let in, `agents` the one whose holders may consent to load.
    ///
    /// # Errors
    /// When no code is out, it has expired, or the secret is not its own.
    pub fn begin(&self, secret: &[u8], controllers: &str, agents: &str) -> Result<(String, String), EnrolRefusal> {
        let mut under_way = self.under_way();
        let agent = self.admit(secret)?;
        // Found unusable now rather than when the first controller comes.
        for authority in [controllers, agents] {
            CertificateDer::from_pem_slice(authority.as_bytes()).map_err(CertError::from)?;
        }
        let (key, request) = key_and_request()?;
        under_way.enrolment = Some(Pending { key, controllers: controllers.to_owned(), agents: agents.to_owned() });
        Ok((agent, request))
    }

    /// Keeps the certificate for the key made by [`Self::begin`]; the code no longer lets in.
    ///
    /// # Errors
    /// When the secret is wrong, nothing has begun, or the certificate is not for that key or not for this agent. Who began
    /// last can still complete.
    pub fn complete(&self, secret: &[u8], certificate: &str) -> Result<Identity, EnrolRefusal> {
        let mut under_way = self.under_way();
        let agent = self.admit(secret)?;
        let Pending { key, controllers, agents } = under_way.enrolment.as_ref().ok_or(EnrolRefusal::NotUnderWay)?;
        if !is_for(certificate, key)? {
            return Err(EnrolRefusal::Overtaken);
        }
        let (controllers, agents) = (controllers.clone(), agents.clone());
        let identity = Identity::new(certificate.to_owned(), key.serialize_pem(), controllers, agents);
        let found = identity.holder()?;
        if found.role != Role::Agent || found.name != agent {
            return Err(EnrolRefusal::NotMine { found, agent });
        }
        // Others will believe this agent for the same reason for which it believes them.
        identity.believe(certificate).map_err(EnrolRefusal::Stranger)?;
        self.replace(&identity)?;
        under_way.enrolment = None;
        files::remove(&self.path("enrol-code"))?;
        Ok(identity)
    }

    pub(super) fn under_way(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps another identity in place of the one before. One that cannot be served with is refused first.
    pub(super) fn replace(&self, identity: &Identity) -> Result<(), CertError> {
        identity.server_config()?;
        Ok(files::save(&self.path("identity"), identity)?)
    }

    /// Compares a secret with the code that is out, and counts it where it is wrong.
    fn admit(&self, secret: &[u8]) -> Result<String, EnrolRefusal> {
        let path = self.path("enrol-code");
        let out: Option<CodeOut> = files::load(&path)?;
        let mut out = out.ok_or(EnrolRefusal::NoCode)?;
        if now_unix_s() >= out.expires_unix_s {
            files::remove(&path)?;
            return Err(EnrolRefusal::Expired);
        }
        let given: [u8; 32] = Sha256::digest(secret).into();
        if bool::from(given.ct_eq(&out.secret_sha256)) {
            return Ok(out.agent);
        }
        out.tries_left = out.tries_left.saturating_sub(1);
        if out.tries_left == 0 {
            files::remove(&path)?
        } else {
            files::save(&path, &out)?
        }
        Err(EnrolRefusal::Wrong { tries_left: out.tries_left })
    }

    fn bootstrap(&self) -> Result<Bootstrap, CertError> {
        let path = self.path("bootstrap");
        if let Some(kept) = files::load(&path)? {
            return Ok(kept);
        }
        let key = KeyPair::generate()?;
        let certificate = dated("rpycbench agent, not enrolled", BOOTSTRAP_LIFE).self_signed(&key)?.pem();
        let bootstrap = Bootstrap { certificate, key: key.serialize_pem() };
        // The agent and `enrol-code` may both find none: the first to save decides for both.
        files::save_first(&path, &bootstrap)?;
        Ok(files::load(&path)?.unwrap_or(bootstrap))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }
}

/// A key that was just made, and the request for its certificate as PEM. It asks for nothing: the controller decides.
pub(super) fn key_and_request() -> Result<(KeyPair, String), CertError> {
    let key = KeyPair::generate()?;
    let request = CertificateParams::default().serialize_request(&key)?.pem()?;
    Ok((key, request))
}

/// Whether a certificate, as PEM, is for that key.
pub(super) fn is_for(certificate: &str, key: &KeyPair) -> Result<bool, CertError> {
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes())?;
    let pin = pin_of(&certificate).ok_or(CertificateFault::Unreadable)?;
    Ok(pin == <[u8; 32]>::from(Sha256::digest(key.subject_public_key_info())))
}

/// A code's life is short, and both ends of it are this host's: the wall clock will do.
fn now_unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests;
