//! An agent's word that another may send packets to an address of its own, which no controller can give for it.
//!
//! What is signed is never sent: who checks a consent writes down what it must be about, from what it knows by itself, and
//! looks whether the signature is over that. So there is nothing in it to be read wrongly, and nothing about which the two
//! could differ. The nonce makes it good for one occasion: it was made by who checks, just before, whatever the clocks say.

use std::fmt::{self, Write};
use std::net::IpAddr;
use std::sync::Arc;

use rcgen::{KeyPair, SigningKey};
use rustls::SignatureScheme;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::certificate::{CertificateFault, Holder, Role};
use crate::{CertError, Identity, agent_dns_name, verify};

/// What the packets are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The load of a cell.
    Drive,
    /// A TCP connection to each port, to see whether it gets through.
    Reach,
    /// Datagrams, to be answered.
    Ping,
}

/// What is consented to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement<'a> {
    /// What the packets are.
    pub purpose: Purpose,
    /// The run.
    pub run: &'a str,
    /// The cell, where it is about one.
    pub cell: Option<u32>,
    /// Made by who will send.
    pub nonce: &'a [u8; 32],
    /// Where to.
    pub address: IpAddr,
    /// Where to.
    pub ports: &'a [u16],
    /// Whose loopback addresses are meant, should it be one: [`this_loopback`].
    pub loopback: &'a str,
}

/// Why a consent does not count.
#[derive(Debug, thiserror::Error)]
pub enum ConsentFault {
    /// Enrolled without it.
    #[error("this agent does not know its controller's authority of agents: enrol it again")]
    NoAuthority,
    /// Of a stranger, or of somebody who is no agent.
    #[error("who consents is no agent of this controller: {0}")]
    Stranger(rustls::Error),
    /// A key that no agent has.
    #[error("the certificate of who consents cannot be used: {0}")]
    Certificate(#[from] CertificateFault),
    /// Of something else.
    #[error("{holder} has not consented to this")]
    Other {
        /// Who has signed something, perhaps.
        holder: Holder,
    },
    /// The authority.
    #[error(transparent)]
    Authority(#[from] CertError),
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Drive => "drive",
            Self::Reach => "reach",
            Self::Ping => "ping",
        })
    }
}

impl Statement<'_> {
    /// A line each, quoted where others choose the words. The first keeps it apart from all that the same key signs in TLS.
    fn text(&self) -> String {
        let Self { purpose, run, cell, nonce, address, ports, loopback } = self;
        let address = address.to_canonical();
        let mut text = format!("rpycbench consent 1\n{purpose}\nrun {run:?}\ncell {cell:?}\nnonce ");
        for byte in *nonce {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        let _ = write!(text, "\naddress {address}\nports {ports:?}\n");
        if address.is_loopback() {
            // Every host has that address, and only one of them consents.
            let _ = writeln!(text, "of {loopback:?}");
        }
        text
    }
}

/// Names the loopback addresses of this process: those of this boot of the kernel, and of this network namespace. Empty where
/// that cannot be told.
pub fn this_loopback() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    let namespace = std::fs::read_link("/proc/self/ns/net");
    match (boot, namespace) {
        (Ok(boot), Ok(namespace)) => format!("{} {}", boot.trim(), namespace.display()),
        _ => String::new(),
    }
}

impl Identity {
    /// This agent's signature over what it consents to.
    ///
    /// # Errors
    /// When the key is damaged.
    pub fn consent(&self, statement: &Statement<'_>) -> Result<Vec<u8>, CertError> {
        Ok(KeyPair::from_pem(self.key())?.sign(statement.text().as_bytes())?)
    }

    /// Who has consented to that, an agent of the same controller.
    ///
    /// # Errors
    /// When it is not one, or has not.
    pub fn consented(
        &self,
        statement: &Statement<'_>,
        certificate: &str,
        signature: &[u8],
    ) -> Result<Holder, ConsentFault> {
        let (holder, public_key) = self.believe(certificate)?;
        let algorithms = ring::default_provider().signature_verification_algorithms.mapping;
        let fitting = algorithms.iter().filter(|(scheme, _)| *scheme == SignatureScheme::ECDSA_NISTP256_SHA256);
        let text = statement.text();
        let mut signed = fitting.flat_map(|(_, algorithms)| algorithms.iter());
        let signed = signed.any(|it| it.verify_signature(&public_key, text.as_bytes(), signature).is_ok());
        if signed { Ok(holder) } else { Err(ConsentFault::Other { holder }) }
    }

    /// The agent of the same controller that a certificate names, and its public key.
    pub(crate) fn believe(&self, certificate: &str) -> Result<(Holder, Vec<u8>), ConsentFault> {
        let authority = self.agents()?;
        if authority.is_empty() {
            return Err(ConsentFault::NoAuthority);
        }
        let der = CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(|_| CertificateFault::Unreadable)?;
        let holder = Holder::with_role(&der, Role::Agent)?;
        let name = ServerName::try_from(agent_dns_name(&holder.name)).map_err(|_| CertificateFault::Unreadable)?;
        // As a controller would believe it: authority, dates, purpose, names.
        verify::agents(authority, Arc::new(ring::default_provider()))?
            .verify_server_cert(&der, &[], &name, &[], UnixTime::now())
            .map_err(ConsentFault::Stranger)?;
        let (_, parsed) = X509Certificate::from_der(&der).map_err(|_| CertificateFault::Unreadable)?;
        Ok((holder, parsed.public_key().subject_public_key.data.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Authority;

    const LIFE: Duration = Duration::from_secs(600);

    fn statement() -> Statement<'static> {
        Statement {
            purpose: Purpose::Drive,
            run: "run",
            cell: Some(3),
            nonce: &[7; 32],
            address: IpAddr::V4([10, 0, 0, 1].into()),
            ports: &[20_000],
            loopback: "here",
        }
    }

    fn authority() -> Authority {
        Authority::ephemeral("mine", LIFE).expect("an authority")
    }

    #[test]
    fn an_agent_of_the_same_controller_is_believed_for_what_it_has_signed_and_nothing_else() {
        let authority = authority();
        let agent = |name| authority.agent(name, LIFE).expect("an identity");
        let (hurin, turin) = (agent("hurin"), agent("turin"));
        let signature = hurin.consent(&statement()).expect("signed");
        let holder = turin.consented(&statement(), hurin.certificate(), &signature).expect("believed");
        assert_eq!(holder.name, "hurin");
        let mapped = Statement { address: "::ffff:10.0.0.1".parse().expect("an address"), ..statement() };
        turin.consented(&mapped, hurin.certificate(), &signature).expect("the same address");
        for other in [
            Statement { purpose: Purpose::Reach, ..statement() },
            Statement { run: "another", ..statement() },
            Statement { run: "run\"\ncell Some(3)", ..statement() },
            Statement { cell: Some(4), ..statement() },
            Statement { cell: None, ..statement() },
            Statement { nonce: &[8; 32], ..statement() },
            Statement { address: IpAddr::V4([10, 0, 0, 2].into()), ..statement() },
            Statement { ports: &[20_001], ..statement() },
            Statement { ports: &[20_000, 20_001], ..statement() },
        ] {
            let fault = turin.consented(&other, hurin.certificate(), &signature).expect_err("not signed").to_string();
            assert_eq!(fault, "spiffe://mine.rpycbench.invalid/agent/hurin has not consented to this", "{other:?}");
        }
        assert!(turin.consented(&statement(), turin.certificate(), &signature).is_err(), "signed by another");
        assert!(turin.consented(&statement(), hurin.certificate(), &signature[1..]).is_err());
    }

    #[test]
    fn a_loopback_address_is_that_of_the_host_that_consents() {
        let hurin = authority().agent("hurin", LIFE).expect("an identity");
        let here = Statement { address: IpAddr::V4([127, 0, 0, 1].into()), ..statement() };
        let signature = hurin.consent(&here).expect("signed");
        hurin.consented(&here, hurin.certificate(), &signature).expect("its own");
        let elsewhere = Statement { loopback: "there", ..here };
        assert!(hurin.consented(&elsewhere, hurin.certificate(), &signature).is_err());
        assert!(!this_loopback().is_empty() && this_loopback() == this_loopback());
    }

    #[test]
    fn nobody_else_can_consent() {
        let (mine, theirs) = (authority(), authority());
        let turin = mine.agent("turin", LIFE).expect("an identity");
        let refused = |who: &Identity| {
            let signature = who.consent(&statement()).expect("signed");
            turin.consented(&statement(), who.certificate(), &signature).expect_err("no agent of mine").to_string()
        };
        let controller = refused(&mine.controller("run", LIFE).expect("an identity"));
        assert!(controller.contains("is that of the controller \"run\", not of an agent"), "{controller}");
        let stranger = refused(&theirs.agent("hurin", LIFE).expect("an identity"));
        assert!(stranger.starts_with("who consents is no agent of this controller: "), "{stranger}");
        assert!(turin.consented(&statement(), "no certificate", &[]).is_err());
        let unknowing = mine.controller("run", LIFE).expect("an identity");
        let fault = unknowing.consented(&statement(), turin.certificate(), &[]).expect_err("no authority");
        assert!(matches!(fault, ConsentFault::NoAuthority));
    }
}
