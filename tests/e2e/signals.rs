//! A run that its user ends.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use procfs::process::Process;
use rpycbench_tests::kills::{Host, Part, until_clean};

const ENDLESS: &str = "[[workloads]]\nname = \"endless\"\nkind = \"closed\"\nclients = 2\nrequests = 2000000\n";
const STARTED: [Part; 3] = [Part::Keepers, Part::Server, Part::Driver];
const CLEAN_LIMIT: Duration = Duration::from_secs(5);
const LEASE: Duration = Duration::from_secs(10);

#[test]
fn r2_a_run_that_is_interrupted_terminated_or_hung_up_on_leaves_nobody_and_a_report_that_says_so() {
    let host = Host::start(&[], "rpyc-threaded", ENDLESS);
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        if is_ignored(signal) {
            println!("skipped: {signal} is ignored here, as under nohup, and so it is by what is started");
            continue;
        }
        let mut going = host.going();
        going.until_done(1);
        going.signal(signal);
        let clean = until_clean(&host.sandbox, &STARTED, CLEAN_LIMIT);
        assert!(clean.is_ok(), "{signal}: {clean:?}");
        let outcome = going.end();
        assert_eq!(outcome.code, Some(4), "{signal}: {outcome:?}");
        let cell = host.sandbox.json("run.json")["cells"][0].clone();
        assert_eq!(cell["status"], "interrupted", "{signal}: {cell}");
        assert!(cell["stored"].as_u64() > Some(0), "what was measured is kept: {cell}");
        assert_eq!(host.sandbox.json("results.json")["complete"], false);
        let report = std::fs::read_to_string(host.sandbox.latest().join("report.md")).expect("a report");
        assert!(report.contains("**The run is not complete:**"), "{report}");
        host.until_free();
    }
}

fn is_ignored(signal: Signal) -> bool {
    let status = Process::myself().and_then(|process| process.status()).expect("a status");
    status.sigign & (1 << (signal as u32 - 1)) != 0
}

#[test]
fn r2_a_second_signal_ends_the_controller_at_once_and_the_agent_is_clean_with_its_lease() {
    let host = Host::start(&[], "rpyc-threaded", ENDLESS);
    let mut going = host.going();
    going.until_done(1);
    // It cannot do what it is told by the first.
    host.agent.signal(Signal::SIGSTOP);
    going.signal(Signal::SIGINT);
    going.until("the cell is told to stop", |event| event["phase"] == "stopping");
    let since = Instant::now();
    going.signal(Signal::SIGINT);
    let outcome = going.end();
    assert!(since.elapsed() < LEASE / 2, "{:?}", since.elapsed());
    assert_eq!(outcome.code, Some(4), "{outcome:?}");
    assert!(outcome.stderr.contains("ended at once by a second signal"), "{outcome:?}");
    host.agent.signal(Signal::SIGCONT);
    let clean = until_clean(&host.sandbox, &STARTED, LEASE + CLEAN_LIMIT);
    assert!(clean.is_ok(), "{clean:?}");
}

/// `nohup` and whoever starts a run for the night have it so.
#[test]
fn r2_a_run_that_shall_ignore_that_its_terminal_hangs_up_does() {
    let host = Host::start(&[], "rpyc-threaded", &ENDLESS.replace("2000000", "3000"));
    let path = host.sandbox.plan(&host.plan).display().to_string();
    let own = host.sandbox.controller(&[]);
    let mut nohup = std::process::Command::new("nohup");
    nohup.arg(own.get_program()).args(["run", &path, "--json"]).current_dir(host.sandbox.path());
    nohup.env("RPYCBENCH_HOME", host.sandbox.home());
    let mut going = rpycbench_tests::going::Going::start(nohup);
    going.until_done(1);
    going.signal(Signal::SIGHUP);
    let outcome = going.end();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}
