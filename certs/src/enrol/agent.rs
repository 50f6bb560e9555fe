//! The agent's side: its bootstrap key, the code that is out, and the identity it was given.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{CertificateParams, KeyPair};
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
    /// The key made for the enrolment under way, until its certificate comes.
    pending: Mutex<Option<Pending>>,
}

struct Pending {
    key: KeyPair,
    trusted: String,
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
    /// Keys or files.
    #[error(transparent)]
    Certificates(#[from] CertError),
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
        Ok(Self { folder: folder.to_owned(), pending: Mutex::new(None) })
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

    /// Checks the secret and makes a new key; returns the name to be signed for and the request, as PEM. `trusted` is the
    /// authority whose controllers will be let in.
    ///
    /// # Errors
    /// When no code is out, it has expired, or the secret is not its own.
    pub fn begin(&self, secret: &[u8], trusted: &str) -> Result<(String, String), EnrolRefusal> {
        let agent = self.admit(secret)?;
        // Found unusable now rather than when the first controller comes.
        CertificateDer::from_pem_slice(trusted.as_bytes()).map_err(CertError::from)?;
        let key = KeyPair::generate().map_err(CertError::from)?;
        let request = CertificateParams::default().serialize_request(&key).map_err(CertError::from)?;
        let request = request.pem().map_err(CertError::from)?;
        *self.pending.lock().unwrap_or_else(std::sync::PoisonError::into_inner) =
            Some(Pending { key, trusted: trusted.to_owned() });
        Ok((agent, request))
    }

    /// Keeps the certificate for the key made by [`Self::begin`]; the code no longer lets in.
    ///
    /// # Errors
    /// When the secret is wrong, nothing has begun, or the certificate is not for that key.
    pub fn complete(&self, secret: &[u8], certificate: &str) -> Result<Identity, EnrolRefusal> {
        self.admit(secret)?;
        let pending = self.pending.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        let Pending { key, trusted } = pending.ok_or(EnrolRefusal::NotUnderWay)?;
        let identity = Identity::new(certificate.to_owned(), key.serialize_pem(), trusted);
        identity.server_config()?;
        files::save(&self.path("identity"), &identity)?;
        files::remove(&self.path("enrol-code"))?;
        Ok(identity)
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

/// A code's life is short, and both ends of it are this host's: the wall clock will do.
fn now_unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Authority;

    fn state() -> (tempfile::TempDir, AgentState, Code) {
        let folder = tempfile::tempdir().expect("a folder");
        let state = AgentState::open(folder.path()).expect("a state");
        let code = state.put_code_out("hurin").expect("a code");
        (folder, state, code)
    }

    fn authority() -> Authority {
        Authority::ephemeral("test", Duration::from_secs(600)).expect("an authority")
    }

    #[test]
    fn a_code_lets_in_once() {
        let (_folder, state, code) = state();
        let authority = authority();
        let (agent, request) = state.begin(&code.secret, authority.controllers_certificate()).expect("let in");
        assert_eq!(agent, "hurin");
        let certificate = authority.sign_agent(&agent, &request).expect("signed");
        state.complete(&code.secret, &certificate).expect("enrolled");
        assert!(state.identity().expect("readable").is_some());
        let again = state.begin(&code.secret, authority.controllers_certificate());
        assert!(matches!(again, Err(EnrolRefusal::NoCode)), "{again:?}");
    }

    #[test]
    fn the_fifth_wrong_secret_voids_the_code() {
        let (_folder, state, code) = state();
        for left in (0..5).rev() {
            let refusal = state.begin(&[0; 16], authority().controllers_certificate());
            assert!(matches!(refusal, Err(EnrolRefusal::Wrong { tries_left }) if tries_left == left), "{refusal:?}");
        }
        let right = state.begin(&code.secret, authority().controllers_certificate());
        assert!(matches!(right, Err(EnrolRefusal::NoCode)), "{right:?}");
    }

    #[test]
    fn a_code_that_has_expired_lets_nobody_in() {
        let (_folder, state, code) = state();
        let path = state.path("enrol-code");
        let mut out: CodeOut = files::load(&path).expect("readable").expect("out");
        out.expires_unix_s = now_unix_s();
        files::save(&path, &out).expect("writable");
        let late = state.begin(&code.secret, authority().controllers_certificate());
        assert!(matches!(late, Err(EnrolRefusal::Expired)), "{late:?}");
    }

    #[test]
    fn a_newer_code_voids_the_one_before() {
        let (_folder, state, first) = state();
        state.put_code_out("hurin").expect("a code");
        let refusal = state.begin(&first.secret, authority().controllers_certificate());
        assert!(matches!(refusal, Err(EnrolRefusal::Wrong { .. })), "{refusal:?}");
    }

    #[test]
    fn a_certificate_for_another_key_is_refused_and_changes_nothing() {
        let (_folder, state, code) = state();
        let authority = authority();
        state.begin(&code.secret, authority.controllers_certificate()).expect("let in");
        let other = authority.agent("hurin", Duration::from_secs(60)).expect("an identity");
        let refusal = state.complete(&code.secret, other.certificate());
        assert!(matches!(refusal, Err(EnrolRefusal::Certificates(_))), "{refusal:?}");
        assert!(state.identity().expect("readable").is_none());
    }

    #[test]
    fn two_programs_that_find_no_key_agree_on_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let pins: Vec<[u8; 32]> = std::thread::scope(|scope| {
            let programs: Vec<_> = (0..8)
                .map(|_| {
                    let state = AgentState::open(folder.path()).expect("a state");
                    scope.spawn(move || state.put_code_out("hurin").expect("a code").pin)
                })
                .collect();
            programs.into_iter().map(|program| program.join().expect("it ends")).collect()
        });
        assert!(pins.iter().all(|pin| *pin == pins[0]), "{pins:?}");
    }

    #[test]
    fn keys_are_for_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let (folder, ..) = state();
        for entry in std::fs::read_dir(folder.path()).expect("a folder") {
            let mode = entry.expect("a file").metadata().expect("data").permissions().mode();
            assert_eq!(mode & 0o077, 0);
        }
    }
}
