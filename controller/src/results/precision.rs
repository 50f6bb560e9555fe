//! Whether the cells of a run are known as precisely as was asked for.

use std::path::Path;

use rpycbench_measure::statistics::{Cell, Precision};

use super::block::Block;
use super::compute::{Place, places};
use super::parallel::in_parallel;
use crate::store::manifest::Manifest;
use crate::store::samples;

/// The cells that more blocks may make more precise, as `topology/server/workload`, from the samples on this disk. One of which no
/// sample has ever succeeded is not waited for.
pub(crate) fn imprecise(run_folder: &Path, manifest: &Manifest, wanted: Precision) -> Vec<String> {
    let mut names = Vec::new();
    // One workload at a time, as for the results: its samples are in memory.
    for workload in &manifest.workloads {
        let places = places(manifest, workload);
        let fall_short = in_parallel(&places, |&place| falls_short(run_folder, manifest, place, wanted));
        let short = places.iter().zip(fall_short).filter(|(_, short)| *short);
        names.extend(short.map(|(it, _)| format!("{}/{}/{}", it.topology.name, it.server.name, workload.name)));
    }
    names
}

fn falls_short(run_folder: &Path, manifest: &Manifest, place: Place<'_>, wanted: Precision) -> bool {
    let records = manifest.cells.iter().filter(|record| place.is_of(record) && record.stored > 0);
    let blocks = records.filter_map(|record| {
        // What cannot be read is as good as not there: the results say so.
        let columns = samples::read(&run_folder.join(&record.samples)).ok()?;
        Some(Block::of(&columns).samples)
    });
    let blocks: Vec<_> = blocks.collect();
    blocks.iter().any(|block| !block.durations_ns().is_empty()) && !wanted.is_met(&Cell::new(blocks))
}
