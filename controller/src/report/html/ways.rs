//! Where the time of a call or of a connection goes, as bars.

use serde::Serialize;

use super::super::view::View;
use super::super::ways::PARTS;
use super::figures::{Look, about, look};
use crate::results::schema::{CellResult, PartResult};
use crate::store::manifest::WorkloadRecord;

const OF_CONNECTION: [(&str, &str); 2] = [("tcp", "TCP"), ("handshake", "protocol's handshake")];
const REST: &str = "the rest";

/// A workload, a bar for each cell.
#[derive(Serialize)]
pub(super) struct Bars<'a> {
    workload: &'a str,
    about: String,
    /// Their names, in the order they are stacked.
    parts: Vec<&'static str>,
    bars: Vec<Bar>,
    /// Whether any part is less than it may be off.
    unresolved: bool,
}

#[derive(Serialize)]
struct Bar {
    look: Look,
    /// Calls that could be taken apart.
    count: u64,
    /// Calls that could not.
    unpaired: u64,
    /// One for each name; none where the cell has no such part.
    parts: Vec<Option<Share>>,
}

#[derive(Serialize)]
struct Share {
    /// ns.
    mean: f64,
    /// That the median is within; none where it is a single value.
    range: Option<[f64; 2]>,
    /// Whether it is larger than it may be off.
    resolved: bool,
}

/// One for each workload that has parts.
pub(super) fn of<'a>(view: &View<'a>) -> Vec<Bars<'a>> {
    view.manifest.workloads.iter().filter_map(|workload| bars(view, workload)).collect()
}

fn bars<'a>(view: &View<'a>, workload: &'a WorkloadRecord) -> Option<Bars<'a>> {
    let connects = workload.kind == "connect";
    let parts: &[(&str, &str)] = if connects { &OF_CONNECTION } else { &PARTS };
    let cells = view.section(workload).cells;
    let bars: Vec<_> = cells.iter().filter_map(|cell| bar(view, cell, parts)).collect();
    let unresolved = bars.iter().flat_map(|bar| bar.parts.iter().flatten()).any(|share| !share.resolved);
    let names = parts.iter().map(|(_, name)| *name).chain(connects.then_some(REST));
    let names = names.collect();
    (!bars.is_empty()).then(|| Bars {
        workload: &workload.name,
        about: about(workload),
        parts: names,
        bars,
        unresolved,
    })
}

fn bar(view: &View<'_>, cell: &CellResult, parts: &[(&str, &str)]) -> Option<Bar> {
    let found: Vec<_> = parts.iter().map(|(part, _)| cell.parts.get(*part)).collect();
    let count = found.iter().flatten().map(|part| part.count).max()?;
    let mut shares: Vec<_> = found.iter().map(|part| part.and_then(share)).collect();
    if cell.metric == "connect" {
        shares.push(rest(cell, &found));
    }
    Some(Bar {
        look: look(view, &cell.topology, &cell.server),
        count,
        // What the driver sees of a connection needs no stamps.
        unpaired: if cell.metric == "connect" {
            0
        } else {
            cell.unpaired.values().copied().fold(0, u64::saturating_add)
        },
        parts: shares,
    })
}

/// What the parts of a connection leave of it: making the socket, and the client's own work.
fn rest(cell: &CellResult, parts: &[Option<&PartResult>]) -> Option<Share> {
    let good = cell.count.saturating_sub(cell.failed).saturating_sub(cell.warmup_cut);
    // A mean of some samples cannot be taken from that of all.
    if parts.iter().flatten().any(|part| part.count != good) {
        return None;
    }
    let known: f64 = parts.iter().flatten().filter_map(|part| part.mean).sum();
    Some(Share { mean: cell.mean? - known, range: None, resolved: true })
}

fn share(part: &PartResult) -> Option<Share> {
    let range = part.range.as_ref();
    Some(Share {
        mean: part.mean?,
        range: range.and_then(|it| it.p50).filter(|[low, high]| low < high),
        resolved: range.and_then(|it| it.p50_resolved) != Some(false),
    })
}
