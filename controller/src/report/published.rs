//! The published study, to be set beside a run of the same workload.

use serde::Serialize;
use serde_json::Value;

use super::ReportError;
use super::view::View;
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
    let rows = manifest.servers.iter().filter_map(|server| {
        let name = published_name(server)?;
        let cell = |workload: Option<&WorkloadRecord>| view.cell(&local.name, &server.name, &workload?.name);
        let published = Published {
            connect: tables["connect"][name].clone(),
            latency: tables["latency"][name].clone(),
            concurrency: tables["concurrency"][name].clone(),
        };
        let (concurrent, alone, connect) = (cell(concurrent), cell(alone), cell(connect));
        Some(Row { server: &server.name, published, concurrent, alone, connect })
    });
    Ok(Some(Beside { topology: &local.name, concurrent, alone, connect, rows: rows.collect() }))
}

fn published_name(server: &ServerRecord) -> Option<&'static str> {
    match (server.kind.as_str(), server.mode.as_str()) {
        ("rpyc", "threaded") => Some("rpyc-threaded"),
        ("rpyc", "forking") => Some("rpyc-forking"),
        ("flask", "threaded") => Some("http-threaded"),
        _ => None,
    }
}
