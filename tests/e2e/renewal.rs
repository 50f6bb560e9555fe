//! Certificates that come to their end: renewed by whatever run comes by, and what is said of those that were not.

use std::time::{Duration, SystemTime};

use nix::sys::signal::Signal;
use rpycbench_certs::agent_dns_name;
use rpycbench_proto::pb;
use rpycbench_proto::pb::renewal_client::RenewalClient;
use rpycbench_tests::Sandbox;
use rpycbench_tests::agent::channel;
use rpycbench_tests::forge::{Forge, Leaf};
use rpycbench_tests::going::Going;
use rpycbench_tests::installed::Installed;
use rpycbench_tests::patience::eventually;
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
async fn s6_a_run_renews_a_certificate_past_a_third_of_its_life_and_the_next_one_leaves_it() {
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
fn s6_a_run_whose_renewal_is_refused_warns_and_goes_on() {
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
fn s6_an_agent_that_has_expired_is_to_be_enrolled_again_and_then_is_good() {
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

/// A run of the plan, once its load goes on.
fn driving(sandbox: &Sandbox, plan: &str) -> Going {
    let path = sandbox.plan(plan).display().to_string();
    let mut going = Going::start(sandbox.controller(&["run", &path, "--json"]));
    going.until_done(1);
    going
}

#[tokio::test]
async fn s6_a_certificate_that_is_renewed_amid_a_run_costs_no_sample() {
    let sandbox = Sandbox::new();
    let hurin = enrolled(&sandbox, &Leaf::agent("hurin").good_for_days(-9, 21));
    let before = hurin.identity();
    let going = driving(&sandbox, &plan(&hurin).replace("requests = 20", "requests = 8000"));
    let forge = Forge::new(&sandbox);
    let config = forge.controller(&Leaf::controller()).client_config().expect("TLS settings");
    let channel = channel(&hurin.address, config, &agent_dns_name("hurin")).await.expect("a connection");
    let mut client = RenewalClient::new(channel);
    let request = client.begin(pb::BeginRenewalRequest {}).await.expect("a request").into_inner().certificate_request;
    let certificate = forge.authority.sign_agent("hurin", &request).expect("signed");
    client.complete(pb::CompleteRenewalRequest { certificate }).await.expect("it is taken");
    assert_ne!(hurin.identity().certificate(), before.certificate());
    let outcome = going.end();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let cell = sandbox.json("run.json")["cells"][0].clone();
    assert_eq!((&cell["stored"], &cell["failed"]), (&8000.into(), &0.into()), "{cell}");
}

/// Connections go on with what they began with, and no other is begun.
#[test]
fn s6_a_certificate_that_ends_amid_a_run_ends_no_load_and_the_next_run_says_what_to_do() {
    let sandbox = Sandbox::new();
    // Of another trust domain: no run renews it.
    let uris = vec!["spiffe://another/agent/hurin".to_owned()];
    let seconds = time::Duration::seconds(10);
    let hurin = enrolled(&sandbox, &Leaf { uris, good: (-seconds, seconds), ..Leaf::agent("hurin") });
    let validity = hurin.identity().validity().expect("dates");
    let mut going = driving(&sandbox, &plan(&hurin).replace("requests = 20", "requests = 2000000"));
    eventually("it has expired", || if validity.is_over(SystemTime::now()) { Ok(()) } else { Err(&validity) });
    let then = going.until_done(1)["done"].as_u64().expect("a count");
    going.until_done(then + 1000);
    going.signal(Signal::SIGINT);
    let outcome = going.end();
    assert_eq!(outcome.code, Some(4), "{outcome:?}");
    let cell = sandbox.json("run.json")["cells"][0].clone();
    assert!(cell["status"] == "interrupted" && cell["stored"].as_u64() > Some(then), "{cell}");
    let outcome = sandbox.run(&plan(&hurin), &[]);
    assert_eq!(outcome.code, Some(5), "{outcome:?}");
    assert!(outcome.stderr.contains("its certificate has expired: enrol it again with"), "{outcome:?}");
}

#[test]
fn s6_an_identity_that_is_torn_on_the_disk_is_said_to_be_and_the_old_one_is_still_served() {
    let sandbox = Sandbox::new();
    let hurin = enrolled(&sandbox, &Leaf::agent("hurin"));
    assert_eq!(sandbox.run(&plan(&hurin), &[]).code, Some(0));
    let path = hurin.state().join("identity.json");
    let whole = std::fs::read(&path).expect("an identity");
    std::fs::write(&path, &whole[..whole.len() / 2]).expect("it is the test's own");
    let described = sandbox.call(&["agents", "describe", "hurin"]);
    assert_eq!(described.code, Some(0), "it answers with the pair it has: {described:?}");
    assert!(hurin.log().contains("the agent's own certificate cannot be read"), "{}", hurin.log());
    let outcome = sandbox.run(&plan(&hurin), &[]);
    assert_eq!(outcome.code, Some(5), "{outcome:?}");
    assert!(outcome.stderr.contains("host hurin") && outcome.stderr.contains("identity.json"), "{outcome:?}");
    std::fs::write(&path, whole).expect("it is the test's own");
    assert_eq!(sandbox.run(&plan(&hurin), &[]).code, Some(0));
}
