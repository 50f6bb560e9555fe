//! Everything the template of the report speaks of.

use std::collections::BTreeMap;

use serde::Serialize;

use super::graphs::Graph;
use super::published::{self, Beside};
use super::view::{Difference, Section, View};
use super::{ReportError, summary};
use crate::results::schema::{CellResult, Results};
use crate::store::manifest::{CellRecord, CellStatus, Manifest, TopologyRecord, WorkloadRecord};

#[derive(Serialize)]
pub(super) struct Context<'a> {
    manifest: &'a Manifest,
    results: &'a Results,
    summary: Vec<String>,
    graphs: BTreeMap<&'static str, Graph>,
    topologies: Vec<Topology<'a>>,
    /// Has a template of its own.
    #[serde(skip)]
    pub(super) beside: Option<Beside<'a>>,
    /// Of the cells that are not complete.
    missing: Vec<&'a CellRecord>,
    pinned: Vec<Pinned>,
    stacks: Vec<&'static str>,
}

#[derive(Serialize)]
struct Topology<'a> {
    record: &'a TopologyRecord,
    local: bool,
    connect: Vec<Section<'a>>,
    latency: Vec<Section<'a>>,
    concurrency: Vec<Section<'a>>,
    ratios: Vec<Ratio<'a>>,
    /// Against the baseline, where there is one.
    network: Vec<Network<'a>>,
}

/// An RPyC server set beside an HTTP server.
#[derive(Serialize)]
struct Ratio<'a> {
    workload: &'a WorkloadRecord,
    rpyc: &'a CellResult,
    http: &'a CellResult,
    /// HTTP over RPyC.
    mean: Option<Difference>,
    p99: Option<Difference>,
}

#[derive(Serialize)]
struct Network<'a> {
    workload: &'a WorkloadRecord,
    rows: Vec<NetworkRow<'a>>,
}

#[derive(Serialize)]
struct NetworkRow<'a> {
    of: &'a CellResult,
    against: &'a CellResult,
    mean: Option<Difference>,
}

/// Where the processes of a topology ran.
#[derive(PartialEq, Serialize)]
struct Pinned {
    topology: String,
    server_cpus: Vec<u32>,
    driver_cpus: Vec<u32>,
}

impl<'a> Context<'a> {
    pub(super) fn new(view: &View<'a>, graphs: Vec<Graph>) -> Result<Self, ReportError> {
        let cells = &view.manifest.cells;
        let mut stacks: Vec<_> = view.manifest.servers.iter().filter_map(|it| stack(&it.kind)).collect();
        stacks.dedup();
        Ok(Self {
            manifest: view.manifest,
            results: view.results,
            summary: summary::sentences(view),
            graphs: graphs.into_iter().map(|graph| (graph.name, graph)).collect(),
            topologies: view.manifest.topologies.iter().map(|record| topology(view, record)).collect(),
            beside: published::beside(view)?,
            missing: cells.iter().filter(|cell| cell.status != CellStatus::Complete).collect(),
            pinned: pinned(cells),
            stacks,
        })
    }
}

fn topology<'a>(view: &View<'a>, record: &'a TopologyRecord) -> Topology<'a> {
    let here = |sections: Vec<Section<'a>>| sections.iter().map(|it| it.of_topology(&record.name)).collect();
    Topology {
        record,
        local: record.client == record.server,
        connect: here(view.connects()),
        latency: here(view.latencies()),
        concurrency: here(view.concurrencies()),
        ratios: ratios(view, record),
        network: record.baseline.as_ref().map(|baseline| network(view, record, baseline)).unwrap_or_default(),
    }
}

fn ratios<'a>(view: &View<'a>, topology: &TopologyRecord) -> Vec<Ratio<'a>> {
    let of_kind = |kind: &'static str| view.manifest.servers.iter().filter(move |server| server.kind == kind);
    let mut ratios = Vec::new();
    for workload in &view.manifest.workloads {
        for rpyc in of_kind("rpyc") {
            for http in of_kind("flask") {
                let cells = [rpyc, http].map(|server| view.cell(&topology.name, &server.name, &workload.name));
                let [Some(rpyc), Some(http)] = cells else { continue };
                let metric = |metric| view.servers(&topology.name, &workload.name, &http.server, &rpyc.server, metric);
                ratios.push(Ratio { workload, rpyc, http, mean: metric("mean"), p99: metric("p99") });
            }
        }
    }
    ratios
}

fn network<'a>(view: &View<'a>, topology: &TopologyRecord, baseline: &str) -> Vec<Network<'a>> {
    let workloads = view.manifest.workloads.iter().map(|workload| {
        let rows = view.manifest.servers.iter().filter_map(|server| {
            let of = view.cell(&topology.name, &server.name, &workload.name)?;
            let against = view.cell(baseline, &server.name, &workload.name)?;
            let mean = view.topology(&topology.name, baseline, &server.name, &workload.name, "mean");
            Some(NetworkRow { of, against, mean })
        });
        Network { workload, rows: rows.collect() }
    });
    workloads.collect()
}

fn pinned(cells: &[CellRecord]) -> Vec<Pinned> {
    let mut pinned = Vec::new();
    for cell in cells.iter().filter(|cell| cell.status != CellStatus::NotRun) {
        let [mut server_cpus, mut driver_cpus] = [cell.server_cpus.clone(), cell.driver_cpus.clone()];
        server_cpus.sort_unstable();
        driver_cpus.sort_unstable();
        let found = Pinned { topology: cell.topology.clone(), server_cpus, driver_cpus };
        if !pinned.contains(&found) {
            pinned.push(found);
        }
    }
    // Cells run in the order that the seed shuffled them into.
    pinned.sort_by(|a, b| {
        (&a.topology, &a.server_cpus, &a.driver_cpus).cmp(&(&b.topology, &b.server_cpus, &b.driver_cpus))
    });
    pinned
}

fn stack(kind: &str) -> Option<&'static str> {
    match kind {
        "rpyc" => Some("rpyc"),
        "flask" => Some("http"),
        _ => None,
    }
}
