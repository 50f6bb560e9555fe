//! An agent that is stopped while its load goes on.

use std::sync::{Mutex, PoisonError};
use std::thread::park_timeout;
use std::time::Duration;

use nix::sys::signal::Signal;
use rpycbench_tests::kills::{Host, Part, alive, until_clean};
use rpycbench_tests::patience::eventually;

/// One at a time: leases are watched by the clock.
static ALONE: Mutex<()> = Mutex::new(());
/// Longer than any stop here.
const LOAD: &str = "[[workloads]]\nname = \"calls\"\nkind = \"closed\"\nrequests = 30000\n";
/// More than a controller takes for usual, and well within the lease.
const STOP: Duration = Duration::from_secs(5);
const LEASE: Duration = Duration::from_secs(10);
const ROLES: [Part; 2] = [Part::Server, Part::Driver];

fn numbers(host: &Host) -> Vec<i32> {
    alive(&host.sandbox, &ROLES).into_iter().map(|living| living.pid).collect()
}

#[test]
fn r5_an_agent_that_is_stopped_within_the_lease_loses_no_sample_and_is_named() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let host = Host::start(&[], "rpyc-threaded", LOAD);
    let mut going = host.going();
    going.until_done(1);
    let before = numbers(&host);
    host.agent.signal(Signal::SIGSTOP);
    park_timeout(STOP);
    assert_eq!(numbers(&host), before, "server and driver are those from before");
    host.agent.signal(Signal::SIGCONT);
    let outcome = going.end();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let run = host.sandbox.json("run.json");
    assert_eq!((&run["cells"][0]["stored"], &run["cells"][0]["failed"]), (&30000.into(), &0.into()));
    let warnings = run["warnings"].to_string();
    assert!(warnings.contains("nothing was heard of the agent of here for "), "{warnings}");
    let report = std::fs::read_to_string(host.sandbox.latest().join("report.md")).expect("a report");
    assert!(report.contains("nothing was heard of the agent"), "{report}");
}

#[test]
fn r5_an_agent_that_is_stopped_for_longer_than_the_lease_ends_nobody_before_it_goes_on_and_keeps_its_samples() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let host = Host::start(&[], "rpyc-threaded", &LOAD.replace("30000", "1000000"));
    let mut going = host.going();
    going.until_done(100);
    let before = numbers(&host);
    host.agent.signal(Signal::SIGSTOP);
    // The controller gives up with the lease.
    let outcome = going.end();
    assert_eq!(outcome.code, Some(4), "{outcome:?}");
    let cell = host.sandbox.json("run.json")["cells"][0].clone();
    assert!(cell["reason"].to_string().contains("the agent of here is lost: nothing heard of it"), "{cell}");
    assert_eq!(numbers(&host), before, "nobody ends what an agent has that may go on");
    host.agent.signal(Signal::SIGCONT);
    until_clean(&host.sandbox, &ROLES, LEASE + Duration::from_secs(2)).expect("it ends its run with the lease");
    let samples = eventually("the samples are kept", || {
        let files = std::fs::read_dir(host.agent.state().join("spool")).into_iter().flatten().flatten();
        let streams: Vec<_> =
            files.flat_map(|run| std::fs::read_dir(run.path()).into_iter().flatten().flatten()).collect();
        if streams.len() == 1 { Ok(streams[0].metadata().expect("a file").len()) } else { Err(streams) }
    });
    assert!(samples > 100, "{samples} bytes");
}
