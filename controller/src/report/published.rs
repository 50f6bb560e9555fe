//! The published study, to be set beside a run of the same workload.

use serde::Serialize;
use serde_json::Value;

use super::ReportError;
use super::network;
use super::view::{Difference, View};
use crate::results::schema::CellResult;
use crate::store::manifest::{ServerRecord, WorkloadRecord};

const PUBLISHED: &str = include_str!("published.json");
/// Of the published latency table, which is that of its concurrency run.
const CLIENTS: u32 = 10;

/// The published localhost tables and what was measured here.
#[derive(Serialize)]
pub(super) struct Beside<'a> {
    /// The topology set beside it.
    topology: &'a str,
    /// What was measured with as many clients as the published latency table.
    concurrent: Option<&'a WorkloadRecord>,
    /// What one connection alone sees.
    alone: Option<&'a WorkloadRecord>,
    connect: Option<&'a WorkloadRecord>,
    rows: Vec<Row<'a>>,
    /// Where the run has a topology of two hosts with a baseline.
    lan: Option<Lan<'a>>,
}

/// What the published study's LAN added, and what this run's did.
#[derive(Serialize)]
struct Lan<'a> {
    topology: &'a str,
    baseline: &'a str,
    rows: Vec<LanRow<'a>>,
}

#[derive(Serialize)]
struct LanRow<'a> {
    server: &'a str,
    /// The server's row of each published table.
    published: Published,
    published_added_ms: Value,
    /// Against the baseline, in words.
    connect: String,
    latency: String,
    added: Option<Difference>,
    duration: String,
}

#[derive(Serialize)]
struct Row<'a> {
    server: &'a str,
    /// Its row of the published tables, in milliseconds.
    published: Published,
    concurrent: Option<&'a CellResult>,
    alone: Option<&'a CellResult>,
    connect: Option<&'a CellResult>,
}

#[derive(Serialize)]
struct Published {
    connect: Value,
    latency: Value,
    concurrency: Value,
}

/// None where the run has no reference, or nothing on one host.
pub(super) fn beside<'a>(view: &View<'a>) -> Result<Option<Beside<'a>>, ReportError> {
    let manifest = view.manifest;
    let local = manifest.topologies.iter().find(|topology| topology.client == topology.server);
    let (Some("published-study"), Some(local)) = (manifest.reference.as_deref(), local) else { return Ok(None) };
    let published: Value = serde_json::from_str(PUBLISHED).map_err(ReportError::Published)?;
    let tables = &published["topologies"]["localhost"];
    let closed = |clients| {
        let mut workloads = manifest.workloads.iter();
        workloads.find(|workload| workload.kind == "closed" && workload.clients == clients)
    };
    let (concurrent, alone) = (closed(CLIENTS), closed(1));
    let connect = view.connect().map(|section| section.workload);
    let lan = lan(view, &published, concurrent, connect);
    let rows = manifest.servers.iter().filter_map(|server| {
        let name = published_name(server)?;
        let cell = |workload: Option<&WorkloadRecord>| view.cell(&local.name, &server.name, &workload?.name);
        let published = Published::of(tables, name);
        let (concurrent, alone, connect) = (cell(concurrent), cell(alone), cell(connect));
        Some(Row { server: &server.name, published, concurrent, alone, connect })
    });
    Ok(Some(Beside { topology: &local.name, concurrent, alone, connect, rows: rows.collect(), lan }))
}

/// The first topology of two hosts that has a baseline, beside the published one: under the load that its tables are of.
fn lan<'a>(
    view: &View<'a>,
    published: &Value,
    concurrent: Option<&WorkloadRecord>,
    connect: Option<&WorkloadRecord>,
) -> Option<Lan<'a>> {
    let mut topologies = view.manifest.topologies.iter().filter(|topology| topology.client != topology.server);
    let (topology, baseline) = topologies.find_map(|topology| Some((&topology.name, topology.baseline.as_ref()?)))?;
    let rows = view.manifest.servers.iter().filter_map(|server| {
        let name = published_name(server)?;
        let longer = |workload: Option<&WorkloadRecord>, duration| {
            let cell = view.cell(topology, &server.name, &workload?.name)?;
            Some(network::longer(view, cell, baseline, duration))
        };
        let words = |words: Option<String>| words.unwrap_or_else(|| "–".to_owned());
        Some(LanRow {
            server: &server.name,
            published: Published::of(&published["topologies"]["lan"], name),
            published_added_ms: published["added_latency_ms"][name].clone(),
            connect: words(longer(connect, false)),
            latency: words(longer(concurrent, false)),
            added: concurrent.and_then(|it| view.topology(topology, baseline, &server.name, &it.name, "mean")),
            duration: words(longer(concurrent, true)),
        })
    });
    Some(Lan { topology, baseline, rows: rows.collect() })
}

impl Published {
    fn of(tables: &Value, server: &str) -> Self {
        let row = |table: &str| tables[table][server].clone();
        Self { connect: row("connect"), latency: row("latency"), concurrency: row("concurrency") }
    }
}

fn published_name(server: &ServerRecord) -> Option<&'static str> {
    match (server.kind.as_str(), server.mode.as_str()) {
        ("rpyc", "threaded") => Some("rpyc-threaded"),
        ("rpyc", "forking") => Some("rpyc-forking"),
        ("flask", "threaded") => Some("http-threaded"),
        _ => None,
    }
}
