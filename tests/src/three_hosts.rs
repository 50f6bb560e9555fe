//! Three hosts of a virtual LAN: turin with the controller, which no cell uses, and hurin and morwen, which do.

use std::ops::Deref;
use std::time::{Duration, Instant};

use crate::Sandbox;
use crate::going::Going;
use crate::lan::Unavailable;
use crate::many_hosts::{CONTROLLER, ManyHosts};
use crate::patience::eventually;
use crate::processes::{Living, mentioning};

/// The lease of a run, see `agent.proto`.
pub const LEASE: Duration = Duration::from_secs(10);
const AGENTS: [&str; 2] = ["hurin", "morwen"];

/// hurin drives at morwen, and turin tells them to; otherwise as [`ManyHosts`].
pub struct ThreeHosts {
    hosts: ManyHosts,
    /// The path of the plan.
    pub plan: String,
}

impl ThreeHosts {
    /// Starts them, for a plan of one cell: a closed load of so many `clients` and `requests`, over a link that makes a round
    /// trip 1 ms longer.
    ///
    /// # Errors
    /// When there can be no LAN here.
    ///
    /// # Panics
    /// When an agent does not start or is not enrolled.
    pub fn start(server: &str, load: &str) -> Result<Self, Unavailable> {
        let sandbox = Sandbox::new();
        sandbox.prepare(&[server]);
        let hosts = ManyHosts::start(sandbox, &AGENTS)?;
        let (kind, mode) = server.split_once('-').expect("kind and mode");
        let mut plan = "[study]\nname = \"cuts\"\nblocks = 1\nplacement = \"free\"\n".to_owned();
        for (name, address) in hosts.addresses() {
            plan += &format!("[hosts.{name}]\nagent = \"{address}\"\n");
        }
        plan += &format!(
            "[[topologies]]\nname = \"others\"\nclient = \"hurin\"\nserver = \"morwen\"\n\
             [[servers]]\nname = {server:?}\nkind = {kind:?}\nmode = {mode:?}\n\
             [[workloads]]\nname = \"calls\"\nkind = \"closed\"\n{load}\n"
        );
        let plan = hosts.sandbox.plan(&plan).display().to_string();
        hosts.lan.both_ways("hurin", "morwen").delay(Duration::from_micros(500));
        Ok(Self { hosts, plan })
    }

    /// A run whose load goes on.
    #[track_caller]
    pub fn driving(&self) -> Going {
        let mut going = Going::start(self.controller(&["run", &self.plan, "--json"]));
        going.until_done(1);
        going
    }

    /// Nothing passes between the controller and either agent.
    pub fn cut(&self) {
        for agent in AGENTS {
            self.lan.both_ways(CONTROLLER, agent).cut();
        }
    }

    /// Everything passes again.
    pub fn mend(&self) {
        for agent in AGENTS {
            self.lan.both_ways(CONTROLLER, agent).mend();
        }
    }

    /// Servers and drivers that live.
    pub fn workers(&self) -> Vec<Living> {
        let all = mentioning(self.sandbox.path()).into_iter();
        all.filter(|living| living.command.contains("bin/python -s -m rpycbench_workers.")).collect()
    }

    /// Waits until no server or driver is left; how long that took.
    ///
    /// # Panics
    /// When they never go.
    pub fn until_nobody_works(&self) -> Duration {
        let since = Instant::now();
        eventually("every server and driver is gone", || {
            let left = self.workers();
            if left.is_empty() { Ok(()) } else { Err(left) }
        });
        since.elapsed()
    }
}

impl Deref for ThreeHosts {
    type Target = ManyHosts;

    fn deref(&self) -> &ManyHosts {
        &self.hosts
    }
}
