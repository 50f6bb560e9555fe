//! A server's port that somebody else has.

use std::net::{TcpListener, TcpStream};

use procfs::net::{TcpState, tcp};
use rpycbench_tests::going::Going;
use rpycbench_tests::sandbox::plan;
use rpycbench_tests::{Outcome, Sandbox};

const CONNECT: &str = "[[workloads]]\nname = \"connect\"\nkind = \"connect\"\ncount = 7\n";

fn on_port(plan: &str, kind: &str, port: u16) -> String {
    plan.replace(&format!("kind = {kind:?}"), &format!("kind = {kind:?}\nport = {port}"))
}

/// The one failed cell of two is said to be so, with who has the port, and that is left alone.
#[track_caller]
fn fails_its_cell_and_no_other(sandbox: &Sandbox, outcome: &Outcome, taken: &TcpListener) {
    let at = taken.local_addr().expect("an address");
    assert_eq!(outcome.code, Some(4), "{outcome:?}");
    let line = outcome.stderr.lines().find(|line| line.starts_with("rpycbench-controller: ")).expect("a line");
    assert!(line.contains("1 of 2 cells") && line.contains("flask-threaded"), "{line}");
    let process = std::process::id();
    let name = std::fs::read_to_string(format!("/proc/{process}/comm")).expect("a name");
    let uid = nix::unistd::getuid();
    let owner = format!(
        "127.0.0.1:{}: address already in use: the port is used by process {process} ({}, uid {uid})",
        at.port(),
        name.trim()
    );
    assert!(line.contains(&owner), "{owner}: {line}");
    let cells = sandbox.json("run.json")["cells"].clone();
    let statuses: Vec<_> = cells.as_array().expect("cells").iter().map(|cell| cell["status"].clone()).collect();
    assert!(statuses.contains(&"complete".into()) && statuses.contains(&"failed".into()), "{statuses:?}");
    assert_eq!(sandbox.json("results.json")["complete"], false);
    assert_eq!(sandbox.processes(), []);
    TcpStream::connect(at).expect("it still listens");
}

#[test]
fn r8_a_port_taken_before_the_start_fails_its_cell_with_who_has_it_and_they_are_left_alone() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let sandbox = Sandbox::new();
    let outcome = sandbox.run(&on_port(&plan(&["rpyc-threaded", "flask-threaded"], CONNECT), "flask", port), &[]);
    fails_its_cell_and_no_other(&sandbox, &outcome, &taken);
}

/// The agent has listened on it before the first cell, to see whether it can be reached.
#[test]
fn r8_a_port_taken_between_its_check_and_its_server_fails_its_cell_with_who_has_it() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = free.local_addr().expect("an address");
    drop(free);
    let sandbox = Sandbox::new();
    let calls = "[[workloads]]\nname = \"calls\"\nkind = \"closed\"\nrequests = 3000\n";
    let two = on_port(&plan(&["rpyc-threaded", "flask-threaded"], calls), "flask", at.port());
    let two = sandbox.beginning_with(&two, "rpyc-threaded");
    let path = sandbox.plan(&two).display().to_string();
    let mut going = Going::start(sandbox.controller(&["run", &path, "--json"]));
    going.until_done(1);
    let taken = TcpListener::bind(at).expect("it was free");
    let outcome = going.end();
    fails_its_cell_and_no_other(&sandbox, &outcome, &taken);
}

#[test]
fn r8_a_port_that_waits_for_late_packets_of_the_last_run_can_be_had_again() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    let sandbox = Sandbox::new();
    let plan = on_port(&plan(&["flask-threaded"], CONNECT), "flask", port);
    for _ in 0..2 {
        let outcome = sandbox.run(&plan, &[]);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        let waits = |state: &TcpState| *state == TcpState::TimeWait;
        let mut all = tcp().expect("/proc/net/tcp").into_iter();
        assert!(all.any(|entry| entry.local_address.port() == port && waits(&entry.state)), "the server closes first");
    }
}
