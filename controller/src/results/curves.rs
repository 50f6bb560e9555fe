//! What charts show of the samples themselves: how the durations of each cell are distributed, and how they went in the course
//! of each block.
//!
//! Of bounded size whatever the number of samples, and every sample counts: a quantile is one of the exact samples of all blocks
//! (type 7, and without warm-ups that were cut, as in `results.json`), the shortest and the longest of these are always there, and a
//! slice of time has the longest call that began in it, also during a warm-up. Figures are rounded to whole nanoseconds; nothing is computed from them.

use std::path::Path;

use rpycbench_measure::statistics::quantile;
use serde::Serialize;

use super::block::Block;
use super::compute::{Place, places};
use super::parallel::in_parallel;
use crate::store::manifest::{CellRecord, Manifest};
use crate::store::samples::{self, BlockColumns};

/// Steps of equal width in the quantile, for the body of a distribution.
const STEPS: u32 = 100;
/// Steps of each tenfold fewer samples beyond, for its tail.
const STEPS_PER_DECADE: u32 = 20;
/// No cell has more.
const MOST_SAMPLES: usize = 1_000_000_000_000;
/// Slices of a block's time: more are finer than a screen shows.
const MOST_SLICES: usize = 100;
/// Slices of a block where there are very many blocks.
const FEWEST_SLICES: usize = 4;
/// Slices of all blocks together, as far as each has [`FEWEST_SLICES`]: about 2 MB of a page.
const ALL_SLICES: usize = 60_000;
/// Calls of a slice, on average, below which its percentiles are those of single calls.
const CALLS_PER_SLICE: usize = 16;

/// The curves of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Curves {
    /// Ascending from 0; each cell has its durations at the first so many of them.
    pub quantiles: Vec<f64>,
    /// In the order of the plan's workloads, then topologies, then servers.
    pub cells: Vec<CellCurves>,
}

/// The curves of one cell, over all blocks that can be read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CellCurves {
    /// The topology's name.
    pub topology: String,
    /// The server's name.
    pub server: String,
    /// The workload's name.
    pub workload: String,
    /// Samples that did not fail and were not cut as warm-up.
    pub count: u64,
    /// Their durations at the quantiles that this many support: those with one sample or more at or beyond them. ns.
    pub durations: Vec<i64>,
    /// The longest, ns; none of no samples.
    pub max: Option<i64>,
    /// Blocks with samples.
    pub blocks: Vec<BlockCurve>,
}

/// How a block went, in slices of equal width. A call is in the slice that it began in.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BlockCurve {
    /// From 1.
    pub block: u32,
    /// Width of a slice, ns; the first begins with the block's first call.
    pub slice_ns: i64,
    /// How long after the first call the samples begin that are in the figures of durations; 0 where no warm-up was cut.
    pub steady_after_ns: i64,
    /// Calls that began in each slice and did not fail.
    pub count: Vec<u64>,
    /// Calls that failed.
    pub failed: Vec<u64>,
    /// Median duration, ns; none where no call succeeded.
    pub p50: Vec<Option<i64>>,
    /// 99th percentile.
    pub p99: Vec<Option<i64>>,
    /// Longest.
    pub max: Vec<Option<i64>>,
}

/// Reads the samples of a run. What cannot be read is left out: the verdict of its cell says so.
pub fn of(run_folder: &Path, manifest: &Manifest) -> Curves {
    let slices = (ALL_SLICES / manifest.cells.len().max(1)).clamp(FEWEST_SLICES, MOST_SLICES);
    let places: Vec<_> = manifest.workloads.iter().flat_map(|workload| places(manifest, workload)).collect();
    let mut quantiles = quantiles(MOST_SAMPLES);
    let cells = in_parallel(&places, |&place| {
        // One cell at a time: no more samples than its own are in memory.
        Distribution::read(run_folder, manifest, place, slices).curves(&quantiles)
    });
    quantiles.truncate(cells.iter().map(|cell| cell.durations.len()).max().unwrap_or(0));
    Curves { quantiles, cells }
}

/// Every quantile that so many samples support.
fn quantiles(count: usize) -> Vec<f64> {
    let tail = (0..).map(|step| 10_f64.powf(-f64::from(step) / f64::from(STEPS_PER_DECADE)));
    let tail = tail.take_while(|beyond| is_supported(count, *beyond));
    let body = (0..STEPS).map(|step| f64::from(STEPS - step) / f64::from(STEPS));
    let body = body.filter(|beyond| is_supported(count, *beyond));
    let mut beyond: Vec<f64> = tail.chain(body).collect();
    beyond.sort_by(|a, b| b.total_cmp(a));
    beyond.dedup_by(|a, b| (*a - *b).abs() < 1e-9 * *b);
    beyond.into_iter().map(|beyond| 1.0 - beyond).collect()
}

/// Whether so many samples have one that is at or beyond this share of them, counted from the longest.
fn is_supported(count: usize, beyond: f64) -> bool {
    // A little less than one is one: 0.001 has no exact double.
    count as f64 * beyond > 1.0 - 1e-6
}

/// A cell on its way from samples to curves.
struct Distribution<'a> {
    place: Place<'a>,
    /// Of each block, ascending.
    durations: Vec<Vec<i64>>,
    blocks: Vec<BlockCurve>,
}

impl<'a> Distribution<'a> {
    fn read(run_folder: &Path, manifest: &Manifest, place: Place<'a>, slices: usize) -> Self {
        let mut records: Vec<&CellRecord> =
            manifest.cells.iter().filter(|record| place.is_of(record) && record.stored > 0).collect();
        records.sort_by_key(|record| record.block);
        let mut cell = Self { place, durations: Vec::new(), blocks: Vec::new() };
        for record in records {
            let Ok(columns) = samples::read(&run_folder.join(&record.samples)) else { continue };
            let block = Block::of(&columns);
            cell.blocks.extend(block_curve(record.block, &columns, slices).map(|curve| BlockCurve {
                steady_after_ns: after_first(&columns, block.samples.warmup_cut(), block.steady_from_ns),
                ..curve
            }));
            cell.durations.push(block.samples.durations_ns().to_vec());
        }
        cell
    }

    fn count(&self) -> usize {
        self.durations.iter().map(Vec::len).sum()
    }

    fn curves(self, quantiles: &[f64]) -> CellCurves {
        let count = self.count();
        let parts: Vec<&[i64]> = self.durations.iter().map(Vec::as_slice).collect();
        let supported = quantiles.iter().take_while(|q| is_supported(count, 1.0 - **q));
        CellCurves {
            topology: self.place.topology.name.clone(),
            server: self.place.server.name.clone(),
            workload: self.place.workload.name.clone(),
            count: count as u64,
            durations: supported.filter_map(|q| quantile::pooled(&parts, *q)).map(whole).collect(),
            max: parts.iter().filter_map(|part| part.last()).copied().max(),
            blocks: self.blocks,
        }
    }
}

/// When a call began, and how long it took if it did not fail.
struct Call {
    start: i64,
    duration: Option<i64>,
}

fn calls(columns: &BlockColumns) -> impl Iterator<Item = Call> {
    let times = columns.start_ns.iter().zip(&columns.end_ns).zip(&columns.ok);
    times.map(|((start, end), ok)| Call { start: *start, duration: ok.then(|| end.saturating_sub(*start)) })
}

/// From the block's first call to the first sample that is in the figures.
fn after_first(columns: &BlockColumns, cut: u64, steady_from_ns: i64) -> i64 {
    let first = columns.start_ns.iter().min().filter(|_| cut > 0);
    first.map_or(0, |first| steady_from_ns.saturating_sub(*first))
}

/// None of a block without calls.
fn block_curve(block: u32, columns: &BlockColumns, most_slices: usize) -> Option<BlockCurve> {
    let (first, last) = (*columns.start_ns.iter().min()?, *columns.start_ns.iter().max()?);
    let wanted = columns.ok.len().div_ceil(CALLS_PER_SLICE).clamp(1, most_slices) as u64;
    // Wide enough that the last call to begin is in the last slice.
    let width = (last.abs_diff(first) / wanted).saturating_add(1);
    let slice_ns = i64::try_from(width).ok()?;
    let slices = (last.abs_diff(first) / width + 1) as usize;
    let mut durations = vec![Vec::new(); slices];
    let mut failed = vec![0; slices];
    for call in calls(columns) {
        let slice = (call.start.abs_diff(first) / width) as usize;
        match call.duration {
            Some(duration) => durations.get_mut(slice)?.push(duration),
            None => *failed.get_mut(slice)? += 1,
        }
    }
    let mut curve = BlockCurve { block, slice_ns, failed, ..BlockCurve::default() };
    for mut slice in durations {
        slice.sort_unstable();
        curve.count.push(slice.len() as u64);
        curve.p50.push(quantile::linear(&slice, 0.5).map(whole));
        curve.p99.push(quantile::linear(&slice, 0.99).map(whole));
        curve.max.push(slice.last().copied());
    }
    Some(curve)
}

fn whole(ns: f64) -> i64 {
    ns.round() as i64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn columns(calls: &[(i64, i64, bool)]) -> BlockColumns {
        let mut columns = BlockColumns::default();
        for (start, duration, ok) in calls {
            columns.start_ns.push(*start);
            columns.end_ns.push(start.saturating_add(*duration));
            columns.ok.push(*ok);
        }
        columns
    }

    #[test]
    fn quantiles_go_as_far_as_there_is_a_sample_beyond_and_no_farther() {
        assert!(quantiles(0).is_empty());
        assert_eq!(quantiles(1), [0.0]);
        for (count, farthest) in [(10, 0.9), (100, 0.99), (1_000, 0.999), (1_000_000, 0.999_999)] {
            let last = quantiles(count).last().copied().unwrap();
            assert!((last - farthest).abs() < 1e-9 * (1.0 - farthest) + 1e-12, "{count}: {last}");
        }
        let million = quantiles(1_000_000);
        assert!(million.is_sorted() && million.len() < 250, "{}", million.len());
        for named in [0.5, 0.9, 0.95, 0.99, 0.999, 0.9999] {
            assert!(million.iter().any(|q| (q - named).abs() < 1e-9), "{named} has no place of its own");
        }
    }

    #[test]
    fn the_last_call_to_begin_is_in_the_last_slice_whatever_the_times_are() {
        let far = columns(&[(i64::MIN, 1, true), (i64::MAX, 0, true)]);
        assert_eq!(block_curve(1, &far, 1), None, "a slice of more than 2⁶³ ns has no width to tell");
        let curve = block_curve(1, &columns(&[(7, 5, true), (7, 3, false)]), 100).unwrap();
        assert_eq!((curve.slice_ns, &curve.count[..], &curve.failed[..]), (1, &[1][..], &[1][..]));
        assert_eq!((curve.p50[0], curve.max[0]), (Some(5), Some(5)));
        assert_eq!(block_curve(1, &BlockColumns::default(), 100), None);
    }

    proptest! {
        #[test]
        fn every_call_is_in_one_slice_and_the_longest_is_seen(
            calls in prop::collection::vec((-1_000_000_i64..1_000_000_000, 0_i64..1_000_000, any::<bool>()), 1..400),
            most in 1_usize..120,
        ) {
            let curve = block_curve(1, &columns(&calls), most).unwrap();
            let succeeded = calls.iter().filter(|call| call.2);
            prop_assert_eq!(curve.count.iter().sum::<u64>(), succeeded.clone().count() as u64);
            prop_assert_eq!(curve.failed.iter().sum::<u64>(), calls.iter().filter(|call| !call.2).count() as u64);
            prop_assert_eq!(curve.max.iter().flatten().max(), succeeded.map(|call| &call.1).max());
            prop_assert!(curve.count.len() <= most);
            let lengths = [curve.failed.len(), curve.p50.len(), curve.p99.len(), curve.max.len()];
            prop_assert_eq!(lengths, [curve.count.len(); 4]);
        }
    }
}
