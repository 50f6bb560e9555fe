//! What the way to another host adds: a topology against its baseline.

use serde::Serialize;

use super::number::signed;
use super::view::{Difference, View};
use crate::results::schema::CellResult;
use crate::store::manifest::{Manifest, TopologyRecord, WorkloadRecord};

/// A workload over a topology and over its baseline.
#[derive(Serialize)]
pub(super) struct Network<'a> {
    workload: &'a WorkloadRecord,
    rows: Vec<NetworkRow<'a>>,
}

#[derive(Serialize)]
struct NetworkRow<'a> {
    of: &'a CellResult,
    against: &'a CellResult,
    mean: Option<Difference>,
    /// What the bare network would add: round trips of a call, each longer by the difference of the pings' medians.
    expected_ns: Option<f64>,
    /// How much longer the whole load takes, in words.
    duration: String,
    verdict: String,
}

/// One for each workload.
pub(super) fn against<'a>(view: &View<'a>, topology: &TopologyRecord, baseline: &str) -> Vec<Network<'a>> {
    let workloads = view.manifest.workloads.iter().map(|workload| {
        let rows = view.manifest.servers.iter().filter_map(|server| {
            let of = view.cell(&topology.name, &server.name, &workload.name)?;
            let against = view.cell(baseline, &server.name, &workload.name)?;
            let mean = view.topology(&topology.name, baseline, &server.name, &workload.name, "mean");
            let added = added_ping_ns(view.manifest, &topology.name, baseline);
            let expected_ns = added.zip(of.round_trips_per_call).map(|(added, trips)| added * trips);
            let duration = longer(view, of, baseline, true);
            Some(NetworkRow { of, against, mean, expected_ns, duration, verdict: verdict(mean, of, against) })
        });
        Network { workload, rows: rows.collect() }
    });
    workloads.collect()
}

/// Median of a topology's pings less that of its baseline's.
pub(super) fn added_ping_ns(manifest: &Manifest, topology: &str, baseline: &str) -> Option<f64> {
    let median = |name: &str| manifest.pings.iter().find(|ping| ping.topology == name)?.p50_ns;
    Some(median(topology)? - median(baseline)?)
}

/// Whether there is a difference, in words.
fn verdict(found: Option<Difference>, of: &CellResult, against: &CellResult) -> String {
    let words = match found {
        None => "no: nothing to compare",
        Some(Difference { distinguishable: true, .. }) => "yes",
        Some(Difference { difference_ci95: Some(_), .. }) => "no: cannot be told from zero",
        Some(_) => "no: cannot be told from zero, as fewer than two blocks can be compared",
    };
    if of.verdict == "invalid" || against.verdict == "invalid" {
        format!("{words}, and a cell is invalid")
    } else {
        words.to_owned()
    }
}

/// How much longer a cell takes than its counterpart over the baseline: the mean of a sample, or with `duration` the whole
/// load, which is the inverse of its throughput.
pub(super) fn longer(view: &View<'_>, cell: &CellResult, baseline: &str, duration: bool) -> String {
    let Some(counterpart) = view.cell(baseline, &cell.server, &cell.workload) else { return "–".to_owned() };
    let metric = if duration { "throughput_per_s" } else { "mean" };
    let found = view.topology(&cell.topology, baseline, &cell.server, &cell.workload, metric);
    let Some(Difference { ratio: Some(ratio), difference_ci95, distinguishable, .. }) = found else {
        return "–".to_owned();
    };
    let ratio = if duration { ratio.recip() } else { ratio };
    let percent = format!("{} %", signed((ratio - 1.0) * 100.0));
    let words = match (distinguishable, difference_ci95) {
        (true, _) => percent,
        (false, Some(_)) => format!("{percent}, cannot be told from zero"),
        (false, None) => format!("{percent}, cannot be told from zero: no interval"),
    };
    let invalid = cell.verdict == "invalid" || counterpart.verdict == "invalid";
    if invalid { format!("{words} (a cell is invalid)") } else { words }
}
