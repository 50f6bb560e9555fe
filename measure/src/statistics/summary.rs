//! The figures of one cell.

use super::cell::BlockSamples;
use super::quantile;

/// The figures of a cell over the samples of all its blocks, as if they were one list.
///
/// Latency figures are in nanoseconds and cover successful samples only, those of a warm-up left out; all are none
/// without one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Attempts, successful or not.
    pub count: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Attempts that succeeded and are in no figure of durations, as their block was still warming up.
    pub warmup_cut: u64,
    /// Share of attempts that succeeded, 0..=1; none without an attempt.
    pub success_rate: Option<f64>,
    /// Sum over blocks of last end minus first start.
    pub duration_s: f64,
    /// Attempts, the failed ones too, over `duration_s`; none when that is not positive.
    pub throughput_per_s: Option<f64>,
    /// Arithmetic mean.
    pub mean: Option<f64>,
    /// Sample standard deviation (n − 1) of single samples, within and between blocks together. It says
    /// how the samples scatter; how sure the mean is, says its interval. None under two samples.
    pub stddev: Option<f64>,
    /// Shortest sample.
    pub min: Option<i64>,
    /// Median.
    pub p50: Option<f64>,
    /// 90th percentile.
    pub p90: Option<f64>,
    /// 95th percentile.
    pub p95: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// 99.9th percentile.
    pub p999: Option<f64>,
    /// Longest sample.
    pub max: Option<i64>,
}

impl Summary {
    pub(super) fn of(blocks: &[BlockSamples]) -> Self {
        let totals: Totals = blocks.iter().map(BlockSamples::totals).sum();
        let parts: Vec<&[i64]> = blocks.iter().map(BlockSamples::durations_ns).collect();
        let quantile = |q| quantile::pooled(&parts, q);
        Self {
            count: totals.count(),
            failed: totals.failed,
            warmup_cut: totals.cut,
            success_rate: (totals.count() > 0).then(|| totals.ok() as f64 / totals.count() as f64),
            duration_s: totals.duration_s(),
            throughput_per_s: totals.throughput_per_s(),
            mean: totals.mean(),
            stddev: stddev(&parts, &totals),
            min: parts.iter().filter_map(|part| part.first()).copied().min(),
            p50: quantile(0.5),
            p90: quantile(0.9),
            p95: quantile(0.95),
            p99: quantile(0.99),
            p999: quantile(0.999),
            max: parts.iter().filter_map(|part| part.last()).copied().max(),
        }
    }
}

/// What adds up exactly over blocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// Succeeded, and in the figures.
    pub(super) kept: u64,
    /// Succeeded while the block was warming up.
    pub(super) cut: u64,
    pub(super) failed: u64,
    pub(super) sum_ns: i128,
    pub(super) span_ns: i128,
}

impl Totals {
    pub(super) fn count(&self) -> u64 {
        self.ok() + self.failed
    }

    fn ok(&self) -> u64 {
        self.kept + self.cut
    }

    fn duration_s(&self) -> f64 {
        self.span_ns as f64 / 1e9
    }

    pub(super) fn throughput_per_s(&self) -> Option<f64> {
        (self.span_ns > 0).then(|| self.count() as f64 / self.duration_s())
    }

    /// Whole part and remainder apart: the mean of equal values is that value, however many there are.
    pub(super) fn mean(&self) -> Option<f64> {
        let kept = i128::from(self.kept);
        let whole = self.sum_ns.checked_div_euclid(kept)?;
        Some(whole as f64 + self.sum_ns.rem_euclid(kept) as f64 / kept as f64)
    }
}

impl std::iter::Sum for Totals {
    fn sum<I: Iterator<Item = Self>>(parts: I) -> Self {
        parts.fold(Self::default(), |sum, part| Self {
            kept: sum.kept + part.kept,
            cut: sum.cut + part.cut,
            failed: sum.failed + part.failed,
            sum_ns: sum.sum_ns + part.sum_ns,
            span_ns: sum.span_ns + part.span_ns,
        })
    }
}

/// Two passes: integer deviations from the mean rounded to an integer, summed exactly, then corrected
/// for the rounding (Chan, Golub & LeVeque, "Algorithms for Computing the Sample Variance", The American
/// Statistician 37(3), 1983). So it does not depend on how the samples are split. The sum of squares
/// saturates at 2¹²⁸, beyond anything a duration in nanoseconds reaches.
fn stddev(parts: &[&[i64]], totals: &Totals) -> Option<f64> {
    let kept = i128::from(totals.kept);
    if kept < 2 {
        return None;
    }
    let centre = totals.sum_ns.div_euclid(kept) as i64;
    let squares = parts
        .iter()
        .flat_map(|part| part.iter())
        .map(|sample| u128::from(sample.abs_diff(centre)).pow(2))
        .fold(0_u128, u128::saturating_add);
    let remainder = totals.sum_ns.rem_euclid(kept) as f64;
    let correction = remainder * (remainder / kept as f64);
    let variance = (squares as f64 - correction) / (kept - 1) as f64;
    Some(variance.max(0.0).sqrt())
}
