//! The two authorities of a controller, and the identities they sign.

use std::path::Path;
use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SanType,
};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::CertError;
use crate::files;
use crate::identity::{Identity, agent_dns_name};

/// How far back a new certificate is valid, for hosts whose clocks differ: a time zone set wrong is the usual mistake, and a
/// day is more than any of them. Nobody has the key before the certificate is made, so nothing is gained by less.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(24 * 3600);
/// How long a controller's own authorities are good.
const AUTHORITY_LIFE: Duration = Duration::from_secs(5 * 365 * 24 * 3600);
/// How long an enrolled agent's certificate is good.
pub const AGENT_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);

/// Signs agents with one authority and controllers with another.
pub struct Authority {
    trust_domain: String,
    agents: Signer,
    controllers: Signer,
}

/// An authority as it is kept.
#[derive(Serialize, Deserialize)]
struct Signer {
    certificate: String,
    key: String,
}

/// Both authorities as they are kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    trust_domain: String,
    agents: Signer,
    controllers: Signer,
}

impl Authority {
    /// Authorities that are never written down and good for `life`, for a run whose agents it starts itself.
    ///
    /// # Errors
    /// When the system has no randomness to make keys from.
    pub fn ephemeral(name: &str, life: Duration) -> Result<Self, CertError> {
        Ok(Self {
            trust_domain: format!("{name}.rpycbench.invalid"),
            agents: Signer::new("rpycbench agents", life)?,
            controllers: Signer::new("rpycbench controllers", life)?,
        })
    }

    /// The authorities kept in a folder, made there the first time. `name` becomes part of the trust domain then.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn open(folder: &Path, name: &str) -> Result<Self, CertError> {
        let path = folder.join("authority.json");
        let kept: Option<Kept> = files::load(&path)?;
        if let Some(Kept { trust_domain, agents, controllers }) = kept {
            return Ok(Self { trust_domain, agents, controllers });
        }
        files::private_folder(folder)?;
        let Self { trust_domain, agents, controllers } = Self::ephemeral(name, AUTHORITY_LIFE)?;
        let kept = Kept { trust_domain, agents, controllers };
        files::save(&path, &kept)?;
        Ok(Self { trust_domain: kept.trust_domain, agents: kept.agents, controllers: kept.controllers })
    }

    /// What an agent must trust to know this controller: the authority of controllers, as PEM.
    pub fn controllers_certificate(&self) -> &str {
        &self.controllers.certificate
    }

    /// What an agent must trust to believe that other agents of this controller consent: the authority of agents, as PEM.
    pub fn agents_certificate(&self) -> &str {
        &self.agents.certificate
    }

    /// The identity of the agent of that name, with a new key: for an agent that the controller starts itself.
    ///
    /// # Errors
    /// When the name cannot stand in a DNS name.
    pub fn agent(&self, name: &str, life: Duration) -> Result<Identity, CertError> {
        let key = KeyPair::generate()?;
        let certificate = self.sign(self.agent_params(name, life)?, &key, &self.agents)?;
        let (controllers, agents) = (self.controllers.certificate.clone(), self.agents.certificate.clone());
        Ok(Identity::new(certificate, key.serialize_pem(), controllers, agents))
    }

    /// A certificate for the agent of that name over the public key of its request. Nothing else is taken from the request:
    /// what it asks to be called or allowed is ignored.
    ///
    /// # Errors
    /// When the request is malformed or not signed with its own key.
    pub fn sign_agent(&self, name: &str, request: &str) -> Result<String, CertError> {
        let request = CertificateSigningRequestParams::from_pem(request)?;
        self.sign(self.agent_params(name, AGENT_LIFE)?, &request.public_key, &self.agents)
    }

    /// The identity of a controller's run, good for `life`: dials, and trusts agents.
    ///
    /// # Errors
    /// When the system has no randomness to make keys from.
    pub fn controller(&self, run: &str, life: Duration) -> Result<Identity, CertError> {
        let key = KeyPair::generate()?;
        let uri = self.uri("controller", run);
        let params = leaf("controller", &uri, ExtendedKeyUsagePurpose::ClientAuth, life)?;
        let certificate = self.sign(params, &key, &self.controllers)?;
        Ok(Identity::new(certificate, key.serialize_pem(), self.agents.certificate.clone(), String::new()))
    }

    fn agent_params(&self, name: &str, life: Duration) -> Result<CertificateParams, CertError> {
        let mut params = leaf(name, &self.uri("agent", name), ExtendedKeyUsagePurpose::ServerAuth, life)?;
        params.subject_alt_names.push(SanType::DnsName(agent_dns_name(name).try_into()?));
        Ok(params)
    }

    fn uri(&self, role: &str, name: &str) -> String {
        format!("spiffe://{}/{role}/{name}", self.trust_domain)
    }

    fn sign(&self, params: CertificateParams, key: &impl PublicKeyData, by: &Signer) -> Result<String, CertError> {
        let issuer = Issuer::from_ca_cert_pem(&by.certificate, KeyPair::from_pem(&by.key)?)?;
        Ok(params.signed_by(key, &issuer)?.pem())
    }
}

impl Signer {
    fn new(name: &str, life: Duration) -> Result<Self, CertError> {
        let mut params = dated(name, life);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        Ok(Self { certificate: params.self_signed(&key)?.pem(), key: key.serialize_pem() })
    }
}

fn leaf(
    name: &str,
    uri: &str,
    purpose: ExtendedKeyUsagePurpose,
    life: Duration,
) -> Result<CertificateParams, CertError> {
    let mut params = dated(name, life);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    params.use_authority_key_identifier_extension = true;
    params.subject_alt_names = vec![SanType::URI(uri.try_into()?)];
    Ok(params)
}

/// Parameters with a name and both dates set: the defaults of the library run from 1975 to 4096.
pub(crate) fn dated(name: &str, life: Duration) -> CertificateParams {
    let now = OffsetDateTime::now_utc();
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = now - CLOCK_TOLERANCE;
    params.not_after = now + life;
    params
}
