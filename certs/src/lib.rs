//! Who may talk to whom: identities and the mutual TLS made of them.
//!
//! Agents and controllers hold certificates of separate authorities, an agent's good only for serving and a controller's
//! only for dialling, so that a stolen agent key can never command another agent. Each certificate names its holder in
//! exactly one SPIFFE URI, which both sides check; an agent's also carries a synthetic DNS name, which the ordinary check of
//! server names then binds to the agent's identity instead of to an address that may change.
//!
//! How an agent gets its certificate ([`enrol`]): its administrator asks it for a code, which holds a secret and the hash of
//! the agent's bootstrap key. The controller dials, believes only that key, shows the secret, and signs the key that the
//! agent has just made. The agent's key never leaves its host, and nothing but the public key is taken from its request.

mod authority;
mod certificate;
pub mod consent;
pub mod enrol;
mod files;
mod identity;
mod verify;

pub use authority::{AGENT_LIFE, Authority};
pub use certificate::{CertificateFault, Holder, Role, Validity};
pub use files::FileError;
pub use identity::{Identity, agent_dns_name};
pub use verify::in_words;

/// Minting or loading an identity failed.
#[derive(Debug, thiserror::Error)]
pub enum CertError {
    /// A certificate could not be made or read.
    #[error("cannot make a certificate: {0}")]
    Mint(#[from] rcgen::Error),
    /// A certificate or key is not what it must be.
    #[error("cannot use the identity: {0}")]
    Tls(#[from] rustls::Error),
    /// A certificate does not say what it must.
    #[error(transparent)]
    Fault(#[from] CertificateFault),
    /// A trust anchor could not be used.
    #[error("cannot use the trusted authority: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
    /// PEM text did not parse.
    #[error("cannot read PEM: {0}")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// A key or certificate could not be kept or found.
    #[error(transparent)]
    File(#[from] FileError),
}
