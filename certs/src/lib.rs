//! Who may talk to whom: identities and the mutual TLS made of them.
//!
//! Agents and controllers hold certificates of separate authorities, an agent's good only for serving and a controller's
//! only for dialling, so that a stolen agent key can never command another agent. Each certificate names its holder in
//! exactly one SPIFFE URI; an agent's also carries a synthetic DNS name, which the ordinary check of server names then
//! binds to the agent's identity instead of to an address that may change.

mod identity;
mod mint;

pub use identity::{Identity, agent_dns_name};
pub use mint::RunAuthority;

/// Minting or loading an identity failed.
#[derive(Debug, thiserror::Error)]
pub enum CertError {
    /// A certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Mint(#[from] rcgen::Error),
    /// A certificate or key is not what it must be.
    #[error("cannot use the identity: {0}")]
    Tls(#[from] rustls::Error),
    /// A trust anchor could not be used.
    #[error("cannot use the trusted authority: {0}")]
    Verifier(#[from] rustls::server::VerifierBuilderError),
    /// PEM text did not parse.
    #[error("cannot read PEM: {0}")]
    Pem(#[from] rustls::pki_types::pem::Error),
}
