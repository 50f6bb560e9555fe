//! Whether the figures of a cell can be believed, and if not, why.

mod conditions;
mod precision;
mod samples;

use rpycbench_measure::course::Course;
use rpycbench_measure::statistics::Cell;

use super::compute::Place;
use super::schema::CellResult;
use super::source::Source;
use crate::store::manifest::{CellRecord, CellStatus};

pub(super) use conditions::Span;

/// More failures than this, and the successful samples are no fair picture of the server.
const FAILED_SHARE_MAX: f64 = 0.01;
/// Fewer restarts than this, and an interval says next to nothing (Student's t with 1 degree of freedom is 12.7).
const COMPLETE_BLOCKS_MIN: usize = 3;
/// Around the 40 ms for which Linux delays an acknowledgement, plus what the call itself takes.
const DELAYED_ACK_NS: std::ops::RangeInclusive<f64> = 38e6..=50e6;

/// What a verdict is made from.
pub(super) struct Evidence<'a> {
    pub(super) source: &'a Source<'a>,
    pub(super) place: Place<'a>,
    pub(super) records: &'a [&'a CellRecord],
    /// Blocks in the plan.
    pub(super) blocks: u32,
    /// Blocks whose samples could not be read, and why.
    pub(super) unreadable: &'a [(u32, String)],
    pub(super) result: &'a CellResult,
    pub(super) cell: &'a Cell,
    /// What the samples of each block tell in the order of their starts; none of a block without any.
    pub(super) courses: &'a [Option<Course>],
    /// When the samples of each block were taken.
    pub(super) spans: &'a [Option<Span>],
}

/// The verdict, and a sentence for each reason and each cut.
pub(super) fn of(evidence: &Evidence<'_>) -> (&'static str, Vec<String>) {
    let mut reasons = invalidating(evidence);
    let invalid = !reasons.is_empty();
    reasons.extend(doubts(evidence));
    let verdict = match (invalid, reasons.is_empty()) {
        (true, _) => "invalid",
        (false, false) => "inconclusive",
        (false, true) => "valid",
    };
    // What was cut, or ran beside, is told and condemns nothing: the figures are those of the steady part.
    reasons.extend(samples::cuts(evidence.courses));
    reasons.extend(conditions::notes(evidence));
    (verdict, reasons)
}

fn invalidating(evidence: &Evidence<'_>) -> Vec<String> {
    let mut reasons = Vec::new();
    for block in 1..=evidence.blocks {
        reasons.extend(missing_from_block(evidence, block));
    }
    let (count, failed) = (evidence.result.count, evidence.result.failed);
    if count > 0 && failed == count {
        reasons.push(format!("All {count} samples failed."));
    } else if failed as f64 > FAILED_SHARE_MAX * count as f64 {
        let share = 100.0 * failed as f64 / count as f64;
        reasons.push(format!("{failed} of {count} samples failed ({share:.1} %), more than 1 %."));
    }
    reasons
}

fn missing_from_block(evidence: &Evidence<'_>, block: u32) -> Option<String> {
    let Some(record) = evidence.records.iter().find(|record| record.block == block) else {
        return Some(format!("Block {block} is not in the run."));
    };
    if let Some((_, error)) = evidence.unreadable.iter().find(|(number, _)| *number == block) {
        return Some(format!("The samples of block {block} are lost: {error}."));
    }
    let because = if record.reason.is_empty() { String::new() } else { format!(": {}", record.reason) };
    let count = evidence.cell.blocks().get(block as usize - 1).map_or(0, |samples| samples.count());
    let samples = format!("{count} of {} samples are here", record.expected);
    match record.status {
        CellStatus::Failed => Some(format!("Block {block} failed{because}; {samples}.")),
        CellStatus::Interrupted => Some(format!("Block {block} was interrupted{because}; {samples}.")),
        CellStatus::NotRun => Some(format!("Block {block} was not run{because}.")),
        CellStatus::Complete if count != record.expected => Some(format!("Block {block} is not whole: {samples}.")),
        CellStatus::Complete => None,
    }
}

fn doubts(evidence: &Evidence<'_>) -> Vec<String> {
    let mut reasons = Vec::new();
    let is_readable = |block: u32| evidence.unreadable.iter().all(|(number, _)| *number != block);
    let complete = evidence.records.iter().filter(|it| it.status == CellStatus::Complete && is_readable(it.block));
    let complete = complete.count();
    if complete < COMPLETE_BLOCKS_MIN {
        reasons.push(format!(
            "Only {complete} of {} blocks are complete; {COMPLETE_BLOCKS_MIN} are needed to judge how restarts differ.",
            evidence.blocks
        ));
    }
    if let Some(median) = evidence.result.p50.filter(|median| DELAYED_ACK_NS.contains(median)) {
        reasons.push(format!(
            "The median is {:.1} ms, near 44 ms: this is the kernel's delayed-ACK timer (Nagle), not the server.",
            median / 1e6
        ));
    }
    reasons.extend(samples::doubts(evidence.cell, evidence.courses));
    reasons.extend(conditions::doubts(evidence));
    reasons.extend(precision::doubt(evidence));
    reasons
}
