//! The rules of the conversation, seen from the controller's side of the wire.

use std::time::Duration;

use rpycbench_certs::Authority;
use rpycbench_proto::pb::agent_client::AgentClient;
use rpycbench_proto::pb::command_frame::What;
use rpycbench_proto::pb::{Attach, Command, CommandFrame, Event, EventFrame, Leave, Open, Prepare, command, event};
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

/// Attaches to a run, which begins with it.
async fn attach(
    client: &mut AgentClient<Channel>,
    run_id: &str,
    begin: bool,
) -> Result<(mpsc::Sender<CommandFrame>, Streaming<EventFrame>), Status> {
    let (sender, frames) = mpsc::channel(4);
    let attach = What::Attach(Attach { run_id: run_id.to_owned(), begin });
    sender.send(frame(0, attach)).await.expect("room for one");
    let events = client.run(ReceiverStream::new(frames)).await?.into_inner();
    Ok((sender, events))
}

async fn open(
    client: &mut AgentClient<Channel>,
    first: command::Kind,
) -> Result<(mpsc::Sender<CommandFrame>, Streaming<EventFrame>), Status> {
    let (sender, events) = attach(client, "run", true).await?;
    sender.send(frame(1, What::Command(Command { kind: Some(first) }))).await.expect("room for one");
    Ok((sender, events))
}

fn frame(number: u64, what: What) -> CommandFrame {
    CommandFrame { number, acknowledged: 0, what: Some(what) }
}

/// The next event, whatever empty frames come before it.
async fn next_event(events: &mut Streaming<EventFrame>) -> Result<Event, Status> {
    loop {
        if let Some(event) = events.message().await?.expect("the stream goes on").event {
            return Ok(event);
        }
    }
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
async fn r18_a_controller_of_another_protocol_is_told_both_versions() {
    let sandbox = Sandbox::new();
    let (_agent, mut client) = agent_and_client(&sandbox).await;
    let (_commands, mut events) = open(&mut client, open_command(PROTOCOL + 1)).await.expect("the stream opens");
    let refusal = next_event(&mut events).await.expect_err("no event");
    assert_eq!(refusal.code(), Code::FailedPrecondition);
    assert!(refusal.message().contains(&format!("protocol {}, this agent {PROTOCOL}", PROTOCOL + 1)), "{refusal:?}");
}

#[tokio::test]
async fn a_command_before_open_is_refused() {
    let sandbox = Sandbox::new();
    let (_agent, mut client) = agent_and_client(&sandbox).await;
    let prepare = command::Kind::Prepare(Prepare { stacks: Vec::new() });
    let (_commands, mut events) = open(&mut client, prepare).await.expect("the stream opens");
    let refusal = next_event(&mut events).await.expect_err("no event");
    assert!(refusal.message().contains("before open"), "{refusal:?}");
}

#[tokio::test]
async fn r19_a_second_run_is_told_who_has_the_agent_and_may_come_when_the_first_has_gone() {
    let sandbox = Sandbox::new();
    let (_agent, mut client) = agent_and_client(&sandbox).await;
    let (commands, mut events) = open(&mut client, open_command(PROTOCOL)).await.expect("the stream opens");
    let opened = next_event(&mut events).await.expect("an event").kind;
    assert!(matches!(opened, Some(event::Kind::Opened(_))), "{opened:?}");

    let busy = attach(&mut client, "another", true).await.expect_err("the agent is busy");
    assert_eq!(busy.code(), Code::ResourceExhausted);
    assert!(busy.message().contains("busy with study \"study\" of user@host (127.0.0.1"), "{busy:?}");

    commands.send(frame(0, What::Leave(Leave {}))).await.expect("the stream is open");
    while events.message().await.expect("an orderly end").is_some() {}
    open(&mut client, open_command(PROTOCOL)).await.expect("the agent is free again");
}

#[tokio::test]
async fn r19_a_run_that_is_begun_again_takes_the_place_of_the_one_before() {
    let sandbox = Sandbox::new();
    let (_agent, mut client) = agent_and_client(&sandbox).await;
    let (_first, mut before) = open(&mut client, open_command(PROTOCOL)).await.expect("the stream opens");
    next_event(&mut before).await.expect("an event");
    let (_second, mut events) = open(&mut client, open_command(PROTOCOL)).await.expect("it is taken over");
    let opened = next_event(&mut events).await.expect("an event").kind;
    assert!(matches!(opened, Some(event::Kind::Opened(_))), "{opened:?}");
    let over = next_event(&mut before).await.expect_err("it is over");
    assert!(over.message().contains("was taken up again by another controller"), "{over:?}");
}

#[tokio::test]
async fn a_run_is_opened_under_the_name_that_its_stream_attached_to() {
    let sandbox = Sandbox::new();
    let (_agent, mut client) = agent_and_client(&sandbox).await;
    let (sender, mut events) = attach(&mut client, "another", true).await.expect("the stream opens");
    let open = What::Command(Command { kind: Some(open_command(PROTOCOL)) });
    sender.send(frame(1, open)).await.expect("room for one");
    let refusal = next_event(&mut events).await.expect_err("no event");
    assert!(refusal.message().contains("open of run run on a stream of run another"), "{refusal:?}");
}

#[tokio::test]
async fn r19_nobody_attaches_to_a_run_that_is_not_there_or_not_theirs() {
    let sandbox = Sandbox::new();
    let authority = Authority::ephemeral("one", LIFE).expect("an authority");
    let agent = Agent::start(&sandbox, &authority.agent("here", LIFE).expect("an identity")).await;
    let controller =
        |run: &str| authority.controller(run, LIFE).and_then(|it| it.client_config()).expect("TLS settings");
    let mut client = agent.connect(controller("run"), "here").await.expect("a connection");
    let refusal = attach(&mut client, "run", false).await.expect_err("no such run");
    assert_eq!(refusal.code(), Code::NotFound, "{refusal:?}");

    let (_commands, mut events) = open(&mut client, open_command(PROTOCOL)).await.expect("the stream opens");
    next_event(&mut events).await.expect("an event");
    // Of the same authority, and not the one that began the run.
    let mut other = agent.connect(controller("another"), "here").await.expect("a connection");
    let refusal = attach(&mut other, "run", false).await.expect_err("not theirs");
    assert_eq!(refusal.code(), Code::NotFound, "{refusal:?}");
    attach(&mut client, "run", false).await.expect("its own");
}

#[tokio::test]
async fn a_stream_that_does_not_say_what_it_is_for_is_refused() {
    let sandbox = Sandbox::new();
    let (_agent, mut client) = agent_and_client(&sandbox).await;
    let (sender, frames) = mpsc::channel(4);
    sender.send(frame(0, What::Leave(Leave {}))).await.expect("room for one");
    let refusal = client.run(ReceiverStream::new(frames)).await.expect_err("not attached");
    assert_eq!(refusal.code(), Code::InvalidArgument, "{refusal:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_the_agent_and_says_nothing_has_to_give_it_back() {
    let sandbox = Sandbox::new();
    let (agent, mut client) = agent_and_client(&sandbox).await;
    let (_commands, mut silent) = attach(&mut client, "silent", true).await.expect("the stream opens");
    let refusal = next_event(&mut silent).await.expect_err("no event");
    assert!(refusal.message().contains("nothing was heard of the controller for 10s"), "{refusal:?}");
    // Once the run has ended what it had started.
    let mut refused = open(&mut client, open_command(PROTOCOL)).await.err();
    while let Some(busy) = refused {
        assert!(busy.message().contains("it is busy with"), "{busy:?}");
        refused = open(&mut client, open_command(PROTOCOL)).await.err();
    }
    let log = agent.log();
    let uri = "identity=\"spiffe://one.rpycbench.invalid/controller/run\"";
    for line in ["audit: run opened peer=127.0.0.1:", "audit: run closed peer=127.0.0.1:"] {
        assert!(log.lines().any(|it| it.contains(line) && it.contains(uri)), "{line}: {log}");
    }
}
