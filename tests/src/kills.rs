//! Parts of a run that are killed at random moments, and how long it takes until nobody of it is left.

use std::process::{Child, Stdio};
use std::thread::park_timeout;
use std::time::{Duration, Instant};

use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rpycbench_process::precise::Signal;

use crate::Sandbox;
use crate::going::Going;
use crate::installed::Installed;
use crate::patience::eventually;
use crate::processes::Living;
use crate::sandbox::plan;

/// How many times a fault is put into a running system; `make test-faults` asks for more than the default.
const ROUNDS: &str = "RPYCBENCH_FAULT_ROUNDS";
const DEFAULT_ROUNDS: u32 = 2;
/// To have the moments of a run again.
const SEED: &str = "RPYCBENCH_FAULT_SEED";
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// A part of a running system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The controller.
    Controller,
    /// The agent.
    Agent,
    /// All keepers.
    Keepers,
    /// The server under test, with what it has forked.
    Server,
    /// The driver, with what it has forked.
    Driver,
    /// Somebody the server has left behind.
    Daemon,
}

impl Part {
    fn has(self, command: &str) -> bool {
        match self {
            Self::Controller => command.contains("rpycbench-controller "),
            Self::Agent => command.contains("rpycbench-agent child ") || command.contains("rpycbench-agent serve "),
            Self::Keepers => command.contains("rpycbench-agent __keep ") || command.contains("rpycbench-agent __exec "),
            Self::Server => command.contains("bin/python -s -m rpycbench_workers.serve"),
            Self::Driver => command.contains("bin/python -s -m rpycbench_workers.drive"),
            Self::Daemon => command.ends_with(" daemon"),
        }
    }
}

/// Random moments that can be had again.
pub struct Chance {
    random: ChaCha8Rng,
}

impl Chance {
    /// Of the seed that the environment names, or of any; and how to have it again.
    pub fn new(what: &str) -> (Self, String) {
        let seed = std::env::var(SEED).ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| rand::rng().random());
        (Self { random: ChaCha8Rng::seed_from_u64(seed) }, format!("{what}: {SEED}={seed}"))
    }

    /// Another, which the same seed gives again.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self { random: ChaCha8Rng::seed_from_u64(self.random.random()) }
    }

    /// A random part of that time.
    pub fn part_of(&mut self, time: Duration) -> Duration {
        time.mul_f64(self.random.random())
    }

    /// Waits for a random part of that time, and returns it.
    pub fn moment(&mut self, within: Duration) -> Duration {
        let moment = self.part_of(within);
        let since = Instant::now();
        // A thread may be woken for nothing.
        while let Some(rest) = moment.checked_sub(since.elapsed()).filter(|rest| !rest.is_zero()) {
            park_timeout(rest);
        }
        moment
    }

    /// Some of them, in any order.
    pub fn some<T: Copy>(&mut self, mut of: Vec<T>) -> Vec<T> {
        of.shuffle(&mut self.random);
        let count = self.random.random_range(1..=of.len());
        of.truncate(count);
        of
    }

    /// All of them, in any order.
    #[must_use]
    pub fn shuffled<T>(&mut self, mut of: Vec<T>) -> Vec<T> {
        of.shuffle(&mut self.random);
        of
    }
}

/// How many times a fault is to be put in.
pub fn rounds() -> u32 {
    std::env::var(ROUNDS).ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(DEFAULT_ROUNDS)
}

/// Kills the parts one after the other; whom it met.
pub fn kill(sandbox: &Sandbox, parts: &[Part]) -> Vec<Living> {
    let mut met = Vec::new();
    for part in parts {
        met.extend(alive(sandbox, &[*part]).into_iter().filter(|living| living.signal(Signal::KILL)));
    }
    met
}

/// Processes of these parts that live.
pub fn alive(sandbox: &Sandbox, parts: &[Part]) -> Vec<Living> {
    let of = |living: &Living| parts.iter().any(|part| part.has(&living.command));
    sandbox.processes().into_iter().filter(of).collect()
}

/// Waits until nobody of these parts is left.
///
/// # Errors
/// With whoever is still there after that time.
pub fn until_clean(sandbox: &Sandbox, parts: &[Part], limit: Duration) -> Result<Duration, Vec<Living>> {
    let since = Instant::now();
    loop {
        let left = alive(sandbox, parts);
        if left.is_empty() {
            return Ok(since.elapsed());
        }
        if since.elapsed() > limit {
            return Err(left);
        }
        park_timeout(LOOK_AGAIN);
    }
}

/// An agent that stays enrolled, and the controller of its runs.
pub struct Host {
    /// Both's.
    pub sandbox: Sandbox,
    /// The agent.
    pub agent: Installed,
    /// Of one block, with the agent in both roles.
    pub plan: String,
}

impl Host {
    /// Starts and enrols it, and makes the environment for that server.
    ///
    /// # Panics
    /// When the first run fails.
    pub fn start(args: &[&str], server: &str, workload: &str) -> Self {
        let sandbox = Sandbox::new();
        let agent = Installed::start_with(&sandbox, "hurin", "127.0.0.2", args);
        let enrolled = sandbox.call(&["enrol", &agent.address, "--code", &agent.code("hurin")]);
        assert_eq!(enrolled.code, Some(0), "{enrolled:?}");
        let plan = plan(&[server], workload).replace("local = true", &format!("agent = \"{}\"", agent.address));
        // Stamps of a load that has no end would only take memory.
        let plan = plan.replace("blocks = 1", "blocks = 1\nplacement = \"free\"");
        let host = Self { sandbox, agent, plan };
        host.runs("[[workloads]]\nname = \"one\"\nkind = \"connect\"\ncount = 1\n", workload);
        host
    }

    /// Runs the plan with another workload to its good end.
    ///
    /// # Panics
    /// When that end is not good.
    pub fn runs(&self, workload: &str, instead_of: &str) {
        let outcome = self.sandbox.run(&self.plan.replace(instead_of, workload), &["--quiet"]);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
    }

    /// Waits until no run has the agent: one whose controller was killed has it for its lease.
    ///
    /// # Panics
    /// When it never is.
    pub fn until_free(&self) {
        eventually("the agent is free", || {
            let described = self.sandbox.call(&["agents", "describe", "hurin"]);
            if described.stdout.contains("  free\n") { Ok(()) } else { Err(described) }
        });
    }

    /// A run of its plan, followed by its events.
    ///
    /// # Panics
    /// When the controller does not start.
    pub fn going(&self) -> Going {
        let path = self.sandbox.plan(&self.plan).display().to_string();
        Going::start(self.sandbox.controller(&["run", &path, "--json"]))
    }

    /// Begins a run of its plan.
    ///
    /// # Panics
    /// When the controller does not start.
    pub fn begin(&self) -> Child {
        let path = self.sandbox.plan(&self.plan).display().to_string();
        let mut controller = self.sandbox.controller(&["run", &path, "--quiet"]);
        controller.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the controller starts")
    }
}

/// The middle and the end of some times, in milliseconds; 0 of none.
pub fn p50_p99_ms(mut times: Vec<Duration>) -> (f64, f64) {
    times.sort();
    let at = |share: f64| {
        let place = (share * times.len() as f64).ceil() as usize;
        times.get(place.saturating_sub(1)).map_or(0.0, |time| time.as_secs_f64() * 1e3)
    };
    (at(0.5), at(0.99))
}
