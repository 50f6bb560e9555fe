//! Every chart of the page: its data, or why there is none.

use serde::Serialize;

use super::super::view::{View, clients};
use super::forest::{self, Forest};
use super::loads::{self, Load};
use super::ways::{self, Bars};
use crate::results::curves::{BlockCurve, CellCurves, Curves};
use crate::store::manifest::WorkloadRecord;

/// What the script draws, and what the template says around it.
#[derive(Serialize)]
pub(super) struct Figures<'a> {
    /// Of all distributions.
    quantiles: &'a [f64],
    distributions: Vec<Distribution<'a>>,
    /// Topologies against their baselines.
    topologies: Vec<Forest<'a>>,
    /// Servers against each other.
    servers: Vec<Forest<'a>>,
    ways: Vec<Bars<'a>>,
    loads: Vec<Load<'a>>,
}

/// The durations of a workload, a line for each cell.
#[derive(Serialize)]
struct Distribution<'a> {
    workload: &'a str,
    /// Clients and requests, in words.
    about: String,
    /// What a duration is of.
    what: &'static str,
    /// Why it cannot be drawn.
    why: Option<String>,
    lines: Vec<Line<'a>>,
}

/// Which line is which: colour by server, dashes by topology.
#[derive(Clone, Serialize)]
pub(super) struct Look {
    pub(super) name: String,
    colour: usize,
    dash: usize,
}

#[derive(Serialize)]
struct Line<'a> {
    look: Look,
    count: u64,
    durations: &'a [i64],
    max: Option<i64>,
    blocks: &'a [BlockCurve],
}

impl<'a> Figures<'a> {
    /// `metrics` are those that comparisons are shown of.
    pub(super) fn new(view: &View<'a>, curves: &'a Curves, metrics: &[&str]) -> Self {
        let comparisons = view.results.comparisons.iter();
        let shown: Vec<_> = comparisons.filter(|it| metrics.contains(&it.metric.as_str())).collect();
        Self {
            quantiles: &curves.quantiles,
            distributions: view.manifest.workloads.iter().map(|it| distribution(view, it, curves)).collect(),
            topologies: forest::topologies(view, &shown),
            servers: forest::servers(view, &shown),
            ways: ways::of(view),
            loads: loads::of(view),
        }
    }
}

fn distribution<'a>(view: &View<'a>, workload: &'a WorkloadRecord, curves: &'a Curves) -> Distribution<'a> {
    let name = workload.name.as_str();
    // Twins are servers of the run, and not of what is shown.
    let is_shown = |cell: &&CellCurves| view.manifest.servers.iter().any(|server| server.name == cell.server);
    let cells: Vec<&CellCurves> = curves.cells.iter().filter(|cell| cell.workload == name).filter(is_shown).collect();
    let why = if cells.is_empty() {
        Some(format!("workload {name} was not run"))
    } else if cells.iter().all(|cell| cell.blocks.is_empty()) {
        Some(format!("no sample of workload {name} is here"))
    } else if cells.iter().all(|cell| cell.count == 0) {
        Some(format!("no sample of workload {name} succeeded"))
    } else {
        None
    };
    let lines = cells.into_iter().filter(|cell| !cell.blocks.is_empty()).map(|cell| Line {
        look: look(view, &cell.topology, &cell.server),
        count: cell.count,
        durations: &cell.durations,
        max: cell.max,
        blocks: &cell.blocks,
    });
    Distribution { workload: name, about: about(workload), what: what(workload), why, lines: lines.collect() }
}

/// How much of what was asked, in words.
pub(super) fn about(workload: &WorkloadRecord) -> String {
    let unit = if workload.kind == "connect" { "connections" } else { "calls" };
    let WorkloadRecord { requests, warmup, .. } = workload;
    format!("{}; {requests} {unit} of each client in each block, after {warmup} that do not count", clients(workload))
}

fn what(workload: &WorkloadRecord) -> &'static str {
    if workload.kind == "connect" { "Time until a connection can carry its first call" } else { "Time of one call" }
}

/// How a cell is drawn, whichever chart it is in.
pub(super) fn look(view: &View<'_>, topology: &str, server: &str) -> Look {
    let (servers, topologies) = (&view.manifest.servers, &view.manifest.topologies);
    Look {
        name: if topologies.len() > 1 { format!("{server}, {topology}") } else { server.to_owned() },
        colour: servers.iter().position(|it| it.name == server).unwrap_or(0),
        dash: topologies.iter().position(|it| it.name == topology).unwrap_or(0),
    }
}
