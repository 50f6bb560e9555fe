//! The rules of the conversation, seen from the controller's side of the wire.

use std::time::Duration;

use rpycbench_certs::Authority;
use rpycbench_proto::pb::agent_client::AgentClient;
use rpycbench_proto::pb::{Command, Event, Open, Prepare, command, event};
use rpycbench_proto::{PROTOCOL, pb};
use rpycbench_tests::Sandbox;
use rpycbench_tests::agent::Agent;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

const LIFE: Duration = Duration::from_secs(600);

async fn agent_and_client(sandbox: &Sandbox) -> (Agent, AgentClient<Channel>) {
    let run = Authority::ephemeral("one", LIFE).expect("an authority");
    let agent = Agent::start(sandbox, &run.agent("here", LIFE).expect("an identity")).await;
    let config = run.controller("run", LIFE).and_then(|identity| identity.client_config()).expect("TLS settings");
    let client = agent.connect(config, "here").await.expect("a connection");
    (agent, client)
}

async fn open(
    client: &mut AgentClient<Channel>,
    first: command::Kind,
) -> Result<(mpsc::Sender<Command>, Streaming<Event>), Status> {
    let (sender, commands) = mpsc::channel(4);
    sender.send(Command { kind: Some(first) }).await.expect("room for one");
    let events = client.run(ReceiverStream::new(commands)).await?.into_inner();
    Ok((sender, events))
}

fn open_command(protocol: u32) -> command::Kind {
    command::Kind::Open(Open {
        protocol,
        run_id: "run".to_owned(),
        study: "study".to_owned(),
        controller: "user@host".to_owned(),
        expected_ns: 1_000_000_000,
    })
}

#[tokio::test]
async fn hello_tells_the_protocol_and_the_host() {
    let sandbox = Sandbox::new();
    let (_agent, mut client) = agent_and_client(&sandbox).await;
    let hello = client
        .hello(pb::HelloRequest { protocol: PROTOCOL, build: String::new() })
        .await
        .expect("an answer")
        .into_inner();
    assert_eq!(hello.protocol, PROTOCOL);
    let host = hello.host.expect("facts");
    assert!(host.logical_cpus > 0 && host.memory_bytes > 0 && !host.kernel.is_empty(), "{host:?}");
}

#[tokio::test]
async fn a_controller_of_another_protocol_is_told_both_versions() {
    let sandbox = Sandbox::new();
    let (_agent, mut client) = agent_and_client(&sandbox).await;
    let (_commands, mut events) = open(&mut client, open_command(PROTOCOL + 1)).await.expect("the stream opens");
    let refusal = events.message().await.expect_err("no event");
    assert_eq!(refusal.code(), Code::FailedPrecondition);
    assert!(refusal.message().contains(&format!("protocol {}, this agent {PROTOCOL}", PROTOCOL + 1)), "{refusal:?}");
}

#[tokio::test]
async fn a_command_before_open_is_refused() {
    let sandbox = Sandbox::new();
    let (_agent, mut client) = agent_and_client(&sandbox).await;
    let prepare = command::Kind::Prepare(Prepare { stacks: Vec::new() });
    let (_commands, mut events) = open(&mut client, prepare).await.expect("the stream opens");
    let refusal = events.message().await.expect_err("no event");
    assert!(refusal.message().contains("before open"), "{refusal:?}");
}

#[tokio::test]
async fn a_second_run_is_told_who_has_the_agent_and_may_come_when_the_first_has_gone() {
    let sandbox = Sandbox::new();
    let (_agent, mut client) = agent_and_client(&sandbox).await;
    let (commands, mut events) = open(&mut client, open_command(PROTOCOL)).await.expect("the stream opens");
    let opened = events.message().await.expect("an event").expect("an event").kind;
    assert!(matches!(opened, Some(event::Kind::Opened(_))), "{opened:?}");

    let busy = open(&mut client, open_command(PROTOCOL)).await.expect_err("the agent is busy");
    assert_eq!(busy.code(), Code::ResourceExhausted);
    assert!(busy.message().contains("busy with study \"study\" of user@host (127.0.0.1"), "{busy:?}");

    drop(commands);
    while events.message().await.expect("an orderly end").is_some() {}
    open(&mut client, open_command(PROTOCOL)).await.expect("the agent is free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_the_agent_and_says_nothing_has_to_give_it_back() {
    let sandbox = Sandbox::new();
    let (agent, mut client) = agent_and_client(&sandbox).await;
    let mut silent = client.run(tokio_stream::pending::<Command>()).await.expect("the stream opens").into_inner();
    let refusal = silent.message().await.expect_err("no event");
    assert!(refusal.message().contains("no command within 10s"), "{refusal:?}");
    open(&mut client, open_command(PROTOCOL)).await.expect("the agent is free again");
    assert!(agent.log().contains("audit: run closed"), "{}", agent.log());
}
