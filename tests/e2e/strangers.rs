//! What people who have no business with an agent can do to it: nothing that is seen in the next run.

use std::collections::HashSet;
use std::io::Write;
use std::net::TcpStream;

use procfs::net::{TcpState, tcp, tcp6};
use procfs::process::{FDTarget, Process};
use rpycbench_certs::{AGENT_LIFE, agent_dns_name};
use rpycbench_proto::pb;
use rpycbench_proto::pb::agent_client::AgentClient;
use rpycbench_tests::Sandbox;
use rpycbench_tests::agent::channel;
use rpycbench_tests::forge::Forge;
use rpycbench_tests::installed::Installed;
use rpycbench_tests::patience::eventually;

/// The whole of what a flood may leave behind.
const GROWTH: u64 = 50 << 20;

fn process(agent: &Installed) -> Process {
    Process::new(agent.pid().cast_signed()).expect("it lives")
}

fn resident(agent: &Installed) -> u64 {
    process(agent).statm().expect("its memory").resident * procfs::page_size()
}

/// Where a process listens.
fn listening(process: &Process) -> Vec<std::net::SocketAddr> {
    let sockets: HashSet<u64> = process
        .fd()
        .expect("its files")
        .filter_map(|file| match file.ok()?.target {
            FDTarget::Socket(inode) => Some(inode),
            _ => None,
        })
        .collect();
    let all = tcp().expect("/proc/net/tcp").into_iter().chain(tcp6().unwrap_or_default());
    all.filter(|entry| entry.state == TcpState::Listen && sockets.contains(&entry.inode))
        .map(|entry| entry.local_address)
        .collect()
}

#[test]
fn s13_an_agent_listens_where_it_was_told_to_and_warns_of_everywhere() {
    let sandbox = Sandbox::new();
    let agent = Installed::start(&sandbox, "hurin", "127.0.0.2");
    let where_it_listens: Vec<String> = listening(&process(&agent)).iter().map(ToString::to_string).collect();
    assert_eq!(where_it_listens.join(", "), agent.address);
    assert!(!agent.log().contains("every address"), "{}", agent.log());

    let careless = Installed::start(&sandbox, "morwen", "0.0.0.0");
    eventually("it is warned of", || {
        let log = careless.log();
        if log.contains("WARN") && log.contains("listening on every address of this host") { Ok(()) } else { Err(log) }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn s12_a_flood_leaves_little_behind_and_the_next_run_is_as_any_other() {
    let sandbox = Sandbox::new();
    let forge = Forge::new(&sandbox);
    let identity = forge.authority.agent("hurin", AGENT_LIFE).expect("an identity");
    let agent = Installed::start_as(&sandbox, "hurin", "127.0.0.2", &identity);
    sandbox.know("hurin", &agent.address);
    let before = resident(&agent);

    // Bytes that are no handshake, and handshakes that never end.
    for _ in 0..50 {
        let mut socket = TcpStream::connect(&agent.address).expect("a connection");
        drop(socket.write_all(&[0x5a; 64 * 1024]));
    }
    let half_open: Vec<TcpStream> =
        (0..200).map(|_| TcpStream::connect(&agent.address).expect("a connection")).collect();
    eventually("those that are too many are refused", || {
        let log = agent.log();
        if log.contains("too many of strangers") { Ok(()) } else { Err(log.lines().count()) }
    });
    drop(half_open);

    // Somebody with a key, who says too much at once.
    let key = forge.authority.controller("run", AGENT_LIFE).expect("an identity");
    let config = key.client_config().expect("TLS settings");
    let mut connected = None;
    for _ in 0..1000 {
        // The places of those who have gone are given back as the agent notices it.
        connected = channel(&agent.address, config.clone(), &agent_dns_name("hurin")).await.ok();
        if connected.is_some() {
            break;
        }
    }
    let mut client = AgentClient::new(connected.expect("the agent has room again"));
    let large = pb::HelloRequest { protocol: 1, build: "x".repeat(5 << 20) };
    client.hello(large).await.expect_err("it is too large");
    let streams: Vec<_> = (0..200)
        .map(|_| {
            let mut client = client.clone();
            tokio::spawn(async move { client.run(tokio_stream::pending::<pb::CommandFrame>()).await.map(drop) })
        })
        .collect();
    let mut refused = 0;
    for stream in &streams {
        refused += usize::from(stream.is_finished());
    }
    assert!(refused < streams.len(), "some still wait");
    for stream in streams {
        stream.abort();
    }
    drop(client);

    let growth = resident(&agent).saturating_sub(before);
    assert!(growth <= GROWTH, "{growth} bytes more than before");
    let plan = format!(
        "[study]\nname = \"after\"\nblocks = 1\n[hosts.hurin]\nagent = {:?}\n\
         [[topologies]]\nname = \"hurin\"\nclient = \"hurin\"\nserver = \"hurin\"\n\
         [[servers]]\nname = \"rpyc\"\nkind = \"rpyc\"\nmode = \"threaded\"\n\
         [[workloads]]\nname = \"one\"\nkind = \"connect\"\ncount = 5\n",
        agent.address
    );
    eventually("the next run is as any other", || {
        let outcome = sandbox.run(&plan, &[]);
        // Until the last of the streams is noticed to be gone, one of them has the agent.
        if outcome.code == Some(0) { Ok(()) } else { Err(outcome) }
    });
}
