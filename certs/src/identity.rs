//! A certificate with its key and the authority its holder trusts, and the TLS settings made of the three.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use serde::{Deserialize, Serialize};

use crate::certificate::{CertificateFault, Holder, Validity};
use crate::{CertError, verify};

/// What a controller or an agent proves itself with, as PEM.
#[derive(Clone, Serialize, Deserialize)]
pub struct Identity {
    certificate: String,
    key: String,
    /// The authority whose holders are let in (agents) or believed (controllers).
    trusted: String,
    /// The authority whose agents an agent believes that they consent to its load. Empty for controllers, which drive none.
    #[serde(default)]
    agents: String,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("certificate", &self.certificate).field("key", &"…").finish_non_exhaustive()
    }
}

/// The name in an agent's certificate that stands for the agent itself, wherever it listens.
pub fn agent_dns_name(agent: &str) -> String {
    format!("{agent}.agent.rpycbench.invalid")
}

impl Identity {
    /// From PEM texts: a certificate, its key, the authority to trust, and that of agents whose consent counts.
    pub(crate) fn new(certificate: String, key: String, trusted: String, agents: String) -> Self {
        Self { certificate, key, trusted, agents }
    }

    /// TLS 1.3 for an agent: clients must show a certificate of the trusted authority that names one controller.
    ///
    /// # Errors
    /// When the PEM is damaged or key and certificate do not match.
    pub fn server_config(&self) -> Result<ServerConfig, CertError> {
        let provider = Arc::new(ring::default_provider());
        let verifier = verify::controllers(roots(&self.trusted)?, provider.clone())?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(verifier)
            .with_single_cert(self.chain()?, self.private_key()?)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        // A resumed session would skip the look at the certificate.
        config.send_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(config)
    }

    /// TLS 1.3 for a controller: servers must show a certificate of the trusted authority that names the one agent asked for.
    ///
    /// # Errors
    /// When the PEM is damaged or key and certificate do not match.
    pub fn client_config(&self) -> Result<ClientConfig, CertError> {
        let provider = Arc::new(ring::default_provider());
        let verifier = verify::agents(roots(&self.trusted)?, provider.clone())?;
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_client_auth_cert(self.chain()?, self.private_key()?)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        config.resumption = Resumption::disabled();
        Ok(config)
    }

    /// The certificate, which is no secret, as PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Whom the certificate names.
    ///
    /// # Errors
    /// When it does not name exactly one agent or controller.
    pub fn holder(&self) -> Result<Holder, CertificateFault> {
        let certificate =
            CertificateDer::from_pem_slice(self.certificate.as_bytes()).map_err(|_| CertificateFault::Unreadable)?;
        Holder::of(&certificate)
    }

    /// From when until when the certificate is good.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn validity(&self) -> Result<Validity, CertificateFault> {
        Validity::of(&self.certificate)
    }

    /// This identity with another certificate and its key; whom its holder trusts stays.
    pub(crate) fn renewed(&self, certificate: String, key: String) -> Self {
        Self { certificate, key, trusted: self.trusted.clone(), agents: self.agents.clone() }
    }

    fn chain(&self) -> Result<Vec<CertificateDer<'static>>, CertError> {
        Ok(CertificateDer::pem_slice_iter(self.certificate.as_bytes()).collect::<Result<_, _>>()?)
    }

    fn private_key(&self) -> Result<PrivateKeyDer<'static>, CertError> {
        Ok(PrivateKeyDer::from_pem_slice(self.key.as_bytes())?)
    }

    /// The key, as PEM.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// The authority of agents whose consent counts.
    ///
    /// # Errors
    /// When the PEM is damaged.
    pub(crate) fn agents(&self) -> Result<RootCertStore, CertError> {
        roots(&self.agents)
    }
}

fn roots(authorities: &str) -> Result<RootCertStore, CertError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authorities.as_bytes()) {
        roots.add(certificate?)?;
    }
    Ok(roots)
}
