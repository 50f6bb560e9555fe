//! Certificates that come to their end: renewed by whatever run comes by, and what is said of those that were not.

use std::time::{Duration, SystemTime};

use rpycbench_tests::Sandbox;
use rpycbench_tests::forge::{Forge, Leaf};
use rpycbench_tests::installed::Installed;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

/// This host drives, the agent serves.
fn plan(hurin: &Installed) -> String {
    format!(
        "[study]\nname = \"renewal\"\nblocks = 1\nplacement = \"free\"\n\
         [hosts.turin]\nlocal = true\n[hosts.hurin]\nagent = \"{}\"\n\
         [[topologies]]\nname = \"lan\"\nclient = \"turin\"\nserver = \"hurin\"\n\
         [[servers]]\nname = \"rpyc-threaded\"\nkind = \"rpyc\"\nmode = \"threaded\"\n\
         [[workloads]]\nname = \"latency\"\nkind = \"closed\"\nrequests = 20\n",
        hurin.address
    )
}

/// An agent that was enrolled with that certificate.
fn enrolled(sandbox: &Sandbox, leaf: &Leaf) -> Installed {
    let identity = Forge::new(sandbox).agent(leaf);
    let hurin = Installed::start_as(sandbox, "hurin", "127.0.0.2", &identity);
    sandbox.know("hurin", &hurin.address);
    hurin
}

fn key(agent: &Installed) -> String {
    serde_json::to_value(agent.identity()).expect("JSON")["key"].to_string()
}

#[tokio::test]
async fn a_run_renews_a_certificate_past_a_third_of_its_life_and_the_next_one_leaves_it() {
    let sandbox = Sandbox::new();
    let hurin = enrolled(&sandbox, &Leaf::agent("hurin").good_for_days(-11, 19));
    let (before, key_before) = (hurin.identity(), key(&hurin));

    let outcome = sandbox.run(&plan(&hurin), &[]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(sandbox.json("run.json")["warnings"], serde_json::json!([]));
    let after = hurin.identity();
    assert_eq!(after.holder(), before.holder());
    assert_ne!(key(&hurin), key_before, "the key is fresh");
    let validity = after.validity().expect("dates");
    let in_29_days = SystemTime::now() + Duration::from_secs(29 * 24 * 3600);
    assert!(!validity.renewal_is_due(SystemTime::now()) && !validity.is_over(in_29_days), "{validity:?}");
    let expires: jiff::Timestamp = sandbox.known("hurin")["expires"].as_str().expect("a date").parse().expect("a date");
    assert_eq!(expires.as_second(), validity.not_after_unix_s);
    assert!(hurin.log().contains("certificate renewed"), "{}", hurin.log());

    // The next connection is made with the new one, and changes nothing.
    let controller = Forge::new(&sandbox).controller(&Leaf::controller());
    let kept = CertificateDer::from_pem_slice(after.certificate().as_bytes()).expect("PEM");
    assert_eq!(hurin.shown(&controller, "hurin").await, kept);
    let described = sandbox.call(&["agents", "describe", "hurin", "--json"]);
    let described: serde_json::Value = serde_json::from_str(&described.stdout).expect("JSON");
    assert_eq!(described["certificate"]["not_after"], sandbox.known("hurin")["expires"]);
    assert_eq!(described["certificate"]["renewal_due"], false);
    assert_eq!(sandbox.run(&plan(&hurin), &[]).code, Some(0));
    assert_eq!(hurin.identity().certificate(), after.certificate());
}

#[test]
fn a_certificate_in_its_first_third_is_left_alone() {
    let sandbox = Sandbox::new();
    let hurin = enrolled(&sandbox, &Leaf::agent("hurin").good_for_days(-9, 21));
    let before = hurin.identity();
    assert_eq!(sandbox.run(&plan(&hurin), &[]).code, Some(0));
    assert_eq!(hurin.identity().certificate(), before.certificate());
}

/// The agent does not take a certificate of another trust domain than its own.
#[test]
fn a_run_whose_renewal_is_refused_warns_and_goes_on() {
    let sandbox = Sandbox::new();
    let uris = vec!["spiffe://another/agent/hurin".to_owned()];
    let hurin = enrolled(&sandbox, &Leaf { uris, ..Leaf::agent("hurin") }.good_for_days(-11, 19));
    let before = hurin.identity();
    let outcome = sandbox.run(&plan(&hurin), &[]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let warnings = sandbox.json("run.json")["warnings"].to_string();
    assert!(warnings.contains("host hurin: the agent's certificate, good until"), "{warnings}");
    assert!(warnings.contains("was not renewed: the agent refused: the new certificate is for"), "{warnings}");
    assert_eq!(hurin.identity().certificate(), before.certificate());
}

#[test]
fn an_agent_that_has_expired_is_to_be_enrolled_again_and_then_is_good() {
    let sandbox = Sandbox::new();
    let hurin = enrolled(&sandbox, &Leaf::agent("hurin").good_for_days(-31, -1));
    let before = hurin.identity();
    let outcome = sandbox.run(&plan(&hurin), &[]);
    assert_eq!(outcome.code, Some(5), "{outcome:?}");
    let address = &hurin.address;
    let wanted = format!(
        "rpycbench-controller: host hurin: cannot reach the agent at {address}: its certificate has expired: \
         enrol it again with `rpycbench-controller enrol {address} --code CODE`\n"
    );
    assert!(outcome.stderr.ends_with(&wanted), "{outcome:?}");
    assert_eq!(hurin.identity().certificate(), before.certificate(), "what is over is not renewed");

    assert_eq!(sandbox.call(&["enrol", address, "--code", &hurin.code("hurin")]).code, Some(0));
    assert_eq!(sandbox.run(&plan(&hurin), &[]).code, Some(0));
}
