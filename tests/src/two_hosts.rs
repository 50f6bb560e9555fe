//! Two hosts of a virtual LAN: turin, and hurin with an agent that turin's controller has enrolled.

use std::collections::BTreeMap;
use std::ops::Deref;

use crate::lan::Unavailable;
use crate::many_hosts::{CONTROLLER, ManyHosts};
use crate::{Outcome, Sandbox};

/// turin, where the controller runs, and hurin, which is enrolled; otherwise as [`ManyHosts`].
pub struct TwoHosts(ManyHosts);

impl TwoHosts {
    /// Makes the LAN, starts the agent, enrols it.
    ///
    /// # Errors
    /// When there can be no LAN here.
    ///
    /// # Panics
    /// When the agent does not start or is not enrolled.
    pub fn start() -> Result<Self, Unavailable> {
        let sandbox = Sandbox::new();
        sandbox.prepare(&["rpyc-threaded", "flask-threaded"]);
        ManyHosts::start(sandbox, &["hurin"]).map(Self)
    }

    /// Runs `rpycbench-controller` on turin to its end.
    ///
    /// # Panics
    /// When it does not start.
    pub fn controller(&self, args: &[&str]) -> Outcome {
        self.controller_on(CONTROLLER, args)
    }

    /// Runs `rpycbench-controller` on one of the hosts to its end.
    ///
    /// # Panics
    /// When it does not start.
    pub fn controller_on(&self, host: &str, args: &[&str]) -> Outcome {
        self.0.controller_on(host, args).output().expect("the controller starts").into()
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

impl Deref for TwoHosts {
    type Target = ManyHosts;

    fn deref(&self) -> &ManyHosts {
        &self.0
    }
}
