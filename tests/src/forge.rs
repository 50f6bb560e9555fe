//! Certificates that a controller would never sign, signed with its own keys: only what is wrong with them can be why they are
//! refused.

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, SanType};
use rpycbench_certs::{Authority, Identity, agent_dns_name};
use serde_json::Value;
use time::{Duration, OffsetDateTime};

use crate::Sandbox;

/// What is in a certificate. One that is sound, to be spoiled in one place.
#[derive(Clone, Debug)]
pub struct Leaf {
    /// Its URIs.
    pub uris: Vec<String>,
    /// Its DNS names.
    pub dns: Vec<String>,
    /// What it is good for.
    pub purpose: ExtendedKeyUsagePurpose,
    /// From when until when, from now.
    pub good: (Duration, Duration),
}

impl Leaf {
    /// Of an agent.
    pub fn agent(name: &str) -> Self {
        Self {
            uris: vec![format!("spiffe://mine.rpycbench.invalid/agent/{name}")],
            dns: vec![agent_dns_name(name)],
            purpose: ExtendedKeyUsagePurpose::ServerAuth,
            good: (-Duration::minutes(5), Duration::hours(1)),
        }
    }

    /// Of a controller.
    pub fn controller() -> Self {
        Self {
            uris: vec!["spiffe://mine.rpycbench.invalid/controller/run".to_owned()],
            dns: Vec::new(),
            purpose: ExtendedKeyUsagePurpose::ClientAuth,
            good: (-Duration::minutes(5), Duration::hours(1)),
        }
    }

    /// This, but good from then until then, in days from now.
    pub fn good_for_days(mut self, from: i64, until: i64) -> Self {
        self.good = (Duration::days(from), Duration::days(until));
        self
    }
}

/// The keys of a controller's home, in the wrong hands.
pub struct Forge {
    /// What the controller itself makes of them.
    pub authority: Authority,
    kept: Value,
}

impl Forge {
    /// In the home of that sandbox.
    ///
    /// # Panics
    /// When its authorities cannot be made or read.
    pub fn new(sandbox: &Sandbox) -> Self {
        let folder = sandbox.home().join("authority");
        let authority = Authority::open(&folder, "mine").expect("an authority");
        let text = std::fs::read(folder.join("authority.json")).expect("it is kept");
        Self { authority, kept: serde_json::from_slice(&text).expect("JSON") }
    }

    /// Signed by the authority of agents.
    pub fn agent(&self, leaf: &Leaf) -> Identity {
        self.sign(leaf, "agents", "controllers")
    }

    /// Signed by the authority of controllers.
    pub fn controller(&self, leaf: &Leaf) -> Identity {
        self.sign(leaf, "controllers", "agents")
    }

    /// Signed by itself, with all that one of a controller has.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn of_its_own_making(&self, leaf: &Leaf) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let certificate = params(leaf).self_signed(&key).expect("signed").pem();
        self.identity(&certificate, &key, "agents")
    }

    /// Signed by one authority, whoever that would be for, for a holder who trusts the other.
    ///
    /// # Panics
    /// When it cannot be made.
    fn sign(&self, leaf: &Leaf, by: &str, trusted: &str) -> Identity {
        let kept = |authority: &str, what: &str| self.kept[authority][what].as_str().expect("PEM").to_owned();
        let issuer_key = KeyPair::from_pem(&kept(by, "key")).expect("a key");
        let issuer = Issuer::from_ca_cert_pem(&kept(by, "certificate"), issuer_key).expect("an authority");
        let key = KeyPair::generate().expect("a key");
        let certificate = params(leaf).signed_by(&key, &issuer).expect("signed").pem();
        self.identity(&certificate, &key, trusted)
    }

    fn identity(&self, certificate: &str, key: &KeyPair, trusted: &str) -> Identity {
        let identity = serde_json::json!({
            "certificate": certificate, "key": key.serialize_pem(), "trusted": self.kept[trusted]["certificate"],
            "agents": self.kept["agents"]["certificate"],
        });
        serde_json::from_value(identity).expect("an identity")
    }
}

fn params(leaf: &Leaf) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "forged");
    params.subject_alt_names =
        leaf.dns.iter().map(|dns| SanType::DnsName(dns.clone().try_into().expect("a name"))).collect();
    params.subject_alt_names.extend(leaf.uris.iter().map(|uri| SanType::URI(uri.clone().try_into().expect("a URI"))));
    params.extended_key_usages = vec![leaf.purpose.clone()];
    params.use_authority_key_identifier_extension = true;
    let now = OffsetDateTime::now_utc();
    (params.not_before, params.not_after) = (now + leaf.good.0, now + leaf.good.1);
    params
}
