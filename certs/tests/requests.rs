//! What comes of requests that ask for more than they may have.

#![expect(clippy::expect_used, reason = "test code: a panic is how a test fails")]

use std::time::Duration;

use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType,
};
use rpycbench_certs::Authority;
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::FromDer;

fn authority() -> Authority {
    Authority::ephemeral("mine", Duration::from_secs(3600)).expect("an authority")
}

fn request(wishes: &CertificateParams, key: &KeyPair) -> String {
    wishes.serialize_request(key).and_then(|request| request.pem()).expect("a request")
}

/// Everything that a certificate of an agent must be, whatever was asked for.
#[track_caller]
fn is_an_agents(signed: &str, key: &KeyPair) {
    let (_, pem) = parse_x509_pem(signed.as_bytes()).expect("PEM");
    let certificate = pem.parse_x509().expect("a certificate");
    let names = certificate.subject_alternative_name().expect("well formed").expect("names").value;
    let wanted = [
        GeneralName::URI("spiffe://mine.rpycbench.invalid/agent/hurin"),
        GeneralName::DNSName("hurin.agent.rpycbench.invalid"),
    ];
    assert_eq!(names.general_names, wanted);
    let subject: Vec<&str> = certificate.subject().iter_attributes().filter_map(|one| one.as_str().ok()).collect();
    assert_eq!(subject, ["hurin"]);
    let constraints = certificate.basic_constraints().expect("well formed").expect("constraints").value;
    assert!(!constraints.ca && constraints.path_len_constraint.is_none(), "{constraints:?}");
    let purposes = certificate.extended_key_usage().expect("well formed").expect("purposes").value;
    assert!(
        purposes.server_auth && !purposes.client_auth && !purposes.any && purposes.other.is_empty(),
        "{purposes:?}"
    );
    assert_eq!(certificate.key_usage().expect("well formed").expect("usage").value.flags, 1, "digitalSignature alone");
    let life_s = certificate.validity().not_after.timestamp() - certificate.validity().not_before.timestamp();
    // A day back, for hosts whose clocks differ.
    assert_eq!(life_s, (30 + 1) * 24 * 3600);
    assert_eq!(certificate.public_key().subject_public_key.data.as_ref(), key.public_key_raw());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn s4_whatever_a_request_asks_for_the_certificate_is_an_agents(
        ca in any::<bool>(),
        signs in any::<bool>(),
        dials in any::<bool>(),
        name in "[a-z]{1,12}",
        uris in proptest::collection::vec("spiffe://mine\\.rpycbench\\.invalid/(agent|controller)/[a-z]{1,8}", 0..3),
        addresses in proptest::collection::vec(any::<[u8; 4]>(), 0..3),
    ) {
        let key = KeyPair::generate().expect("a key");
        let mut wishes = CertificateParams::new(vec![format!("{name}.example")]).expect("parameters");
        wishes.distinguished_name.push(DnType::CommonName, name);
        for uri in uris {
            wishes.subject_alt_names.push(SanType::URI(uri.try_into().expect("a URI")));
        }
        wishes.subject_alt_names.extend(addresses.into_iter().map(|address| SanType::IpAddress(address.into())));
        if ca {
            wishes.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        if signs {
            wishes.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        }
        if dials {
            wishes.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::Any];
        }
        let signed = authority().sign_agent("hurin", &request(&wishes, &key)).expect("signed");
        is_an_agents(&signed, &key);
    }
}

/// Who asks must have the key: a request that is changed anywhere in what is signed with it is refused.
#[test]
fn s4_a_request_that_is_not_signed_with_its_own_key_is_refused() {
    let key = KeyPair::generate().expect("a key");
    let request = CertificateParams::default().serialize_request(&key).expect("a request");
    let der = request.der();
    let (_, parsed) = X509CertificationRequest::from_der(der).expect("a request");
    let signed_part = parsed.certification_request_info.raw;
    let start = der.windows(signed_part.len()).position(|window| window == signed_part).expect("it is in there");
    let authority = authority();
    for place in start..start + signed_part.len() {
        let mut changed = der.to_vec();
        changed[place] ^= 1;
        assert!(
            authority.sign_agent("hurin", &pem_of(&changed)).is_err(),
            "byte {place} was changed and it was signed"
        );
    }
    assert!(authority.sign_agent("hurin", &pem_of(der)).is_ok());
}

#[test]
fn s4_a_text_that_is_no_request_or_of_a_mebibyte_is_refused() {
    let authority = authority();
    for text in ["", "-----BEGIN CERTIFICATE REQUEST-----", &pem_of(&[0; 1 << 20]), authority.controllers_certificate()]
    {
        assert!(authority.sign_agent("hurin", text).is_err(), "{:.60}", text);
    }
}

fn pem_of(der: &[u8]) -> String {
    let text = data_encoding::BASE64.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
    format!("-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n", lines.join("\n"))
}
