//! A server against its twin, which is the same in all but its name: what a run takes for a difference where there is none.

use serde::Serialize;

use crate::results::Results;
use crate::results::schema::{CellResult, ComparisonResult};
use crate::store::manifest::Manifest;

/// Of throughput and of other percentiles `results.json` has them.
const METRICS: [&str; 3] = ["mean", "p50", "p99"];

/// A workload over one topology.
#[derive(Serialize)]
pub(super) struct Noise<'a> {
    topology: &'a str,
    workload: &'a str,
    twin: &'a str,
    server: &'a str,
    /// What is to be known of one of the two, or empty.
    doubt: String,
    metrics: Vec<&'a ComparisonResult>,
}

/// One for each workload over each topology; none where the plan has not asked for it.
pub(super) fn of<'a>(results: &'a Results) -> Vec<Noise<'a>> {
    let mut all: Vec<Noise<'a>> = Vec::new();
    for it in results.comparisons.iter().filter(|it| it.kind == "aa" && METRICS.contains(&it.metric.as_str())) {
        let topology = it.topology.as_deref().unwrap_or_default();
        match all.last_mut().filter(|last| (last.topology, last.workload) == (topology, it.workload.as_str())) {
            Some(last) => last.metrics.push(it),
            None => all.push(Noise {
                topology,
                workload: &it.workload,
                twin: &it.of,
                server: &it.against,
                doubt: doubt(results, it),
                metrics: vec![it],
            }),
        }
    }
    all
}

fn doubt(results: &Results, it: &ComparisonResult) -> String {
    let is_one = |cell: &&CellResult| {
        Some(&cell.topology) == it.topology.as_ref()
            && cell.workload == it.workload
            && [&it.of, &it.against].contains(&&cell.server)
    };
    let doubted = results.cells.iter().filter(is_one).filter(|cell| cell.verdict != "valid");
    let doubted: Vec<_> = doubted.map(|cell| format!("{} is {}", cell.server, cell.verdict)).collect();
    doubted.join(", ")
}

/// The run without twins, for all that sets servers against each other. Cells that are missing stay, whosever they are.
pub(super) fn without_twins(manifest: &Manifest, results: &Results) -> (Manifest, Results) {
    let (mut manifest, mut results) = (manifest.clone(), results.clone());
    let twins: Vec<_> = manifest.servers.extract_if(.., |server| server.twin_of.is_some()).collect();
    results.cells.retain(|cell| twins.iter().all(|twin| twin.name != cell.server));
    results.comparisons.retain(|it| it.kind != "aa");
    (manifest, results)
}
