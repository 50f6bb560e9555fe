//! Samples that tests share, and how they compare what comes of them.

use proptest::prelude::*;
use rpycbench_measure::statistics::{BlockSamples, Cell, Interval};

pub(crate) fn blocks<const N: usize>(samples: &[[i64; N]]) -> Vec<BlockSamples> {
    samples.iter().map(|block| BlockSamples::new(block.to_vec(), 0, 100)).collect()
}

pub(crate) fn cell<const N: usize>(samples: &[[i64; N]]) -> Cell {
    Cell::new(blocks(samples))
}

pub(crate) fn sorted(mut samples: Vec<i64>) -> Vec<i64> {
    samples.sort_unstable();
    samples
}

/// A duration such as requests take: 1 ns to 18 minutes.
pub(crate) fn duration() -> impl Strategy<Value = i64> {
    (0_u32..40).prop_flat_map(|bits| 1_i64 << bits..2_i64 << bits)
}

/// Also what should not occur, and often the same.
pub(crate) fn any_ns() -> impl Strategy<Value = i64> {
    prop_oneof![4 => duration(), 4 => -3_i64..3, 1 => any::<i64>()]
}

pub(crate) fn parts(ns: impl Strategy<Value = i64>) -> impl Strategy<Value = Vec<Vec<i64>>> {
    prop::collection::vec(prop::collection::vec(ns, 0..30), 1..7)
}

pub(crate) fn quantiles() -> impl Strategy<Value = f64> {
    prop_oneof![0.0..=1.0, prop::sample::select(QUANTILES.to_vec())]
}

pub(crate) fn block() -> impl Strategy<Value = BlockSamples> {
    (prop::collection::vec(duration(), 0..30), 0_u64..4, 0_i64..1 << 40)
        .prop_map(|(durations, failed, span)| BlockSamples::new(durations, failed, span))
}

pub(crate) fn close(one: Option<f64>, other: Option<f64>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => (one - other).abs() <= 1e-9 * one.abs().max(other.abs()),
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// Ends may lie near 0 by cancellation: the tolerance is that of the longer one.
pub(crate) fn close_intervals(one: Option<Interval>, other: Option<Interval>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => {
            let scale = one.low.abs().max(one.high.abs());
            (one.low - other.low).abs() <= 1e-9 * scale && (one.high - other.high).abs() <= 1e-9 * scale
        }
        (one, other) => one.is_none() && other.is_none(),
    }
}

#[track_caller]
pub(crate) fn assert_interval(found: Option<Interval>, [low, high]: [f64; 2]) {
    assert!(close_intervals(found, Some(Interval { low, high })), "{found:?}, expected {low}, {high}");
}

pub(crate) const COFFEE: [[i64; 3]; 5] = [[10, 12, 14], [11, 15, 13], [9, 13, 12], [16, 14, 18], [10, 11, 12]];
pub(crate) const TEA: [[i64; 3]; 5] = [[20, 22, 24], [23, 25, 24], [18, 23, 22], [28, 24, 26], [21, 20, 22]];

/// `scipy.stats.t.ppf(0.975, dof)` for 1 to 5 degrees of freedom.
pub(crate) const T_975: [f64; 5] =
    [12.706204736174694, 4.302652729749462, 3.1824463052837078, 2.7764451051977934, 2.5705818356363146];

pub(crate) const QUANTILES: [f64; 10] = [0.0, 0.1, 1.0 / 3.0, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0];
