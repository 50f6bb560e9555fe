//! What people who have no business with an agent can do to it: nothing that is seen in the next run.

use std::collections::HashSet;
use std::future::{Future, poll_fn};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use h2::Reason;
use procfs::net::{TcpState, tcp, tcp6};
use procfs::process::{FDTarget, Process};
use rpycbench_certs::agent_dns_name;
use rpycbench_proto::pb;
use rpycbench_proto::pb::agent_client::AgentClient;
use rpycbench_tests::Sandbox;
use rpycbench_tests::agent::channel;
use rpycbench_tests::attacked::Attacked;
use rpycbench_tests::installed::Installed;
use rpycbench_tests::patience::eventually;
use tokio::time::timeout;
use tokio_rustls::rustls::ClientConnection;
use tokio_rustls::rustls::pki_types::ServerName;
use tonic::Code;
use tonic::codegen::http::Request;

/// The whole of what any of it may make an agent hold.
const GROWTH: u64 = 50 << 20;
/// Opened and reset.
const STREAMS: usize = 10_000;

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
    let process = Process::new(agent.pid().cast_signed()).expect("it lives");
    let where_it_listens: Vec<String> = listening(&process).iter().map(ToString::to_string).collect();
    assert_eq!(where_it_listens.join(", "), agent.address);
    assert!(!agent.log().contains("every address"), "{}", agent.log());

    let careless = Installed::start(&sandbox, "morwen", "0.0.0.0");
    eventually("it is warned of", || {
        let log = careless.log();
        if log.contains("WARN") && log.contains("listening on every address of this host") { Ok(()) } else { Err(log) }
    });
}

/// What was tried has cost the agent little, and it is as ready as before.
#[track_caller]
fn bore(attacked: &Attacked, what: &str) {
    let growth = attacked.held_less_than(GROWTH);
    println!("{what}: the agent held {growth} bytes more at the most");
    attacked.runs_as_ever();
}

/// Whether the other side has hung up, whatever it said before.
fn hung_up(mut socket: &TcpStream) -> bool {
    socket.set_read_timeout(Some(Duration::from_millis(1))).expect("a time limit");
    match socket.read(&mut [0; 1024]) {
        Ok(read) => read == 0,
        Err(error) => !matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut),
    }
}

#[test]
fn s12_bytes_that_are_no_handshake_are_hung_up_on() {
    let attacked = Attacked::new("");
    for _ in 0..200 {
        let mut socket = TcpStream::connect(&attacked.agent.address).expect("a connection");
        // Refused as soon as it is seen to be none.
        drop(socket.write_all(&[0x5a; 64 * 1024]));
        eventually("the agent hangs up", || if hung_up(&socket) { Ok(()) } else { Err(attacked.agent.log()) });
    }
    bore(&attacked, "bytes that are no handshake");
}

#[test]
fn s12_handshakes_that_never_end_are_hung_up_on() {
    let attacked = Attacked::new("");
    let config = Arc::new(attacked.stolen_key().client_config().expect("TLS settings"));
    let name = ServerName::try_from(agent_dns_name("hurin")).expect("a name");
    let mut hello = Vec::new();
    ClientConnection::new(config, name).expect("a client").write_tls(&mut hello).expect("a hello");
    // A byte at a time, and never the last.
    hello.pop();
    let dripping: Vec<TcpStream> =
        (0..30).map(|_| TcpStream::connect(&attacked.agent.address).expect("a connection")).collect();
    let mut rest = hello.iter();
    eventually("the agent hangs up on all of them", || {
        let byte = rest.next().copied();
        let open = dripping.iter().filter(|socket| !hung_up(socket)).count();
        for mut socket in &dripping {
            drop(byte.map(|byte| socket.write_all(&[byte])));
        }
        if open == 0 { Ok(()) } else { Err(open) }
    });
    assert!(attacked.agent.log().contains("no handshake in"), "{}", attacked.agent.log());
    bore(&attacked, "handshakes that never end");
}

#[test]
fn s12_more_strangers_than_there_is_room_for_are_refused() {
    let attacked = Attacked::new("");
    let half_open: Vec<TcpStream> =
        (0..500).map(|_| TcpStream::connect(&attacked.agent.address).expect("a connection")).collect();
    eventually("those that are too many are refused", || {
        let log = attacked.agent.log();
        if log.contains("too many of strangers") { Ok(()) } else { Err(log.lines().count()) }
    });
    drop(half_open);
    bore(&attacked, "half-open connections");
}

#[tokio::test(flavor = "multi_thread")]
async fn s12_a_message_that_is_too_large_is_refused() {
    let attacked = Attacked::new("");
    let config = attacked.stolen_key().client_config().expect("TLS settings");
    let channel = channel(&attacked.agent.address, config, &agent_dns_name("hurin")).await.expect("a connection");
    let mut client = AgentClient::new(channel);
    for _ in 0..20 {
        let large = pb::HelloRequest { protocol: 1, build: "x".repeat(5 << 20) };
        let refusal = client.hello(large).await.expect_err("it is too large");
        assert_eq!(refusal.code(), Code::OutOfRange, "{refusal}");
    }
    bore(&attacked, "messages of 5 MiB");
}

/// A gRPC request for a call of the agent.
fn request(call: &str) -> Request<()> {
    let uri = format!("http://hurin/rpycbench.v1.Agent/{call}");
    let request = Request::post(uri).header("content-type", "application/grpc").header("te", "trailers");
    request.header("grpc-encoding", "gzip").body(()).expect("a request")
}

#[tokio::test(flavor = "multi_thread")]
async fn s12_a_small_message_that_unpacks_to_a_large_one_is_not_unpacked() {
    let attacked = Attacked::new("");
    let mut packer = GzEncoder::new(Vec::new(), Compression::best());
    packer.write_all(&vec![0; 60 << 20]).expect("memory");
    let bomb = packer.finish().expect("memory");
    let length = u32::try_from(bomb.len()).expect("it is small");
    assert!(length < 64 * 1024, "{length} bytes would be refused for their number");
    let message = [&[1][..], &length.to_be_bytes(), &bomb].concat();

    let (client, connection) = h2::client::handshake(attacked.connect().await).await.expect("HTTP/2");
    let connection = tokio::spawn(connection);
    let mut client = client.ready().await.expect("room for a stream");
    for _ in 0..20 {
        let (answer, mut stream) = client.send_request(request("Hello"), false).expect("a stream");
        // The agent may have refused it by its head alone.
        drop(stream.send_data(message.clone().into(), true));
        let answer = answer.await.expect("an answer");
        let status = answer.headers().get("grpc-status").expect("a refusal");
        assert_eq!(status, &(Code::Unimplemented as i32).to_string(), "{answer:?}");
        client = client.ready().await.expect("room for a stream");
    }
    drop(client);
    connection.abort();
    bore(&attacked, "gzip bombs");
}

#[tokio::test(flavor = "multi_thread")]
async fn s12_streams_that_are_opened_and_reset_at_once_cost_nothing() {
    let attacked = Attacked::new("");
    let (mut streams, mut connections) = (0, 0);
    while streams < STREAMS {
        connections += 1;
        let (mut client, mut connection) = h2::client::handshake(attacked.connect().await).await.expect("HTTP/2");
        // Sends what is there to be sent, and tells whether the agent has hung up.
        let mut flush = async || poll_fn(|cx| Poll::Ready(Pin::new(&mut connection).poll(cx).is_ready())).await;
        while streams < STREAMS && !flush().await {
            let open: Vec<_> = (0..16).map_while(|_| client.send_request(request("Run"), false).ok()).collect();
            if open.is_empty() || flush().await {
                break;
            }
            streams += open.len();
            for (_, mut stream) in open {
                stream.send_reset(Reason::CANCEL);
            }
        }
    }
    println!("{streams} streams over {connections} connections");
    bore(&attacked, "streams that were reset");
}

#[tokio::test(flavor = "multi_thread")]
async fn s12_streams_that_say_nothing_do_not_keep_the_agent() {
    let attacked = Attacked::new("");
    let config = attacked.stolen_key().client_config().expect("TLS settings");
    let channel = channel(&attacked.agent.address, config, &agent_dns_name("hurin")).await.expect("a connection");
    let client = AgentClient::new(channel);
    // As many as a connection may have at the same time.
    let streams: Vec<_> = (0..16)
        .map(|_| {
            let mut client = client.clone();
            tokio::spawn(async move { client.run(tokio_stream::pending::<pb::CommandFrame>()).await.map(drop) })
        })
        .collect();
    bore(&attacked, "streams that say nothing");
    for stream in streams {
        // Only one that is never refused is waited for as long.
        let answer = timeout(Duration::from_secs(60), stream).await.expect("the agent lets go of it");
        let refusal = answer.expect("it ends").expect_err("it is for no run");
        assert_eq!(refusal.code(), Code::InvalidArgument, "{refusal}");
    }
}
