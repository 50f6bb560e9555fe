//! Where the time of a call, or of a connection, goes, as a reader sees it.

use serde::Serialize;

use super::number::signed;
use super::number::significant;
use super::view::{Difference, Section, View};
use crate::results::schema::{CellResult, PartResult, RangeResult};
use crate::store::manifest::WorkloadRecord;

/// The parts of a call, in their order, and what the graph calls them.
pub(super) const PARTS: [(&str, &str); 4] =
    [("out", "out"), ("server", "server"), ("between", "between requests"), ("back", "back")];

/// The parts of a connection that its driver sees.
const OF_CONNECTION: [&str; 2] = ["tcp", "handshake"];

/// A workload over one topology.
#[derive(Serialize)]
pub(super) struct Ways<'a> {
    workload: &'a WorkloadRecord,
    /// Whether a sample is a connection.
    connects: bool,
    rows: Vec<WaysRow<'a>>,
    /// What stamping costs, a sentence for each server of which blocks without it are known.
    stamping: Vec<String>,
}

#[derive(Serialize)]
struct WaysRow<'a> {
    cell: &'a CellResult,
    /// Calls that could be taken apart.
    calls: u64,
    /// By part: the median and the 99th percentile.
    medians: Vec<String>,
    p99s: Vec<String>,
    /// Of a connection, likewise, what its driver sees.
    seen_medians: Vec<String>,
    seen_p99s: Vec<String>,
    /// Calls that could not be, and why.
    unpaired: String,
}

/// What is known of a workload over one topology; none where no server has stamped.
pub(super) fn of<'a>(view: &View<'a>, section: &Section<'a>) -> Option<Ways<'a>> {
    let rows: Vec<_> = section.cells.iter().filter_map(|&cell| row(cell)).collect();
    let stamping = section.cells.iter().filter_map(|&cell| Some(cost(cell, view.stamping(cell)?))).collect();
    let connects = section.workload.kind == "connect";
    (!rows.is_empty()).then_some(Ways { workload: section.workload, connects, rows, stamping })
}

/// What stamping adds to the mean of a cell's calls.
fn cost(cell: &CellResult, found: Difference) -> String {
    let ms = signed(found.difference / 1e6);
    let percent = found.ratio.map_or_else(String::new, |ratio| format!(" ({} %)", signed((ratio - 1.0) * 100.0)));
    let sure = match (found.distinguishable, found.difference_ci95) {
        (_, None) => "; how sure that is cannot be told".to_owned(),
        (apart, Some([low, high])) => {
            let interval = format!("95 % interval {} to {} ms", signed(low / 1e6), signed(high / 1e6));
            format!(", {interval}{}", if apart { "" } else { ": it cannot be told from nothing" })
        }
    };
    let what = if cell.metric == "connect" { "connection to" } else { "call of" };
    format!("Stamping takes a {what} {} {ms} ms{percent}{sure}.", cell.server)
}

fn row(cell: &CellResult) -> Option<WaysRow<'_>> {
    let server = cell.parts.get("server");
    if server.is_none() && cell.unpaired.is_empty() {
        return None;
    }
    let shown = |parts: &[&str], show: fn(&PartResult) -> String| {
        parts.iter().map(|name| cell.parts.get(*name).map_or_else(|| "–".to_owned(), show)).collect()
    };
    let parts = PARTS.map(|(name, _)| name);
    let median = |part: &PartResult| figure(part.p50, part.range.as_ref(), |it| (it.p50, it.p50_resolved));
    let p99 = |part: &PartResult| figure(part.p99, part.range.as_ref(), |it| (it.p99, it.p99_resolved));
    let seen = if cell.metric == "connect" { &OF_CONNECTION[..] } else { &[] };
    let unpaired: Vec<_> = cell.unpaired.iter().map(|(why, count)| format!("{count}: {why}")).collect();
    Some(WaysRow {
        cell,
        calls: server.map_or(0, |part| part.count),
        medians: shown(&parts, median),
        p99s: shown(&parts, p99),
        seen_medians: shown(seen, median),
        seen_p99s: shown(seen, p99),
        unpaired: unpaired.join("; "),
    })
}

/// The range of a figure, and whether the figure is larger than it may be off.
type Told = (Option<[f64; 2]>, Option<bool>);

/// A figure in ms, with the range that it is in where that is no single value.
fn figure(middle: Option<f64>, range: Option<&RangeResult>, of: fn(&RangeResult) -> Told) -> String {
    let Some(middle) = middle else { return "–".to_owned() };
    let ms = |ns: f64| significant(ns / 1e6);
    match range.map(of) {
        Some((Some([low, high]), resolved)) if low < high => {
            let range = format!("{} to {}", ms(low), ms(high));
            if resolved == Some(true) { format!("{} ({range})", ms(middle)) } else { format!("not resolved ({range})") }
        }
        _ => ms(middle),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(low: f64, middle: f64, high: f64, resolved: bool) -> String {
        let range = RangeResult { p50: Some([low, high]), p50_resolved: Some(resolved), ..RangeResult::default() };
        figure(Some(middle), Some(&range), |it| (it.p50, it.p50_resolved))
    }

    #[test]
    fn a_figure_whose_bound_is_wider_than_itself_is_not_told() {
        assert_eq!(shown(100_000.0, 150_000.0, 200_000.0, true), "0.150 (0.100 to 0.200)");
        assert_eq!(shown(0.0, 150_000.0, 300_000.0, false), "not resolved (0 to 0.300)");
        assert_eq!(shown(150_000.0, 150_000.0, 150_000.0, true), "0.150");
        assert_eq!(figure(Some(150_000.0), None, |it| (it.p50, it.p50_resolved)), "0.150");
    }
}
