//! What it costs that a server stamps: blocks in which it did against those between them in which it did not.

use rpycbench_measure::statistics::{BlockSamples, Cell, Metric, compare};

use super::compute::Place;
use super::schema::ComparisonResult;
use crate::store::manifest::Manifest;

/// One comparison a metric; none where all blocks were stamped, or none, and none of a twin.
pub(super) fn cost(manifest: &Manifest, place: Place<'_>, cell: &Cell) -> Vec<ComparisonResult> {
    let records = || manifest.cells.iter().filter(|record| place.is_of(record));
    if place.server.twin_of.is_some()
        || records().all(|it| it.stamps.is_some())
        || records().all(|it| it.stamps.is_none())
    {
        return Vec::new();
    }
    let of = |stamped: bool| {
        let blocks = cell.blocks().iter().zip(1..).map(|(samples, number)| {
            let record = records().find(|it| it.block == number);
            let is_of = record.is_some_and(|it| it.stamps.is_some() == stamped);
            if is_of { samples.clone() } else { BlockSamples::default() }
        });
        Cell::new(blocks.collect())
    };
    let (stamped, unstamped) = (of(true), of(false));
    let compared = Metric::ALL.into_iter().filter_map(|metric| {
        let found = compare(&stamped, &unstamped, metric)?;
        Some(ComparisonResult {
            kind: "stamping".to_owned(),
            of: "stamped".to_owned(),
            against: "unstamped".to_owned(),
            server: Some(place.server.name.clone()),
            topology: Some(place.topology.name.clone()),
            workload: place.workload.name.clone(),
            metric: metric.name().to_owned(),
            difference: found.difference,
            difference_ci95: found.difference_ci95.map(Into::into),
            ratio: found.ratio,
            ratio_ci95: found.ratio_ci95.map(Into::into),
            distinguishable: found.distinguishable,
            smallest_difference: None,
            smallest_share: None,
        })
    });
    compared.collect()
}
