//! Who is let in.

use std::sync::Arc;
use std::time::Duration;

use rpycbench_certs::Authority;
use rpycbench_proto::pb::HelloRequest;
use rpycbench_proto::pb::agent_client::AgentClient;
use rpycbench_tests::Sandbox;
use rpycbench_tests::agent::Agent;
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

#[tokio::test]
async fn the_controller_of_the_same_run_is_let_in() {
    let (sandbox, run) = (Sandbox::new(), authority("one"));
    let agent = Agent::start(&sandbox, &run.agent("here", LIFE).expect("an identity")).await;
    let config = run.controller("run", LIFE).and_then(|identity| identity.client_config()).expect("TLS settings");
    assert!(is_let_in(agent.connect(config, "here").await).await);
}

#[tokio::test]
async fn a_client_without_tls_is_refused() {
    let (sandbox, run) = (Sandbox::new(), authority("one"));
    let agent = Agent::start(&sandbox, &run.agent("here", LIFE).expect("an identity")).await;
    assert!(!is_let_in(agent.connect_in_the_clear().await).await);
}

#[tokio::test]
async fn a_client_without_a_certificate_is_refused() {
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
}

#[tokio::test]
async fn the_controller_of_another_run_is_refused() {
    let (sandbox, run) = (Sandbox::new(), authority("one"));
    let agent = Agent::start(&sandbox, &run.agent("here", LIFE).expect("an identity")).await;
    let stranger =
        authority("two").controller("run", LIFE).and_then(|identity| identity.client_config()).expect("TLS settings");
    // It does not believe the agent either; take that hurdle away from it.
    let mut config = run.controller("run", LIFE).and_then(|identity| identity.client_config()).expect("TLS settings");
    config.client_auth_cert_resolver = stranger.client_auth_cert_resolver;
    assert!(!is_let_in(agent.connect(config, "here").await).await);
}

#[tokio::test]
async fn an_agents_own_certificate_is_no_controllers() {
    let (sandbox, run) = (Sandbox::new(), authority("one"));
    let agent = Agent::start(&sandbox, &run.agent("here", LIFE).expect("an identity")).await;
    let stolen = run.agent("there", LIFE).and_then(|identity| identity.client_config()).expect("TLS settings");
    let mut config = run.controller("run", LIFE).and_then(|identity| identity.client_config()).expect("TLS settings");
    config.client_auth_cert_resolver = stolen.client_auth_cert_resolver;
    assert!(!is_let_in(agent.connect(config, "here").await).await);
}

#[tokio::test]
async fn an_agent_of_another_name_is_not_believed() {
    let (sandbox, run) = (Sandbox::new(), authority("one"));
    let agent = Agent::start(&sandbox, &run.agent("there", LIFE).expect("an identity")).await;
    let config = run.controller("run", LIFE).and_then(|identity| identity.client_config()).expect("TLS settings");
    assert!(!is_let_in(agent.connect(config, "here").await).await);
}
