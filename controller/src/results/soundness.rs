//! What no run has written: a `run.json` that was edited by hand, or made by somebody else, may say anything.

use std::path::{Component, Path};

use crate::plan::MAX_BLOCKS;
use crate::store::manifest::{CellRecord, Manifest};

/// What is wrong with it, if anything is.
pub(super) fn trouble(manifest: &Manifest) -> Option<String> {
    let lists = [("cells", &manifest.cells), ("attempts", &manifest.attempts)];
    lists.into_iter().find_map(|(list, records)| {
        let mut records = records.iter().enumerate();
        records.find_map(|(place, record)| Some(format!("{list}[{place}].{}", trouble_of(record)?)))
    })
}

fn trouble_of(record: &CellRecord) -> Option<String> {
    // Statistics go through all blocks up to the last.
    if !(1..=MAX_BLOCKS).contains(&record.block.into()) {
        return Some(format!("block is {}, and a plan has 1 to {MAX_BLOCKS}", record.block));
    }
    let within = Path::new(&record.samples).components().all(|part| matches!(part, Component::Normal(_)));
    (!within).then(|| format!("samples is {:?}, which is no path within the run folder", record.samples))
}
