//! One agent of several that fails the others.

use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::thread::park_timeout;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rpycbench_tests::Sandbox;
use rpycbench_tests::going::Going;
use rpycbench_tests::installed::Installed;
use rpycbench_tests::kills::{Chance, Part, alive, rounds};
use rpycbench_tests::patience::eventually;

/// One at a time: leases are watched by the clock.
static ALONE: Mutex<()> = Mutex::new(());
const NAMES: [&str; 4] = ["hurin", "morwen", "nienor", "urwen"];
const STARTED: [Part; 3] = [Part::Keepers, Part::Server, Part::Driver];
/// A controller knows it then, and tells the others.
const LEASE: Duration = Duration::from_secs(10);
/// Well within it.
const SLOW: Duration = Duration::from_secs(4);
/// What the others may take then.
const ROLLED_BACK: Duration = Duration::from_secs(5);

struct Many {
    sandbox: Sandbox,
    agents: Vec<Installed>,
}

impl Many {
    fn start() -> Self {
        let sandbox = Sandbox::new();
        sandbox.prepare(&["rpyc-threaded"]);
        let agents = (2..).zip(NAMES).map(|(last, name)| Installed::start(&sandbox, name, &format!("127.0.0.{last}")));
        let many = Self { agents: agents.collect(), sandbox };
        for (agent, name) in many.agents.iter().zip(NAMES) {
            let enrolled = many.sandbox.call(&["enrol", &agent.address, "--code", &agent.code(name)]);
            assert_eq!(enrolled.code, Some(0), "{enrolled:?}");
        }
        many
    }

    /// Two pairs, side by side.
    fn run(&self, requests: u32) -> Command {
        let mut plan = "[study]\nname = \"many\"\nblocks = 1\nplacement = \"free\"\nparallel = true\n".to_owned();
        for (agent, name) in self.agents.iter().zip(NAMES) {
            plan += &format!("[hosts.{name}]\nagent = \"{}\"\n", agent.address);
        }
        for pair in NAMES.chunks(2) {
            let [client, server] = [pair[0], pair[1]];
            plan += &format!("[[topologies]]\nname = \"{client}\"\nclient = \"{client}\"\nserver = \"{server}\"\n");
        }
        plan += "[[servers]]\nname = \"rpyc\"\nkind = \"rpyc\"\nmode = \"threaded\"\n";
        plan += &format!("[[workloads]]\nname = \"calls\"\nkind = \"closed\"\nrequests = {requests}\n");
        let path = self.sandbox.plan(&plan).display().to_string();
        self.sandbox.controller(&["run", &path, "--json"])
    }

    /// No run has any of them.
    fn are_free(&self) {
        for name in NAMES {
            eventually("the agent is free", || {
                let described = self.sandbox.call(&["agents", "describe", name]);
                if described.stdout.contains("  free\n") { Ok(()) } else { Err(described) }
            });
        }
        assert_eq!(alive(&self.sandbox, &STARTED), []);
    }
}

#[test]
fn r20_one_agent_of_four_that_dies_at_any_moment_of_the_start_is_named_and_the_others_are_free() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (mut chance, again) = Chance::new("r20");
    println!("{again}");
    let mut many = Many::start();
    for round in 1..=rounds() {
        let going = Going::start(many.run(300));
        let moment = chance.moment(Duration::from_millis(1200));
        let culprit = chance.shuffled((0..NAMES.len()).collect())[0];
        many.agents[culprit].signal(Signal::SIGKILL);
        let since = Instant::now();
        let outcome = going.end();
        let took = since.elapsed();
        println!("r20, round {round}: {} killed after {moment:.1?}, over after {took:.1?}", NAMES[culprit]);
        // It may have had all that it needed of it.
        assert!(matches!(outcome.code, Some(0 | 4 | 5)), "{outcome:?}");
        if outcome.code != Some(0) {
            let named = [format!("host {}", NAMES[culprit]), format!("the agent of {}", NAMES[culprit])];
            assert!(named.iter().any(|name| outcome.stderr.contains(name)), "{outcome:?}");
        }
        assert!(took < LEASE + ROLLED_BACK, "{took:?}");
        many.agents[culprit].start_again();
        many.are_free();
    }
    let outcome = Going::start(many.run(50)).end();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

#[test]
fn r20_one_agent_of_four_that_is_slow_is_waited_for() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let many = Many::start();
    let mut going = Going::start(many.run(50));
    going.until("the agents belong to the run", |event| event["event"] == "connected");
    many.agents[2].signal(Signal::SIGSTOP);
    park_timeout(SLOW);
    many.agents[2].signal(Signal::SIGCONT);
    let outcome = going.end();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    many.are_free();
}
