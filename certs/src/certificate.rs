//! What a certificate says: whom it names, and how long it is good.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// An agent's certificate is renewed once this part of its life is over, as 1/n: two thirds are left in which any run will
/// do it.
const RENEWED_AFTER: i64 = 3;

/// What a certificate lets its holder be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Serves, and is commanded.
    Agent,
    /// Dials, and commands.
    Controller,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Agent => "agent",
            Self::Controller => "controller",
        })
    }
}

/// Whom a certificate names in its only URI, `spiffe://<trust domain>/<role>/<name>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Of the authorities that signed it.
    pub trust_domain: String,
    /// What it may be.
    pub role: Role,
    /// The agent's name, or that of the controller's run.
    pub name: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spiffe://{}/{}/{}", self.trust_domain, self.role, self.name)
    }
}

/// A certificate that does not say what it must.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFault {
    /// No X.509, or an extension of it is damaged.
    #[error("the certificate cannot be read")]
    Unreadable,
    /// A holder with two names could pass for either.
    #[error("the certificate has {0} URIs for its holder instead of one")]
    Uris(usize),
    /// Not of this project.
    #[error("the certificate's URI {0:?} is neither spiffe://DOMAIN/agent/NAME nor spiffe://DOMAIN/controller/NAME")]
    Shape(String),
    /// An agent where a controller belongs, or the other way round.
    #[error("the certificate is that of the {} {:?}, not of {} {wanted}", .found.role, .found.name, article(*.wanted))]
    Role {
        /// Whom it names.
        found: Holder,
        /// Who may be here.
        wanted: Role,
    },
    /// The DNS name that was asked for and the URI are not of one agent.
    #[error("the certificate is that of the agent {found:?}, not of the one asked for")]
    Name {
        /// Whom it names.
        found: String,
    },
}

fn article(role: Role) -> &'static str {
    match role {
        Role::Agent => "an",
        Role::Controller => "a",
    }
}

impl Holder {
    /// Whom a certificate names. Says nothing about who signed it.
    ///
    /// # Errors
    /// When it does not name exactly one agent or controller.
    pub fn of(certificate: &CertificateDer<'_>) -> Result<Self, CertificateFault> {
        let (_, certificate) = X509Certificate::from_der(certificate).map_err(|_| CertificateFault::Unreadable)?;
        let names = certificate.subject_alternative_name().map_err(|_| CertificateFault::Unreadable)?;
        let names = names.map(|extension| extension.value.general_names.as_slice()).unwrap_or_default();
        let uris: Vec<&str> = names
            .iter()
            .filter_map(|name| match name {
                GeneralName::URI(uri) => Some(*uri),
                _ => None,
            })
            .collect();
        match uris[..] {
            [uri] => Self::parse(uri).ok_or_else(|| CertificateFault::Shape(uri.to_owned())),
            _ => Err(CertificateFault::Uris(uris.len())),
        }
    }

    /// As [`Self::of`], for who must be of that role.
    ///
    /// # Errors
    /// When it is not.
    pub(crate) fn with_role(certificate: &CertificateDer<'_>, wanted: Role) -> Result<Self, CertificateFault> {
        let found = Self::of(certificate)?;
        if found.role == wanted { Ok(found) } else { Err(CertificateFault::Role { found, wanted }) }
    }

    fn parse(uri: &str) -> Option<Self> {
        let parts: Vec<&str> = uri.strip_prefix("spiffe://")?.split('/').collect();
        let [trust_domain, role, name] = parts[..] else { return None };
        let role = match role {
            "agent" => Role::Agent,
            "controller" => Role::Controller,
            _ => return None,
        };
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        let sound = |part: &str| !part.is_empty() && part.bytes().all(allowed);
        let holder = || Self { trust_domain: trust_domain.to_owned(), role, name: name.to_owned() };
        (sound(trust_domain) && sound(name)).then(holder)
    }
}

/// From when until when a certificate is good, in seconds since 1970, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Its first second.
    pub not_before_unix_s: i64,
    /// Its last second.
    pub not_after_unix_s: i64,
}

impl Validity {
    /// From when until when that certificate, as PEM, is good.
    ///
    /// # Errors
    /// When it is none.
    pub fn of(certificate: &str) -> Result<Self, CertificateFault> {
        let der = CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(|_| CertificateFault::Unreadable)?;
        let (_, certificate) = X509Certificate::from_der(&der).map_err(|_| CertificateFault::Unreadable)?;
        let validity = certificate.validity();
        Ok(Self {
            not_before_unix_s: validity.not_before.timestamp(),
            not_after_unix_s: validity.not_after.timestamp(),
        })
    }

    /// True once a third of it is over.
    pub fn renewal_is_due(self, now: SystemTime) -> bool {
        let life = self.not_after_unix_s.saturating_sub(self.not_before_unix_s);
        unix_s(now).saturating_sub(self.not_before_unix_s) > life / RENEWED_AFTER
    }

    /// True once all of it is over.
    pub fn is_over(self, now: SystemTime) -> bool {
        unix_s(now) > self.not_after_unix_s
    }
}

/// A clock before 1970 is as good as none.
fn unix_s(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs().cast_signed())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_uri_names_one_agent_or_controller_or_nobody() {
        let hurin = Holder { trust_domain: "mine".to_owned(), role: Role::Agent, name: "hurin".to_owned() };
        assert_eq!(Holder::parse("spiffe://mine/agent/hurin"), Some(hurin.clone()));
        assert_eq!(hurin.to_string(), "spiffe://mine/agent/hurin");
        for other in [
            "",
            "spiffe://",
            "https://mine/agent/hurin",
            "spiffe://mine/agent",
            "spiffe://mine/agent/",
            "spiffe:///agent/hurin",
            "spiffe://mine/agent/hurin/x",
            "spiffe://mine/admin/hurin",
            "spiffe://mine/Agent/hurin",
            "spiffe://mine/agent/hur in",
            "spiffe://mine/agent/hurin?x",
        ] {
            assert_eq!(Holder::parse(other), None, "{other}");
        }
    }

    #[test]
    fn renewal_is_due_past_a_third_and_life_is_over_at_its_end() {
        let validity = Validity { not_before_unix_s: 1000, not_after_unix_s: 1300 };
        let at = |second| UNIX_EPOCH + Duration::from_secs(second);
        assert!(!validity.renewal_is_due(at(900)) && !validity.renewal_is_due(at(1100)));
        assert!(validity.renewal_is_due(at(1101)) && validity.renewal_is_due(at(2000)));
        assert!(!validity.is_over(at(1300)) && validity.is_over(at(1301)));
    }
}
