//! What intervals of samples say about a quantile of them.

use crate::statistics::quantile;

/// Where a quantile lies, in the unit of the samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantileRange {
    /// No less than this.
    pub low: f64,
    /// No more than this.
    pub high: f64,
}

/// Where the quantile `q` of samples lies, each of which is known to be in `[low, high]`: from the quantile of the
/// low ends to that of the high ends. None of no samples, or if `q` is not in 0..=1.
///
/// No sample gets smaller when each is replaced by its high end; so no order statistic does, nor any quantile
/// between two. That needs nothing to be known about how samples are distributed, or how their errors depend on each
/// other. Quantiles are those of [`quantile::linear`], which rounds what lies between two samples to a floating-point
/// number.
pub fn quantile_range(samples: impl IntoIterator<Item = [i64; 2]>, q: f64) -> Option<QuantileRange> {
    let (mut lows, mut highs): (Vec<i64>, Vec<i64>) = samples.into_iter().map(|[low, high]| (low, high)).unzip();
    lows.sort_unstable();
    highs.sort_unstable();
    Some(QuantileRange { low: quantile::linear(&lows, q)?, high: quantile::linear(&highs, q)? })
}
