//! Plans. Only this module knows TOML: past it, a [`Plan`] cannot hold an invalid value.

mod cells;
mod file;
mod parse;

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rpycbench_measure::statistics::Precision;
use rpycbench_measure::{Confinement, Placement, Server, ServerKind, Workload};

pub use cells::{Cell, DRIVER};
pub(crate) use parse::MAX_BLOCKS;

/// A study: what is measured, where, how often.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Goes into the run folder's name.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Of the order of the cells.
    pub seed: u64,
    /// Repetitions, each with freshly started servers.
    pub blocks: u32,
    /// When more of them run; `None`: never.
    pub until: Option<Until>,
    /// Which CPUs servers and drivers get.
    pub placement: Placement,
    /// How far servers and drivers must be confined on every host; otherwise there is no run.
    pub confinement: Confinement,
    /// Whether agents are asked for their clocks.
    pub asks_for_clocks: bool,
    /// In which blocks servers stamp when they have had each request and answered it.
    pub stamps: Stamping,
    /// Whether cells that share no host may run side by side.
    pub parallel: bool,
    /// Whether the report sets the published study beside this one.
    pub beside_published: bool,
    /// By name.
    pub hosts: Vec<Host>,
    /// Pairs of hosts.
    pub topologies: Vec<Topology>,
    /// Servers under test.
    pub servers: Vec<NamedServer>,
    /// Loads.
    pub workloads: Vec<NamedWorkload>,
}

/// After the plan's blocks more of them run, each with all cells, until every cell is so precise.
///
/// With all cells, as comparisons set block against block: what the machine did in one cancels only where both cells were in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Until {
    /// What every cell is to reach.
    pub precision: Precision,
    /// More blocks do not run; at least as many as run in any case.
    pub max_blocks: u32,
}

/// In which blocks servers stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamping {
    /// None.
    Off,
    /// Those with odd numbers: the others show what it costs.
    Alternate,
    /// All.
    On,
}

impl Stamping {
    /// Whether servers of that block stamp; blocks count from 1.
    pub fn is_on(self, block: u32) -> bool {
        match self {
            Self::Off => false,
            Self::Alternate => block % 2 == 1,
            Self::On => true,
        }
    }
}

/// A host of the study.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Its name in the plan.
    pub name: String,
    /// How its agent is reached.
    pub agent: AgentAddress,
    /// The address its servers bind.
    pub serve_on: IpAddr,
}

impl Host {
    /// Whether its agent is on the controller's own host, as far as its address tells.
    fn is_on_loopback(&self) -> bool {
        match &self.agent {
            AgentAddress::Local => true,
            AgentAddress::Remote(_) => self.serve_on.is_loopback(),
        }
    }
}

/// How an agent is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentAddress {
    /// The controller starts one of its own on this host.
    Local,
    /// An installed agent, as `host:port`.
    Remote(String),
}

/// Who drives and who serves. Hosts, like everything a cell refers to, are places in the plan's lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    /// Its name.
    pub name: String,
    /// Place of the host that drives.
    pub client: usize,
    /// Place of the host that serves.
    pub server: usize,
    /// Place of the topology its differences are taken against.
    pub baseline: Option<usize>,
}

impl Topology {
    /// Its hosts, each once.
    pub fn hosts(&self) -> Vec<usize> {
        if self.client == self.server { vec![self.client] } else { vec![self.client, self.server] }
    }
}

/// A server under test and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedServer {
    /// Its name.
    pub name: String,
    /// What it is.
    pub server: Server,
    /// Place of the server that it is the same as in all but its name.
    pub twin_of: Option<usize>,
}

/// A load and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedWorkload {
    /// Its name.
    pub name: String,
    /// What it is.
    pub workload: Workload,
}

impl NamedServer {
    /// The words of the plan for its kind and mode.
    pub fn kind_and_mode(&self) -> (&'static str, &'static str) {
        use rpycbench_measure::{FlaskMode, RpycMode};
        match self.server.kind {
            ServerKind::Rpyc(RpycMode::Threaded) => ("rpyc", "threaded"),
            ServerKind::Rpyc(RpycMode::Forking) => ("rpyc", "forking"),
            ServerKind::Flask(FlaskMode::Threaded) => ("flask", "threaded"),
        }
    }
}

/// The largest plan that anybody has written by hand has some kilobytes.
const MOST_BYTES: u64 = 1 << 20;
/// A week of cells of a few seconds.
const MOST_CELLS: u64 = 100_000;

/// A plan that cannot be used: where in the file, what was found, what is allowed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub struct PlanError {
    /// The plan's file.
    pub file: PathBuf,
    /// Line and column from 1; `None` for the file as a whole.
    pub place: Option<(usize, usize)>,
    /// What is wrong and what to do.
    pub message: String,
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some((line, column)) => write!(f, "{}:{line}:{column}: {}", self.file.display(), self.message),
            None => write!(f, "{}: {}", self.file.display(), self.message),
        }
    }
}

impl Plan {
    /// Reads and checks a plan. Also returns its bytes, which the run folder keeps.
    ///
    /// # Errors
    /// When the file cannot be read or is not a valid plan.
    pub fn load(path: &Path) -> Result<(Self, Vec<u8>), PlanError> {
        let refused = |message: String| PlanError { file: path.to_owned(), place: None, message };
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes));
        let read = read.map_err(|error| refused(format!("cannot read the plan: {error}")))?;
        if read as u64 > MOST_BYTES {
            return Err(refused(format!("the plan has more than the {MOST_BYTES} bytes that are allowed")));
        }
        let text = str::from_utf8(&bytes).map_err(|error| refused(format!("the plan is not UTF-8 text: {error}")))?;
        Ok((Self::parse(path, text)?, bytes))
    }

    /// The plan in that text, which stands in that file.
    ///
    /// # Errors
    /// When it is not a valid plan.
    pub fn parse(path: &Path, text: &str) -> Result<Self, PlanError> {
        let plan = parse::parse(path, text)?;
        let lists = [plan.topologies.len(), plan.servers.len(), plan.workloads.len()];
        let cells =
            lists.into_iter().map(|length| length as u64).product::<u64>().saturating_mul(plan.most_blocks().into());
        if cells > MOST_CELLS {
            let message = format!("the plan has {cells} cells: allowed are up to {MOST_CELLS}");
            return Err(PlanError { file: path.to_owned(), place: None, message });
        }
        Ok(plan)
    }
}
