//! An agent that is told to end, at any moment: while it starts processes, while it seals samples, or with nothing to do.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rpycbench_tests::kills::{Chance, Host, Part, alive, rounds};
use rpycbench_tests::patience::eventually;

/// One at a time: times are limited.
static ALONE: Mutex<()> = Mutex::new(());
/// A run of it begins, drives and is over within the moments.
const SHORT: &str = "[[workloads]]\nname = \"short\"\nkind = \"closed\"\nclients = 2\nrequests = 1000\n";
const MOMENTS: Duration = Duration::from_millis(2500);
const LIMIT: Duration = Duration::from_secs(20);
const STARTED: [Part; 4] = [Part::Keepers, Part::Server, Part::Driver, Part::Daemon];

#[test]
fn r23_an_agent_that_is_told_to_end_at_any_moment_ends_in_order_and_leaves_nobody() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut chance, again) = Chance::new("r23");
    println!("{again}");
    let mut host = Host::start(&[], "rpyc-forking", SHORT);
    for round in 1..=rounds() {
        let going = host.going();
        let moment = chance.moment(MOMENTS);
        let met = alive(&host.sandbox, &STARTED).len();
        host.agent.signal(Signal::SIGTERM);
        let since = Instant::now();
        // Fails where its exit code is another than 0.
        eventually("the agent ends", || if host.agent.has_ended() { Ok(()) } else { Err(host.agent.log()) });
        let took = since.elapsed();
        println!("r23, round {round}: told after {moment:.1?}, with {met} processes, over after {took:.1?}");
        assert!(took < LIMIT, "{took:?}");
        assert_eq!(alive(&host.sandbox, &STARTED), [], "round {round}");
        let kept = host.agent.state().join("kept");
        let open: Vec<_> = std::fs::read_dir(kept).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        assert!(open.iter().all(|entry| !entry.is_dir()), "the journal is closed: {open:?}");
        let outcome = going.end();
        assert!(matches!(outcome.code, Some(0 | 4 | 5)), "{outcome:?}");
        host.agent.start_again();
    }
    host.until_free();
    host.runs(SHORT, SHORT);
}
