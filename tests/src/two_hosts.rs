//! Two hosts of a virtual LAN: turin, and hurin with an agent that turin's controller has enrolled.

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use crate::lan::{Lan, Unavailable};
use crate::patience::eventually;
use crate::sandbox::binaries;
use crate::{Outcome, Sandbox};

/// turin, where the controller runs, and hurin, which is enrolled.
pub struct TwoHosts {
    /// The network between them.
    pub lan: Lan,
    /// Where the controller runs and its results are.
    pub sandbox: Sandbox,
    agent: Child,
}

impl TwoHosts {
    /// Makes the LAN, starts the agent, enrols it.
    ///
    /// # Errors
    /// When there can be no LAN here.
    ///
    /// # Panics
    /// When the agent does not start or is not enrolled.
    pub fn start() -> Result<Self, Unavailable> {
        let lan = Lan::switched(&["turin", "hurin"])?;
        let sandbox = Sandbox::new();
        sandbox.prepare(&["rpyc-threaded", "flask-threaded"]);
        let state = sandbox.path().join("hurin");
        fs::create_dir(&state).expect("a folder");
        let environments = sandbox.path().join("home/agent/environments");
        fs::create_dir_all(&environments).expect("the shared environments");
        std::os::unix::fs::symlink(environments, state.join("environments")).expect("a link");
        let address = SocketAddr::new(lan.address("hurin"), 7443);
        let agent = lan
            .command("hurin", binaries().join("rpycbench-agent"))
            .args(["serve", "--listen", &address.to_string(), "--state"])
            .arg(&state)
            .stdout(Stdio::null())
            .spawn()
            .expect("the agent starts");
        eventually("the agent listens", || lan.within("turin", || TcpStream::connect(address)).map(drop));
        let hosts = Self { lan, sandbox, agent };
        let code: Outcome = hosts
            .lan
            .command("hurin", binaries().join("rpycbench-agent"))
            .args(["enrol-code", "--name", "hurin", "--state"])
            .arg(&state)
            .output()
            .expect("the agent starts")
            .into();
        let enrolled = hosts.controller(&["enrol", &address.to_string(), "--code", code.stdout.trim()]);
        assert_eq!(enrolled.code, Some(0), "{enrolled:?}");
        Ok(hosts)
    }

    /// Runs `rpycbench-controller` on turin to its end.
    ///
    /// # Panics
    /// When it does not start.
    pub fn controller(&self, args: &[&str]) -> Outcome {
        self.controller_on("turin", args)
    }

    /// Runs `rpycbench-controller` on one of the hosts to its end; what it knows and its results are the same on both.
    ///
    /// # Panics
    /// When it does not start.
    pub fn controller_on(&self, host: &str, args: &[&str]) -> Outcome {
        let template = self.sandbox.controller(args);
        let mut command: Command = self.lan.command(host, template.get_program());
        command.args(args).current_dir(self.sandbox.path());
        for (name, value) in template.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command.output().expect("the controller starts").into()
    }

    /// Medians of the last run by topology, server and workload, in ms.
    ///
    /// # Panics
    /// When there was no run.
    pub fn medians(&self) -> BTreeMap<String, f64> {
        self.figures("p50").into_iter().map(|(name, ns)| (name, ns / 1e6)).collect()
    }

    /// Median round trips of datagrams of the last run by topology, in ms.
    ///
    /// # Panics
    /// When there was no run.
    pub fn pings(&self) -> BTreeMap<String, f64> {
        let run = self.sandbox.json("run.json");
        let pings = run["pings"].as_array().expect("pings").iter();
        pings
            .map(|ping| {
                let topology = ping["topology"].as_str().expect("a topology").to_owned();
                (topology, ping["p50_ns"].as_f64().expect("a median") / 1e6)
            })
            .collect()
    }

    /// Round trips per call, likewise.
    ///
    /// # Panics
    /// When there was no run.
    pub fn round_trips(&self) -> BTreeMap<String, f64> {
        self.figures("round_trips_per_call")
    }

    /// CPU time of the server per call in ms, likewise.
    ///
    /// # Panics
    /// When there was no run.
    pub fn server_cpu(&self) -> BTreeMap<String, f64> {
        self.figures("server_cpu_ns_per_call").into_iter().map(|(name, ns)| (name, ns / 1e6)).collect()
    }

    fn figures(&self, figure: &str) -> BTreeMap<String, f64> {
        let results = self.sandbox.json("results.json");
        let cells = results["cells"].as_array().expect("cells");
        cells
            .iter()
            .map(|cell| {
                let name = format!("{} {} {}", cell["topology"], cell["server"], cell["workload"]).replace('"', "");
                (name, cell[figure].as_f64().expect("a figure"))
            })
            .collect()
    }
}

impl Drop for TwoHosts {
    fn drop(&mut self) {
        drop(self.agent.kill());
        drop(self.agent.wait());
    }
}
