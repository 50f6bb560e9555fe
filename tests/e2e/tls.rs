//! Who is let in, and why others are not: the agent's log must say it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rpycbench_certs::Authority;
use rpycbench_proto::pb::HelloRequest;
use rpycbench_proto::pb::agent_client::AgentClient;
use rpycbench_tests::Sandbox;
use rpycbench_tests::agent::Agent;
use rpycbench_tests::forge::{Forge, Leaf};
use rpycbench_tests::patience::eventually;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};
use tonic::transport::Channel;

const LIFE: Duration = Duration::from_secs(600);

fn authority(run: &str) -> Authority {
    Authority::ephemeral(run, LIFE).expect("an authority")
}

/// With TLS 1.3 a client learns of its refusal with its first call; both places count.
async fn is_let_in(client: Result<AgentClient<Channel>, tonic::transport::Error>) -> bool {
    let Ok(mut client) = client else { return false };
    client.hello(HelloRequest { protocol: 1, build: "test".to_owned() }).await.is_ok()
}

/// One line that names the peer and the reason.
#[track_caller]
fn logs_a_refusal(agent: &Agent, reason: &str) {
    eventually("the refusal is in the log", || {
        let log = agent.log();
        let line = |line: &str| {
            line.contains("connection refused") && line.contains("peer=127.0.0.1:") && line.contains(reason)
        };
        if log.lines().any(line) { Ok(()) } else { Err(log) }
    });
}

#[tokio::test]
async fn the_controller_of_the_same_run_is_let_in() {
    let (sandbox, run) = (Sandbox::new(), authority("one"));
    let agent = Agent::start(&sandbox, &run.agent("here", LIFE).expect("an identity")).await;
    let config = run.controller("run", LIFE).and_then(|identity| identity.client_config()).expect("TLS settings");
    assert!(is_let_in(agent.connect(config, "here").await).await);
}

#[tokio::test]
async fn s1_a_client_without_tls_is_refused() {
    let (sandbox, run) = (Sandbox::new(), authority("one"));
    let agent = Agent::start(&sandbox, &run.agent("here", LIFE).expect("an identity")).await;
    assert!(!is_let_in(agent.connect_in_the_clear().await).await);
    logs_a_refusal(&agent, "InvalidContentType");
}

#[tokio::test]
async fn s1_a_client_without_a_certificate_is_refused() {
    let (sandbox, run) = (Sandbox::new(), authority("one"));
    let agent = Agent::start(&sandbox, &run.agent("here", LIFE).expect("an identity")).await;
    // It believes the agent, as a client would that only wants to listen in.
    let mut config = run.controller("run", LIFE).and_then(|identity| identity.client_config()).expect("TLS settings");
    let believing = config.clone();
    config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("TLS versions")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let mut anonymous = believing;
    anonymous.client_auth_cert_resolver = config.client_auth_cert_resolver;
    assert!(!is_let_in(agent.connect(anonymous, "here").await).await);
    logs_a_refusal(&agent, "peer sent no certificates");
}

#[tokio::test]
async fn s1_the_controller_of_another_authority_is_refused() {
    let (sandbox, run) = (Sandbox::new(), authority("one"));
    let agent = Agent::start(&sandbox, &run.agent("here", LIFE).expect("an identity")).await;
    let stranger =
        authority("two").controller("run", LIFE).and_then(|identity| identity.client_config()).expect("TLS settings");
    // It does not believe the agent either; take that hurdle away from it.
    let mut config = run.controller("run", LIFE).and_then(|identity| identity.client_config()).expect("TLS settings");
    config.client_auth_cert_resolver = stranger.client_auth_cert_resolver;
    assert!(!is_let_in(agent.connect(config, "here").await).await);
    logs_a_refusal(&agent, "BadSignature");
}

#[tokio::test]
async fn s1_an_agents_own_certificate_is_no_controllers() {
    let (sandbox, run) = (Sandbox::new(), authority("one"));
    let agent = Agent::start(&sandbox, &run.agent("here", LIFE).expect("an identity")).await;
    let stolen = run.agent("there", LIFE).and_then(|identity| identity.client_config()).expect("TLS settings");
    let mut config = run.controller("run", LIFE).and_then(|identity| identity.client_config()).expect("TLS settings");
    config.client_auth_cert_resolver = stolen.client_auth_cert_resolver;
    assert!(!is_let_in(agent.connect(config, "here").await).await);
    logs_a_refusal(&agent, "does not allow extended key usage for client authentication");
}

#[tokio::test]
async fn s1_an_agent_of_another_name_is_not_believed() {
    let (sandbox, run) = (Sandbox::new(), authority("one"));
    let agent = Agent::start(&sandbox, &run.agent("there", LIFE).expect("an identity")).await;
    let config = run.controller("run", LIFE).and_then(|identity| identity.client_config()).expect("TLS settings");
    assert!(!is_let_in(agent.connect(config, "here").await).await);
}

/// A client with that certificate of a controller, knocking at an agent.
async fn knocks(sandbox: &Sandbox, leaf: &Leaf) -> (Agent, bool) {
    let forge = Forge::new(sandbox);
    let agent = Agent::start(sandbox, &forge.authority.agent("here", LIFE).expect("an identity")).await;
    let config = forge.controller(leaf).client_config().expect("TLS settings");
    let let_in = is_let_in(agent.connect(config, "here").await).await;
    (agent, let_in)
}

#[tokio::test]
async fn a_forged_certificate_that_is_right_in_every_way_is_let_in() {
    let sandbox = Sandbox::new();
    let (agent, let_in) = knocks(&sandbox, &Leaf::controller()).await;
    assert!(let_in, "{}", agent.log());
}

#[tokio::test]
async fn s1_a_controller_must_have_one_name_and_be_a_controller_now_and_for_dialling() {
    let uris = |uris: &[&str]| Leaf { uris: uris.iter().map(|&uri| uri.to_owned()).collect(), ..Leaf::controller() };
    let cases = [
        (uris(&[]), "the certificate has 0 URIs for its holder instead of one"),
        (uris(&["spiffe://mine/controller/a", "spiffe://mine/controller/b"]), "the certificate has 2 URIs"),
        (uris(&["spiffe://mine/agent/here"]), "that of the agent \"here\", not of a controller"),
        (uris(&["https://mine/controller/a"]), "is neither spiffe://DOMAIN/agent/NAME nor"),
        (Leaf { purpose: Leaf::agent("here").purpose, ..Leaf::controller() }, "does not allow extended key usage"),
        (Leaf::controller().good_for_days(-2, -1), "certificate expired"),
        (Leaf::controller().good_for_days(1, 2), "certificate not valid yet"),
    ];
    for (leaf, reason) in cases {
        let sandbox = Sandbox::new();
        let (agent, let_in) = knocks(&sandbox, &leaf).await;
        assert!(!let_in, "{leaf:?}");
        logs_a_refusal(&agent, reason);
    }
}

/// All of it is right, apart from who has signed.
#[tokio::test]
async fn s1_a_certificate_of_its_own_making_is_refused() {
    let sandbox = Sandbox::new();
    let forge = Forge::new(&sandbox);
    let agent = Agent::start(&sandbox, &forge.authority.agent("here", LIFE).expect("an identity")).await;
    let config = forge.of_its_own_making(&Leaf::controller()).client_config().expect("TLS settings");
    assert!(!is_let_in(agent.connect(config, "here").await).await);
    logs_a_refusal(&agent, "UnknownIssuer");
}

/// What a thief of the agents' authority can make: all of it is right, apart from who has signed.
#[tokio::test]
async fn s1_the_authority_of_agents_makes_no_controllers() {
    let sandbox = Sandbox::new();
    let forge = Forge::new(&sandbox);
    let agent = Agent::start(&sandbox, &forge.authority.agent("here", LIFE).expect("an identity")).await;
    let stolen = forge.agent(&Leaf::controller()).client_config().expect("TLS settings");
    let mut config = forge.controller(&Leaf::controller()).client_config().expect("TLS settings");
    config.client_auth_cert_resolver = stolen.client_auth_cert_resolver;
    assert!(!is_let_in(agent.connect(config, "here").await).await);
    logs_a_refusal(&agent, "UnknownIssuer");
}

/// The version is all that is wrong with it: the first words of a client of ten years ago.
#[tokio::test]
async fn s1_a_client_of_tls_1_2_is_refused() {
    let (sandbox, run) = (Sandbox::new(), authority("one"));
    let agent = Agent::start(&sandbox, &run.agent("here", LIFE).expect("an identity")).await;
    let extensions: &[u8] = &[
        0, 10, 0, 4, 0, 2, 0, 23, // supported groups: P-256
        0, 13, 0, 4, 0, 2, 4, 3, // signatures: ECDSA with SHA-256
    ];
    let mut hello = vec![3, 3];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x2b, 1, 0]); // no session; ECDHE-ECDSA-AES128-GCM; no compression
    hello.extend([0, extensions.len() as u8]);
    hello.extend(extensions);
    let mut record = vec![22, 3, 1, 0, hello.len() as u8 + 4, 1, 0, 0, hello.len() as u8];
    record.extend(hello);
    let mut socket = TcpStream::connect(&agent.address).expect("a connection");
    socket.write_all(&record).expect("it is sent");
    let mut answer = Vec::new();
    // The agent may close without having read all.
    drop(socket.read_to_end(&mut answer));
    assert_ne!(answer.first(), Some(&22), "a handshake went on: {answer:?}");
    logs_a_refusal(&agent, "peer is incompatible");
}

/// What `agents describe` says of a server at a known address that has that certificate.
async fn describe(leaf: &Leaf) -> rpycbench_tests::Outcome {
    let sandbox = Sandbox::new();
    let agent = Agent::start(&sandbox, &Forge::new(&sandbox).agent(leaf)).await;
    sandbox.know("here", &agent.address);
    sandbox.call(&["agents", "describe", "here"])
}

#[tokio::test]
async fn s1_an_agent_must_have_one_name_and_be_that_agent_now_and_for_serving() {
    let outcome = describe(&Leaf::agent("here")).await;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let spoiled =
        |uris: &[&str]| Leaf { uris: uris.iter().map(|&uri| uri.to_owned()).collect(), ..Leaf::agent("here") };
    let cases = [
        (spoiled(&[]), "the certificate has 0 URIs for its holder instead of one"),
        (spoiled(&["spiffe://mine/agent/here", "spiffe://mine/agent/there"]), "the certificate has 2 URIs"),
        (spoiled(&["spiffe://mine/controller/here"]), "that of the controller \"here\", not of an agent"),
        (spoiled(&["spiffe://mine/agent/there"]), "that of the agent \"there\", not of the one asked for"),
        (Leaf::agent("there"), "certificate not valid for name"),
        (Leaf { purpose: Leaf::controller().purpose, ..Leaf::agent("here") }, "does not allow extended key usage"),
        (Leaf::agent("here").good_for_days(-2, -1), "its certificate has expired: enrol it again with"),
        (Leaf::agent("here").good_for_days(1, 2), "certificate not valid yet"),
    ];
    for (leaf, reason) in cases {
        let outcome = describe(&leaf).await;
        assert_eq!(outcome.code, Some(5), "{leaf:?}: {outcome:?}");
        assert!(outcome.stderr.contains(reason) && outcome.stderr.lines().count() == 1, "{reason}: {outcome:?}");
    }
}
