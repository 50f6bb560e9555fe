//! Throughput and latency against the number of clients, where a plan varies it.

use std::collections::BTreeSet;

use serde::Serialize;

use super::super::view::View;
use super::figures::{Look, look};
use crate::results::schema::CellResult;
use crate::store::manifest::WorkloadRecord;

/// Closed workloads that differ in how many clients they have, and in nothing that matters to a call.
#[derive(Serialize)]
pub(super) struct Load<'a> {
    title: String,
    lines: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    look: Look,
    /// By the number of clients.
    points: Vec<Point<'a>>,
}

#[derive(Serialize)]
struct Point<'a> {
    clients: u32,
    workload: &'a str,
    throughput: Option<f64>,
    throughput_ci95: Option<[f64; 2]>,
    p50: Option<f64>,
    p50_ci95: Option<[f64; 2]>,
    p99: Option<f64>,
    p99_ci95: Option<[f64; 2]>,
}

/// One for each kind of client that comes in several numbers.
pub(super) fn of<'a>(view: &View<'a>) -> Vec<Load<'a>> {
    let closed = || view.manifest.workloads.iter().filter(|workload| workload.kind == "closed");
    let mut kinds: Vec<[&str; 3]> = Vec::new();
    for kind in closed().map(kind) {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let loads = kinds.into_iter().filter_map(|wanted| {
        let workloads: Vec<_> = closed().filter(|workload| kind(workload) == wanted).collect();
        let numbers: BTreeSet<_> = workloads.iter().map(|workload| workload.clients).collect();
        (numbers.len() > 1).then(|| load(view, wanted, &workloads))
    });
    loads.filter(|load| load.lines.iter().any(|line| line.points.iter().any(|it| it.p50.is_some()))).collect()
}

fn kind(workload: &WorkloadRecord) -> [&str; 3] {
    [&workload.client_model, &workload.driver, &workload.call]
}

fn load<'a>(view: &View<'a>, [model, driver, call]: [&str; 3], workloads: &[&'a WorkloadRecord]) -> Load<'a> {
    let places =
        view.manifest.topologies.iter().flat_map(|it| view.manifest.servers.iter().map(move |server| (it, server)));
    let lines = places.map(|(topology, server)| {
        let cell = |workload: &&WorkloadRecord| view.cell(&topology.name, &server.name, &workload.name);
        let mut points: Vec<_> = workloads.iter().filter_map(cell).map(point).collect();
        points.sort_by_key(|point| point.clients);
        Line { look: look(view, &topology.name, &server.name), points }
    });
    Load {
        title: format!("Clients that are {model}, {driver} driver, RPyC's call: {call}"),
        lines: lines.filter(|line| !line.points.is_empty()).collect(),
    }
}

fn point(cell: &CellResult) -> Point<'_> {
    let interval = |metric: &str| cell.ci95.get(metric).copied().flatten();
    Point {
        clients: cell.clients,
        workload: &cell.workload,
        throughput: cell.throughput_per_s,
        throughput_ci95: interval("throughput_per_s"),
        p50: cell.p50,
        p50_ci95: interval("p50"),
        p99: cell.p99,
        p99_ci95: interval("p99"),
    }
}
