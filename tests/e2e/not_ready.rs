//! One agent of several that is not ready: it is named, no load was begun, and the others are free.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rpycbench_tests::Sandbox;
use rpycbench_tests::going::Going;
use rpycbench_tests::installed::Installed;
use rpycbench_tests::patience::eventually;

/// A controller knows by then that an agent is gone.
const LEASE: Duration = Duration::from_secs(10);
const ROLLED_BACK: Duration = Duration::from_secs(5);

/// Each host drives at itself, all at once.
fn plan(hosts: &[(&str, &str)]) -> String {
    let mut plan = "[study]\nname = \"ready\"\nblocks = 1\nplacement = \"free\"\nparallel = true\n".to_owned();
    for (name, address) in hosts {
        plan += &format!("[hosts.{name}]\nagent = \"{address}\"\n");
        plan += &format!("[[topologies]]\nname = \"{name}\"\nclient = \"{name}\"\nserver = \"{name}\"\n");
    }
    plan + "[[servers]]\nname = \"rpyc\"\nkind = \"rpyc\"\nmode = \"threaded\"\n\
            [[workloads]]\nname = \"calls\"\nkind = \"closed\"\nrequests = 2000000\n"
}

fn enrol(sandbox: &Sandbox, agent: &Installed, name: &str) {
    let enrolled = sandbox.call(&["enrol", &agent.address, "--code", &agent.code(name)]);
    assert_eq!(enrolled.code, Some(0), "{enrolled:?}");
}

fn is_free(sandbox: &Sandbox, name: &str) {
    eventually("the agent is free", || {
        let described = sandbox.call(&["agents", "describe", name]);
        if described.stdout.contains("  free\n") { Ok(()) } else { Err(described) }
    });
    let left = sandbox.processes();
    assert!(left.iter().all(|process| process.command.contains("rpycbench-agent serve")), "{left:?}");
}

#[test]
fn r20_an_agent_that_never_answers_is_named_and_nothing_is_started_on_the_others() {
    let sandbox = Sandbox::new();
    let hurin = Installed::start(&sandbox, "hurin", "127.0.0.2");
    let morwen = Installed::start(&sandbox, "morwen", "127.0.0.3");
    for (agent, name) in [(&hurin, "hurin"), (&morwen, "morwen")] {
        enrol(&sandbox, agent, name);
    }
    let silent = TcpListener::bind("127.0.0.4:0").expect("a port");
    let address = silent.local_addr().expect("an address").to_string();
    sandbox.know("nienor", &address);
    let hosts = [("hurin", hurin.address.as_str()), ("nienor", &address), ("morwen", &morwen.address)];
    let since = Instant::now();
    let outcome = sandbox.run(&plan(&hosts), &[]);
    assert!(since.elapsed() < LEASE + ROLLED_BACK, "{:?}", since.elapsed());
    assert_eq!(outcome.code, Some(5), "{outcome:?}");
    let named = format!("host nienor: cannot reach the agent at {address}");
    assert!(outcome.stderr.contains(&named), "{outcome:?}");
    for (agent, name) in [(&hurin, "hurin"), (&morwen, "morwen")] {
        assert!(!agent.log().contains("run opened"), "{}", agent.log());
        is_free(&sandbox, name);
    }
}

#[test]
fn r20_an_agent_that_dies_while_it_gets_ready_is_named_and_the_others_are_free() {
    let sandbox = Sandbox::new();
    sandbox.prepare(&["rpyc-threaded"]);
    // It has no environment yet, and whom it asks for one accepts and never answers.
    let index = TcpListener::bind("127.0.0.1:0").expect("a port");
    let index = format!("http://{}/simple", index.local_addr().expect("an address"));
    let silent = ["PIP_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX"].map(|name| (name, index.clone()));
    let nowhere = [("PIP_CONFIG_FILE", "/dev/null".to_owned()), ("PIP_NO_CACHE_DIR", "1".to_owned())];
    let environment = silent.into_iter().chain(nowhere).chain([("UV_NO_CACHE", "1".to_owned())]).collect();
    let hurin = Installed::start(&sandbox, "hurin", "127.0.0.2");
    let morwen = Installed::start_in(&sandbox, "morwen", "127.0.0.3", environment);
    std::fs::remove_file(morwen.state().join("environments")).expect("a link");
    for (agent, name) in [(&hurin, "hurin"), (&morwen, "morwen")] {
        enrol(&sandbox, agent, name);
    }
    let path = sandbox.plan(&plan(&[("hurin", &hurin.address), ("morwen", &morwen.address)])).display().to_string();
    let mut going = Going::start(sandbox.controller(&["run", &path, "--json"]));
    going.until("hurin is ready", |event| event["event"] == "prepared" && event["host"] == "hurin");
    morwen.signal(Signal::SIGKILL);
    let since = Instant::now();
    let outcome = going.end();
    assert!(since.elapsed() < LEASE + ROLLED_BACK, "{:?}", since.elapsed());
    assert_eq!(outcome.code, Some(5), "{outcome:?}");
    assert!(outcome.stderr.contains("host morwen: "), "{outcome:?}");
    is_free(&sandbox, "hurin");
}
