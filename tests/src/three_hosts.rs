//! Three hosts of a virtual LAN: turin with the controller, which no cell uses, and hurin and morwen, which do.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::going::Going;
use crate::lan::{Lan, Unavailable};
use crate::patience::eventually;
use crate::processes::{Living, mentioning};
use crate::sandbox::binaries;
use crate::{Outcome, Sandbox};

/// The lease of a run, see `agent.proto`.
pub const LEASE: Duration = Duration::from_secs(10);

/// hurin drives at morwen, and turin tells them to.
pub struct ThreeHosts {
    /// The network between them.
    pub lan: Lan,
    /// Where the controller's results are.
    pub sandbox: Sandbox,
    /// The path of the plan.
    pub plan: String,
    agents: Vec<Child>,
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
        let lan = Lan::switched(&["turin", "hurin", "morwen"])?;
        let sandbox = Sandbox::new();
        sandbox.prepare(&[server]);
        let (kind, mode) = server.split_once('-').expect("kind and mode");
        let mut hosts = Self { lan, sandbox, agents: Vec::new(), plan: String::new() };
        let mut plan = "[study]\nname = \"cuts\"\nblocks = 1\nplacement = \"free\"\n".to_owned();
        for name in ["hurin", "morwen"] {
            let address = hosts.add_agent(name);
            plan += &format!("[hosts.{name}]\nagent = \"{address}\"\n");
        }
        plan += &format!(
            "[[topologies]]\nname = \"others\"\nclient = \"hurin\"\nserver = \"morwen\"\n\
             [[servers]]\nname = {server:?}\nkind = {kind:?}\nmode = {mode:?}\n\
             [[workloads]]\nname = \"calls\"\nkind = \"closed\"\n{load}\n"
        );
        hosts.plan = hosts.sandbox.plan(&plan).display().to_string();
        hosts.lan.both_ways("hurin", "morwen").delay(Duration::from_micros(500));
        Ok(hosts)
    }

    fn add_agent(&mut self, name: &str) -> SocketAddr {
        let state = self.sandbox.path().join(name);
        std::fs::create_dir(&state).expect("a folder");
        let environments = self.sandbox.path().join("home/agent/environments");
        std::os::unix::fs::symlink(environments, state.join("environments")).expect("a link");
        let address = SocketAddr::new(self.lan.address(name), 7443);
        let agent = |args: &[&str]| {
            let mut command = self.lan.command(name, binaries().join("rpycbench-agent"));
            command.args(args).arg("--state").arg(&state).stderr(Stdio::null());
            command
        };
        let child = agent(&["serve", "--listen", &address.to_string()]).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("the agent starts");
        let mut said = String::new();
        BufReader::new(child.stdout.as_mut().expect("a pipe")).read_line(&mut said).expect("it says that it listens");
        self.agents.push(child);
        let code: Outcome = agent(&["enrol-code", "--name", name]).output().expect("the agent starts").into();
        let enrolled: Outcome = self
            .controller(&["enrol", &address.to_string(), "--code", code.stdout.trim()])
            .output()
            .expect("ends")
            .into();
        assert_eq!(enrolled.code, Some(0), "{enrolled:?}");
        address
    }

    /// `rpycbench-controller` on turin.
    pub fn controller(&self, args: &[&str]) -> Command {
        let template = self.sandbox.controller(args);
        let mut command = self.lan.command("turin", template.get_program());
        command.args(args).current_dir(self.sandbox.path()).stdin(Stdio::null());
        for (name, value) in template.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command
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
        for agent in ["hurin", "morwen"] {
            self.lan.both_ways("turin", agent).cut();
        }
    }

    /// Everything passes again.
    pub fn mend(&self) {
        for agent in ["hurin", "morwen"] {
            self.lan.both_ways("turin", agent).mend();
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

impl Drop for ThreeHosts {
    fn drop(&mut self) {
        for agent in &mut self.agents {
            drop(agent.kill());
            drop(agent.wait());
        }
    }
}
