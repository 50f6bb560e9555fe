//! What somebody can do to a server under test who reaches its port: end that cell, and nothing else.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Stdio;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use rpycbench_tests::attacked::Attacked;
use serde_json::Value;

/// The agent is not the one who is spoken to.
const GROWTH: u64 = 10 << 20;
/// Of a server, with all its connections.
const LIMITS: &str = "max_memory = \"256MiB\"\nports = [\"system\", \"1024-65535\"]";
/// Long enough to be disturbed.
const CALLS: &str = "[[workloads]]\nname = \"calls\"\nkind = \"closed\"\nclients = 1\nrequests = 20000\n";

/// Disturbs the first of two cells by what `attack` does to its server; the second is complete.
#[track_caller]
fn disturbed(what: &str, attack: impl FnOnce(SocketAddr) -> Vec<TcpStream>) {
    let attacked = Attacked::new(LIMITS);
    let port = free_port();
    let plan = attacked.plan(&["rpyc-threaded"], CALLS).replace("blocks = 1", "blocks = 2");
    let plan = plan.replace("mode = ", &format!("port = {port}\nmode = "));
    let path = attacked.sandbox.plan(&plan).display().to_string();
    let mut controller = attacked
        .sandbox
        .controller(&["run", &path, "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the controller starts");
    let mut lines = BufReader::new(controller.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let driving = |line: &String| line.contains("\"phase\":\"driving\"") && !line.contains("\"done\":0");
    assert!(lines.any(|line| driving(&line)), "no load: {:?}", attacked.agent.log());
    let open = attack(SocketAddr::from(([127, 0, 0, 1], port)));
    assert!(!open.is_empty(), "nobody served on port {port}");
    assert!(lines.last().is_some(), "the run has ended");
    drop(open);
    controller.wait().expect("it ends");
    let cells = attacked.sandbox.json("run.json")["cells"].clone();
    let told = |cell: &Value| format!("{}: {} ({})", cell["block"], cell["status"], cell["reason"]);
    println!("{what}: {}, then {}", told(&cells[0]), told(&cells[1]));
    assert_eq!(cells[1]["status"], "complete", "{cells}");
    let growth = attacked.held_less_than(GROWTH);
    println!("{what}: the agent held {growth} bytes more at the most");
    attacked.runs_as_ever();
}

/// A port that nobody has now.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// RPyC's header: how many bytes follow, and whether they are compressed.
fn header(length: u32, compressed: bool) -> Vec<u8> {
    [&length.to_be_bytes()[..], &[u8::from(compressed)]].concat()
}

#[test]
fn s11_a_message_said_to_be_of_four_gib_disturbs_no_other_cell() {
    disturbed("4 GiB announced", |server| {
        (0..10)
            .map_while(|_| {
                // Until it has ended because of the others.
                let mut socket = TcpStream::connect(server).ok()?;
                // As much of it as the server takes before it ends.
                drop(socket.write_all(&header(u32::MAX, false)));
                drop((0..64).try_for_each(|_| socket.write_all(&[0; 1 << 20])));
                Some(socket)
            })
            .collect()
    });
}

#[test]
fn s11_a_message_that_unpacks_to_more_than_the_limits_allow_disturbs_no_other_cell() {
    let mut packer = ZlibEncoder::new(Vec::new(), Compression::fast());
    for _ in 0..512 {
        packer.write_all(&[0; 1 << 20]).expect("memory");
    }
    let bomb = packer.finish().expect("memory");
    disturbed("zlib bomb", |server| {
        let length = u32::try_from(bomb.len()).expect("it is small");
        (0..4)
            .map_while(|_| {
                let mut socket = TcpStream::connect(server).ok()?;
                drop(socket.write_all(&[header(length, true), bomb.clone(), b"\n".to_vec()].concat()));
                Some(socket)
            })
            .collect()
    });
}

#[test]
fn s11_a_thousand_connections_that_say_half_a_word_disturb_no_other_cell() {
    disturbed("half-open connections", |server| {
        (0..1000)
            .map_while(|_| {
                let mut socket = TcpStream::connect(server).ok()?;
                drop(socket.write_all(&[0, 0]));
                Some(socket)
            })
            .collect()
    });
}
