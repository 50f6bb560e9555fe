//! Everything the template of the report speaks of.

use std::collections::BTreeMap;

use serde::Serialize;

use super::graphs::Graph;
use super::network::{self, Network};
use super::noise::Noise;
use super::pairs::{Pairs, hosts_of_pairs};
use super::published::{self, Beside};
use super::view::{Difference, Section, View};
use super::ways::{self, Ways};
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
    /// Of three hosts or more.
    pairs: Option<Pairs<'a>>,
    /// Where several topologies set RPyC beside HTTP.
    advantages: Vec<Advantages<'a>>,
    /// Where the plan asked for a twin.
    noise: Vec<Noise<'a>>,
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
    connect: Vec<Table<'a>>,
    latency: Vec<Table<'a>>,
    concurrency: Vec<Table<'a>>,
    ratios: Vec<Ratio<'a>>,
    /// Where the time goes, as far as servers have stamped.
    ways: Vec<Ways<'a>>,
    /// Against the baseline, where there is one.
    network: Vec<Network<'a>>,
}

/// A workload over one topology.
#[derive(Serialize)]
struct Table<'a> {
    workload: &'a WorkloadRecord,
    rows: Vec<TableRow<'a>>,
}

#[derive(Serialize)]
struct TableRow<'a> {
    cell: &'a CellResult,
    /// How much longer than over the topology's baseline, in words; empty where it has none.
    longer: String,
}

/// How many times as long as RPyC an HTTP server takes, topology by topology.
#[derive(Serialize)]
struct Advantages<'a> {
    workload: &'a WorkloadRecord,
    http: &'a str,
    /// RPyC servers, the columns.
    rpyc: Vec<&'a str>,
    rows: Vec<AdvantageRow<'a>>,
}

#[derive(Serialize)]
struct AdvantageRow<'a> {
    topology: &'a str,
    /// HTTP over RPyC, means.
    ratios: Vec<Option<Difference>>,
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

/// Where the processes of a topology ran.
#[derive(PartialEq, Serialize)]
struct Pinned {
    topology: String,
    server_cpus: Vec<u32>,
    driver_cpus: Vec<u32>,
}

impl<'a> Context<'a> {
    pub(super) fn new(view: &View<'a>, graphs: Vec<Graph>, noise: Vec<Noise<'a>>) -> Result<Self, ReportError> {
        let cells = &view.manifest.cells;
        let mut stacks: Vec<_> = view.manifest.servers.iter().filter_map(|it| stack(&it.kind)).collect();
        stacks.dedup();
        Ok(Self {
            manifest: view.manifest,
            results: view.results,
            summary: summary::sentences(view),
            graphs: graphs.into_iter().map(|graph| (graph.name, graph)).collect(),
            topologies: view.manifest.topologies.iter().map(|record| topology(view, record)).collect(),
            pairs: hosts_of_pairs(view.manifest).zip(view.latency()).map(|(hosts, it)| Pairs::new(view, it, hosts)),
            advantages: if view.manifest.topologies.len() > 1 { advantages(view) } else { Vec::new() },
            noise,
            beside: published::beside(view)?,
            missing: cells.iter().filter(|cell| cell.status != CellStatus::Complete).collect(),
            pinned: pinned(cells),
            stacks,
        })
    }
}

fn topology<'a>(view: &View<'a>, record: &'a TopologyRecord) -> Topology<'a> {
    let here = |sections: Vec<Section<'a>>, duration: bool| {
        sections.iter().map(|it| table(view, it.of_topology(&record.name), record, duration)).collect()
    };
    Topology {
        record,
        local: record.client == record.server,
        connect: here(view.connects(), false),
        latency: here(view.latencies(), false),
        concurrency: here(view.concurrencies(), true),
        ratios: ratios(view, record),
        ways: view
            .connects()
            .iter()
            .chain(&view.closed())
            .filter_map(|it| ways::of(view, &it.of_topology(&record.name)))
            .collect(),
        network: record.baseline.as_ref().map(|it| network::against(view, record, it)).unwrap_or_default(),
    }
}

fn table<'a>(view: &View<'a>, section: Section<'a>, topology: &TopologyRecord, duration: bool) -> Table<'a> {
    let longer = |cell| topology.baseline.as_ref().map(|baseline| network::longer(view, cell, baseline, duration));
    let rows = section.cells.into_iter().map(|cell| TableRow { cell, longer: longer(cell).unwrap_or_default() });
    Table { workload: section.workload, rows: rows.collect() }
}

fn advantages<'a>(view: &View<'a>) -> Vec<Advantages<'a>> {
    let of_kind = |kind: &'static str| view.manifest.servers.iter().filter(move |server| server.kind == kind);
    let rpyc: Vec<_> = of_kind("rpyc").map(|server| server.name.as_str()).collect();
    let mut advantages = Vec::new();
    for workload in view.latencies().into_iter().map(|section| section.workload) {
        for http in of_kind("flask").map(|server| server.name.as_str()).filter(|_| !rpyc.is_empty()) {
            let rows = view.manifest.topologies.iter().filter_map(|topology| {
                let ratio = |rpyc: &&str| view.servers(&topology.name, &workload.name, http, rpyc, "mean");
                let ratios: Vec<_> = rpyc.iter().map(ratio).collect();
                let any = ratios.iter().any(Option::is_some);
                any.then_some(AdvantageRow { topology: &topology.name, ratios })
            });
            advantages.push(Advantages { workload, http, rpyc: rpyc.clone(), rows: rows.collect() });
        }
    }
    advantages
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
