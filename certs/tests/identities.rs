//! What is in the certificates of a run, as a parser that is not ours reads them.

#![expect(clippy::expect_used, reason = "test code: a panic is how a test fails")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rpycbench_certs::{Authority, Identity};
use x509_parser::extensions::GeneralName;
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::X509Certificate;

const LIFE: Duration = Duration::from_secs(3600);
/// What a test may take between making a certificate and looking at it.
const SLACK: i64 = 120;

fn look<T>(identity: &Identity, look: impl FnOnce(&X509Certificate<'_>) -> T) -> T {
    let (_, pem) = parse_x509_pem(identity.certificate().as_bytes()).expect("PEM");
    look(&pem.parse_x509().expect("a certificate"))
}

fn authority() -> Authority {
    Authority::ephemeral("run-1", LIFE).expect("an authority")
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let extension = certificate.subject_alternative_name().expect("well formed").expect("names");
    extension
        .value
        .general_names
        .iter()
        .map(|name| match name {
            GeneralName::URI(uri) => format!("uri {uri}"),
            GeneralName::DNSName(name) => format!("dns {name}"),
            other => format!("{other:?}"),
        })
        .collect()
}

#[test]
fn an_agent_can_serve_and_never_dial() {
    look(&authority().agent("turin", LIFE).expect("an identity"), |certificate| {
        let purposes = certificate.extended_key_usage().expect("well formed").expect("purposes").value;
        assert!(purposes.server_auth && !purposes.client_auth && !purposes.any, "{purposes:?}");
        let names = names(certificate);
        assert_eq!(names, ["uri spiffe://run-1.rpycbench.invalid/agent/turin", "dns turin.agent.rpycbench.invalid"]);
    });
}

#[test]
fn a_controller_can_dial_and_never_serve() {
    look(&authority().controller("run", LIFE).expect("an identity"), |certificate| {
        let purposes = certificate.extended_key_usage().expect("well formed").expect("purposes").value;
        assert!(purposes.client_auth && !purposes.server_auth && !purposes.any, "{purposes:?}");
        assert_eq!(names(certificate), ["uri spiffe://run-1.rpycbench.invalid/controller/run"]);
    });
}

#[test]
fn no_identity_can_sign_another() {
    let authority = authority();
    for identity in [authority.agent("turin", LIFE), authority.controller("run", LIFE)] {
        look(&identity.expect("an identity"), |certificate| {
            assert!(!certificate.is_ca());
            let usage = certificate.key_usage().expect("well formed").expect("usage").value;
            assert!(usage.digital_signature() && !usage.key_cert_sign(), "{usage:?}");
        });
    }
}

#[test]
fn an_identity_is_good_for_as_long_as_was_asked_and_not_from_1975() {
    /// How far back it is good, for hosts whose clocks differ.
    const DAY: i64 = 24 * 3600;
    look(&authority().agent("turin", LIFE).expect("an identity"), |certificate| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_secs().cast_signed();
        let validity = certificate.validity();
        let (from, until) = (validity.not_before.timestamp() - now, validity.not_after.timestamp() - now);
        assert!((-DAY - SLACK..=-DAY + SLACK).contains(&from), "{from} s from now");
        assert!((3600 - SLACK..=3600 + SLACK).contains(&until), "{until} s from now");
    });
}

#[test]
fn a_key_is_not_shown() {
    let shown = format!("{:?}", authority().controller("run", LIFE).expect("an identity"));
    assert!(!shown.contains("PRIVATE KEY"), "{shown}");
}

/// A request that asks for everything: another name, the right to sign, a client's purpose.
#[test]
fn s4_nothing_but_the_key_is_taken_from_a_request() {
    let key = rcgen::KeyPair::generate().expect("a key");
    let mut wishes = rcgen::CertificateParams::new(vec!["evil.example".to_owned()]).expect("parameters");
    wishes.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    wishes.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let request = wishes.serialize_request(&key).and_then(|request| request.pem()).expect("a request");
    let signed = authority().sign_agent("hurin", &request).expect("signed");
    let (_, pem) = parse_x509_pem(signed.as_bytes()).expect("PEM");
    let certificate = pem.parse_x509().expect("a certificate");
    assert_eq!(
        names(&certificate),
        ["uri spiffe://run-1.rpycbench.invalid/agent/hurin", "dns hurin.agent.rpycbench.invalid"]
    );
    let purposes = certificate.extended_key_usage().expect("well formed").expect("purposes").value;
    assert!(purposes.server_auth && !purposes.client_auth && !certificate.is_ca(), "{purposes:?}");
}

#[test]
fn authorities_that_are_kept_are_the_same_the_next_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = Authority::open(folder.path(), "mine").expect("made");
    let second = Authority::open(folder.path(), "another-name").expect("found");
    assert_eq!(first.controllers_certificate(), second.controllers_certificate());
    look(&second.agent("hurin", LIFE).expect("an identity"), |certificate| {
        assert_eq!(names(certificate)[0], "uri spiffe://mine.rpycbench.invalid/agent/hurin");
    });
}
