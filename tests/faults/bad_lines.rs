//! A line between controller and agent that is bad in every way a line can be: no sample is lost by it, and none counted twice.

use std::sync::{Mutex, PoisonError};
use std::thread::park_timeout;
use std::time::Duration;

use rpycbench_tests::Sandbox;
use rpycbench_tests::going::Going;
use rpycbench_tests::installed::Installed;
use rpycbench_tests::kills::{Chance, rounds};
use rpycbench_tests::proxy::{Does, Proxy};
use rpycbench_tests::sandbox::plan;

/// One at a time: leases are watched by the clock.
static ALONE: Mutex<()> = Mutex::new(());
const CLIENTS: u64 = 2;
/// Some two seconds of load, whose samples are many segments.
const REQUESTS: u64 = 10_000;
/// Well within the lease of ten seconds.
const STALL: Duration = Duration::from_secs(4);

/// An agent that its controller reaches over a line.
struct Reached {
    sandbox: Sandbox,
    agent: Installed,
    line: Proxy,
    plan: String,
    /// Samples of a run.
    all: u64,
}

impl Reached {
    fn start(requests: u64) -> Self {
        let sandbox = Sandbox::new();
        let agent = Installed::start(&sandbox, "hurin", "127.0.0.2");
        let line = Proxy::to(&agent.address, "127.0.0.2");
        let enrolled = sandbox.call(&["enrol", &line.address, "--code", &agent.code("hurin")]);
        assert_eq!(enrolled.code, Some(0), "{enrolled:?}");
        let load = format!(
            "[[workloads]]\nname = \"calls\"\nkind = \"closed\"\nclients = {CLIENTS}\nrequests = {requests}\n\
             client_model = \"threads\"\n"
        );
        let plan = plan(&["rpyc-threaded"], &load)
            .replace("local = true", &format!("agent = \"{}\"", line.address))
            .replace("blocks = 1", "blocks = 1\nplacement = \"free\"");
        Self { sandbox, agent, line, plan, all: CLIENTS * requests }
    }

    /// A run whose load goes on.
    fn driving(&self) -> Going {
        let path = self.sandbox.plan(&self.plan).display().to_string();
        let mut going = Going::start(self.sandbox.controller(&["run", &path, "--json"]));
        going.until_done(1);
        going
    }

    /// The run comes to its good end, with every sample once.
    #[track_caller]
    fn is_whole(&self, going: Going) {
        let outcome = going.end();
        assert_eq!(outcome.code, Some(0), "{outcome:?}: {}", self.agent.log());
        let cell = self.sandbox.json("run.json")["cells"][0].clone();
        let all = self.all;
        assert_eq!((&cell["stored"], &cell["reported"], &cell["failed"]), (&all.into(), &all.into(), &0.into()));
        assert_eq!(self.sandbox.json("results.json")["cells"][0]["count"], all);
    }

    /// The same with a line that does something, `passes` after which it does no more.
    fn survives(&self, does: Does, passes: Option<Duration>) {
        let going = self.driving();
        self.line.does(does);
        if let Some(after) = passes {
            park_timeout(after);
            self.line.does(Does::Pass);
        }
        self.is_whole(going);
        self.line.does(Does::Pass);
    }
}

#[test]
fn r12_a_connection_that_is_reset_ten_times_a_second_costs_no_sample() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let reached = Reached::start(REQUESTS);
    let (_, before) = reached.line.connections();
    // Long enough for a handshake on a busy machine, so that something gets through.
    reached.survives(Does::Reset(Duration::from_millis(100)), None);
    let (_, resets) = reached.line.connections();
    assert!(resets > before + 5, "{resets} resets, {before} before");
}

#[test]
fn r12_a_line_of_one_byte_at_a_time_costs_no_sample() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    Reached::start(REQUESTS).survives(Does::Slice, None);
}

#[test]
fn r12_a_line_of_ten_kilobytes_a_second_costs_no_sample() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    // Some 60 kB of samples.
    Reached::start(3_000).survives(Does::Bandwidth(10_000), None);
}

#[test]
fn r12_a_line_that_stalls_and_does_not_close_costs_no_sample() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    Reached::start(REQUESTS).survives(Does::Stall, Some(STALL));
}

/// What the agent says arrives, and nothing of it is ever acknowledged until the connection breaks: the agent says it again.
#[test]
fn r12_samples_that_arrived_and_whose_acknowledgement_was_lost_are_counted_once() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut chance, again) = Chance::new("r12, swallowed");
    println!("{again}");
    let reached = Reached::start(REQUESTS);
    for round in 1..=rounds() {
        let mut going = reached.driving();
        // Not so long before the end that the lease of an agent that hears nothing runs out.
        going.until_done(reached.all * 9 / 10);
        let from = chance.moment(Duration::from_millis(300));
        reached.line.does(Does::Swallow);
        going.until("the samples arrive", |event| event["event"] == "cell_progress" && event["done"] == reached.all);
        let more = chance.moment(Duration::from_secs(1));
        reached.line.reset();
        reached.line.does(Does::Pass);
        println!(
            "r12, swallowed, round {round}: {from:.1?} after most of them, and for {more:.1?} after the last sample"
        );
        reached.is_whole(going);
    }
}
