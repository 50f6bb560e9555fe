//! Hosts of a virtual LAN: turin with the controller, and others each with an agent that it has enrolled.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::lan::{Lan, Unavailable};
use crate::sandbox::binaries;
use crate::{Outcome, Sandbox};

/// Where the controller runs.
pub const CONTROLLER: &str = "turin";

/// What starts an agent whose clocks are ahead of those of this machine: a time namespace.
pub const AHEAD: &[&str] =
    &["unshare", "--time", "--monotonic", "1000", "--boottime", "1000", "--fork", "--kill-child", "--"];
/// By how much.
pub const AHEAD_NS: i64 = 1_000_000_000_000;

/// turin and its agents on other hosts.
pub struct ManyHosts {
    /// The network between them.
    pub lan: Lan,
    /// Where the controller runs and its results are.
    pub sandbox: Sandbox,
    agents: Vec<Agent>,
    /// What starts them.
    by: Vec<String>,
}

/// The agent of a host.
struct Agent {
    host: String,
    state: PathBuf,
    address: SocketAddr,
    process: Option<Process>,
}

/// Ends when it is dropped.
struct Process(Child);

impl ManyHosts {
    /// Makes the LAN, starts the agents, enrols them. The environments are those of the sandbox.
    ///
    /// # Errors
    /// When there can be no LAN here.
    ///
    /// # Panics
    /// When an agent does not start or is not enrolled.
    pub fn start(sandbox: Sandbox, agents: &[&str]) -> Result<Self, Unavailable> {
        Ok(Self::on(Lan::switched(&[&[CONTROLLER], agents].concat())?, sandbox, agents, &[]))
    }

    /// [`ManyHosts::start`] on a LAN that has turin and the others, with agents that are started by a command of theirs.
    ///
    /// # Panics
    /// As there.
    pub fn on(lan: Lan, sandbox: Sandbox, agents: &[&str], by: &[&str]) -> Self {
        let by = by.iter().map(|&word| word.to_owned()).collect();
        let mut hosts = Self { lan, sandbox, agents: Vec::new(), by };
        for &host in agents {
            let state = hosts.sandbox.path().join(host);
            std::fs::create_dir(&state).expect("a folder");
            let environments = hosts.sandbox.home().join("agent/environments");
            std::fs::create_dir_all(&environments).expect("the shared environments");
            std::os::unix::fs::symlink(environments, state.join("environments")).expect("a link");
            let address = SocketAddr::new(hosts.lan.address(host), 7443);
            hosts.agents.push(Agent { host: host.to_owned(), state, address, process: None });
            hosts.start_agent(host);
            let mut code = hosts.command(host, &["enrol-code", "--name", host]);
            let code: Outcome = code.output().expect("the agent starts").into();
            let mut enrol = hosts.controller(&["enrol", &address.to_string(), "--code", code.stdout.trim()]);
            let enrolled: Outcome = enrol.output().expect("it ends").into();
            assert_eq!(enrolled.code, Some(0), "{enrolled:?}");
        }
        hosts
    }

    /// Of every host with an agent, its name and the agent's address.
    pub fn addresses(&self) -> impl Iterator<Item = (&str, SocketAddr)> {
        self.agents.iter().map(|agent| (agent.host.as_str(), agent.address))
    }

    /// The process that was started as a host's agent.
    ///
    /// # Panics
    /// When it has none.
    pub fn agent_pid(&self, host: &str) -> u32 {
        self.agent(host).process.as_ref().map_or_else(|| panic!("{host} has no agent"), |process| process.0.id())
    }

    /// Kills a host's agent and starts it again.
    ///
    /// # Panics
    /// When it does not start.
    pub fn kill_agent(&mut self, host: &str) {
        self.agent_mut(host).process = None;
        self.start_agent(host);
    }

    /// `rpycbench-controller` on turin.
    pub fn controller(&self, args: &[&str]) -> Command {
        self.controller_on(CONTROLLER, args)
    }

    /// `rpycbench-controller` on one of the hosts; what it knows and its results are the same on each.
    pub fn controller_on(&self, host: &str, args: &[&str]) -> Command {
        let template = self.sandbox.controller(args);
        let mut command = self.lan.command(host, template.get_program());
        command.args(args).current_dir(self.sandbox.path()).stdin(Stdio::null());
        for (name, value) in template.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command
    }

    fn start_agent(&mut self, host: &str) {
        let address = self.agent(host).address.to_string();
        let mut child =
            self.command(host, &["serve", "--listen", &address]).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut said = String::new();
        BufReader::new(child.stdout.as_mut().expect("a pipe")).read_line(&mut said).expect("it says that it listens");
        self.agent_mut(host).process = Some(Process(child));
    }

    /// `rpycbench-agent` on a host.
    fn command(&self, host: &str, args: &[&str]) -> Command {
        let program = binaries().join("rpycbench-agent");
        let mut command = match self.by.as_slice() {
            [] => self.lan.command(host, program),
            [by, first @ ..] => {
                let mut command = self.lan.command(host, by);
                command.args(first).arg(program);
                command
            }
        };
        command.args(args).arg("--state").arg(&self.agent(host).state).stderr(Stdio::null());
        command
    }

    fn agent(&self, host: &str) -> &Agent {
        self.agents.iter().find(|agent| agent.host == host).unwrap_or_else(|| panic!("{host} has no agent"))
    }

    fn agent_mut(&mut self, host: &str) -> &mut Agent {
        self.agents.iter_mut().find(|agent| agent.host == host).unwrap_or_else(|| panic!("{host} has no agent"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
