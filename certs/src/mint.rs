//! Authorities that live as long as one run, and the identities they sign.

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType,
};
use time::OffsetDateTime;

use crate::CertError;
use crate::identity::{Identity, agent_dns_name};

/// How far back a new certificate is valid, for hosts whose clocks differ a little.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(300);

/// Two authorities made for one run and never written down: one signs agents, the other controllers.
pub struct RunAuthority {
    run_id: String,
    valid_for: Duration,
    agents: CertifiedIssuer<'static, KeyPair>,
    controllers: CertifiedIssuer<'static, KeyPair>,
}

impl RunAuthority {
    /// Authorities whose identities are good from now for `valid_for`. `run_id` becomes the trust domain.
    ///
    /// # Errors
    /// When the system has no randomness to make keys from.
    pub fn new(run_id: &str, valid_for: Duration) -> Result<Self, CertError> {
        Ok(Self {
            run_id: run_id.to_owned(),
            valid_for,
            agents: authority("rpycbench agents", valid_for)?,
            controllers: authority("rpycbench controllers", valid_for)?,
        })
    }

    /// The identity of the agent on the host of that name: serves, and trusts controllers.
    ///
    /// # Errors
    /// When the name cannot stand in a DNS name.
    pub fn agent(&self, name: &str) -> Result<Identity, CertError> {
        let mut params = leaf(name, &self.uri("agent", name), ExtendedKeyUsagePurpose::ServerAuth, self.valid_for)?;
        params.subject_alt_names.push(SanType::DnsName(agent_dns_name(name).try_into()?));
        sign(params, &self.agents, &self.controllers)
    }

    /// The identity of this run's controller: dials, and trusts agents.
    ///
    /// # Errors
    /// When the system has no randomness to make keys from.
    pub fn controller(&self) -> Result<Identity, CertError> {
        let uri = self.uri("controller", "run");
        let params = leaf("controller", &uri, ExtendedKeyUsagePurpose::ClientAuth, self.valid_for)?;
        sign(params, &self.controllers, &self.agents)
    }

    fn uri(&self, role: &str, name: &str) -> String {
        format!("spiffe://{}.run.rpycbench.invalid/{role}/{name}", self.run_id)
    }
}

fn authority(name: &str, valid_for: Duration) -> Result<CertifiedIssuer<'static, KeyPair>, CertError> {
    let mut params = dated(name, valid_for);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

fn leaf(
    name: &str,
    uri: &str,
    purpose: ExtendedKeyUsagePurpose,
    valid_for: Duration,
) -> Result<CertificateParams, CertError> {
    let mut params = dated(name, valid_for);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    params.use_authority_key_identifier_extension = true;
    params.subject_alt_names = vec![SanType::URI(uri.try_into()?)];
    Ok(params)
}

/// Parameters with a name and both dates set: the defaults of the library run from 1975 to 4096.
fn dated(name: &str, valid_for: Duration) -> CertificateParams {
    let now = OffsetDateTime::now_utc();
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = now - CLOCK_TOLERANCE;
    params.not_after = now + valid_for;
    params
}

fn sign(
    params: CertificateParams,
    issuer: &CertifiedIssuer<'static, KeyPair>,
    trusted: &CertifiedIssuer<'static, KeyPair>,
) -> Result<Identity, CertError> {
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, issuer)?;
    Ok(Identity { certificate: certificate.pem(), key: key.serialize_pem(), trusted: trusted.pem() })
}
