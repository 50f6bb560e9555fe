//! Intervals of percentiles from the blocks of a cell.
//!
//! An interval of a quantile follows from one of a share (Woodruff, "Confidence Intervals for Medians and Other Position
//! Measures", Journal of the American Statistical Association 47, 1952): if the share of samples below the true quantile
//! q is between `low` and `high`, then the true quantile is between the samples at these shares. How far the share may
//! be off is taken from how it differs between blocks, so that whatever makes samples of one block alike, a common
//! start or that each follows another, is in it:
//!
//! 1. s_b is the share of block b's samples below the estimate, n_b of N samples; their weighted scatter gives the
//!    variance of the share, V = B / (B − 1) · Σ (n_b / N)² (s_b − s̄)².
//! 2. The effective number of samples is the one with which independent samples would have that variance, less what
//!    B − 1 degrees of freedom cost: n* = q (1 − q) / V · (1.96 / t)², with t of Student's distribution. Blocks that
//!    agree exactly (V = 0) are taken as independent samples: n* = N.
//! 3. `low` and `high` are Clopper & Pearson's limits for n* samples of which n* q are below.
//! 4. The ends are the samples at these shares, interpolated between the two nearest (Beran & Hall, "Interpolated
//!    Nonparametric Prediction Intervals and Confidence Intervals", Journal of the Royal Statistical Society B 55(3),
//!    1993). Where a share lies before the first sample or after the last, there is no interval.
//!
//! **Source** of steps 2 and 3: Korn & Graubard, "Confidence Intervals for Proportions with Small Expected Number of
//! Positive Counts Estimated from Survey Data", Survey Methodology 24(2), 1998, blocks for clusters; here n* may exceed
//! N, as the square of Student's t already pays for a V that is small by chance. Skewed tails stay skewed: the upper end
//! of p99 is farther away than the lower one.
//!
//! **Where there is none.** An interval that does not hold is not given: see [`NoInterval`]. How often those that are
//! given hold the truth: see [`statistics`](super).

use super::cell::BlockSamples;
use super::interval::{Confidence, Interval, Reach, beta_quantile};
use super::metric::Quantile;
use super::quantile;

/// Fewer samples than this beyond a percentile in all blocks together, after what few blocks cost (n* of blocks that are
/// no more different than their samples: N (1.96 / t)²), and one sample more or less is all of its interval.
const BEYOND_MIN: f64 = 10.0;
/// The same for effective samples ([`dependence`](crate::course::dependence)). Under two, the blocks' scatter is that of
/// one burst being in a block or not.
const EFFECTIVE_BEYOND_MIN: f64 = 2.0;
/// Fewer than this expected on a side, and the approximation of the limits is not good.
const EXPECTED_MIN: f64 = 0.75;
/// Standard deviation of the blocks' medians over that of samples within a block. Above one half, the tail beyond the
/// median is made by the slowest starts, and a few starts have not seen those that a hundred would.
const START_SPREAD_MAX: f64 = 0.5;
/// Fewer blocks than this may look alike by chance, however much starts differ: three of a kind are no rare draw.
const TAIL_BLOCKS_MIN: usize = 4;
/// Quartiles of the normal distribution are so many standard deviations apart.
const QUARTILES_APART: f64 = 1.349;

/// Why a figure has no interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum NoInterval {
    /// Nothing was measured.
    NoSamples,
    /// Under two blocks have something to say about it: what a restart changes is not known.
    OneBlock,
    /// Under four blocks have something to say about a percentile beyond p50: how much starts differ, which decides
    /// about the tail, is not known.
    FewBlocks,
    /// Fewer than 10 samples lie beyond the percentile, of those that count: of 5 blocks every second, of 3 every fifth.
    FewBeyond,
    /// As many samples as are wanted lie beyond the percentile, but they depend on each other so much that fewer than 2
    /// are effective.
    FewEffectiveBeyond {
        /// In all blocks together.
        effective_size: f64,
    },
    /// The blocks' medians scatter more than half as much as samples within a block do: what lies beyond p50 depends on
    /// starts that a few blocks have not seen.
    StartsDiffer {
        /// Standard deviation of the medians over that of samples.
        spread: f64,
    },
    /// An end lies beyond the samples that there are.
    Unbounded,
}

/// How the blocks see the estimate of a quantile.
#[derive(Debug, Clone)]
pub(super) struct Shares {
    pub(super) estimate: f64,
    quantile: Quantile,
    /// (n_b / N) (s_b − s̄), one place a block, none for one without a sample.
    pub(super) deviations: Vec<Option<f64>>,
    count: usize,
    lacking: Option<NoInterval>,
}

impl Shares {
    pub(super) fn of(quantile: Quantile, blocks: &[BlockSamples]) -> Option<Self> {
        let parts: Vec<&[i64]> = blocks.iter().map(BlockSamples::durations_ns).collect();
        let estimate = quantile::pooled(&parts, quantile.share())?;
        let count: usize = parts.iter().map(|part| part.len()).sum();
        let below = |part: &[i64]| {
            let under = part.partition_point(|&sample| (sample as f64) < estimate);
            let upto = part.partition_point(|&sample| sample as f64 <= estimate);
            (under + upto) as f64 / 2.0
        };
        let share = parts.iter().map(|part| below(part)).sum::<f64>() / count as f64;
        let deviation =
            |part: &&[i64]| (!part.is_empty()).then(|| (below(part) - share * part.len() as f64) / count as f64);
        let deviations = parts.iter().map(deviation).collect();
        let lacking = lacking(quantile, blocks, count);
        Some(Self { estimate, quantile, deviations, count, lacking })
    }

    pub(super) fn lacking(&self) -> Option<NoInterval> {
        self.lacking
    }

    /// The ends for that reach, among the samples of `blocks`.
    pub(super) fn limits(&self, blocks: &[BlockSamples], reach: Reach) -> Option<Interval> {
        let effective = self.effective(reach);
        let below = effective * self.quantile.share();
        let beyond = effective * self.quantile.beyond();
        if below < EXPECTED_MIN || beyond < EXPECTED_MIN {
            return None;
        }
        let parts: Vec<&[i64]> = blocks.iter().map(BlockSamples::durations_ns).collect();
        // Places count from 0, and a share of n samples ends half a sample before the n-th.
        let place = |share: f64| share * self.count as f64 - 0.5;
        let estimate = self.quantile.share() * (self.count as f64 - 1.0);
        let low = place(beta_quantile(below, beyond + 1.0, -reach.normal)).min(estimate);
        let high = place(beta_quantile(below + 1.0, beyond, reach.normal)).max(estimate);
        let (low, high) = (quantile::pooled_between(&parts, low)?, quantile::pooled_between(&parts, high)?);
        Some(Interval { low, high })
    }

    fn effective(&self, reach: Reach) -> f64 {
        let blocks = self.deviations.iter().flatten().count() as f64;
        let squares: f64 = self.deviations.iter().flatten().map(|deviation| deviation.powi(2)).sum();
        let variance = blocks / (blocks - 1.0) * squares;
        // Below this it is what rounding leaves of blocks that agree: one sample more in one block is 1 / N.
        let one_sample = (self.count as f64).recip();
        if variance < (one_sample / 4.0).powi(2) {
            return self.count as f64;
        }
        self.quantile.share() * self.quantile.beyond() / variance * reach.left()
    }
}

fn lacking(quantile: Quantile, blocks: &[BlockSamples], count: usize) -> Option<NoInterval> {
    let with_samples = blocks.iter().filter(|block| !block.durations_ns().is_empty()).count();
    let reach = Confidence::P95.reach(with_samples.checked_sub(1)? as f64)?;
    let is_tail = quantile.beyond() < 0.5;
    if is_tail && with_samples < TAIL_BLOCKS_MIN {
        return Some(NoInterval::FewBlocks);
    }
    let counting = quantile.beyond() * reach.left();
    if counting * (count as f64) < BEYOND_MIN {
        return Some(NoInterval::FewBeyond);
    }
    let effective_size: f64 = blocks.iter().map(BlockSamples::effective_size).sum();
    if counting * effective_size < EFFECTIVE_BEYOND_MIN {
        return Some(NoInterval::FewEffectiveBeyond { effective_size });
    }
    let spread = start_spread(blocks);
    (is_tail && spread > START_SPREAD_MAX).then_some(NoInterval::StartsDiffer { spread })
}

/// Standard deviation of the medians of blocks over the mean one of their samples, as quartiles tell it.
fn start_spread(blocks: &[BlockSamples]) -> f64 {
    let at =
        |q: f64| -> Vec<f64> { blocks.iter().filter_map(|block| quantile::linear(block.durations_ns(), q)).collect() };
    let (lower, medians, upper) = (at(0.25), at(0.5), at(0.75));
    let count = medians.len() as f64;
    let mean = medians.iter().sum::<f64>() / count;
    let between = (medians.iter().map(|median| (median - mean).powi(2)).sum::<f64>() / (count - 1.0)).sqrt();
    let within = upper.iter().zip(&lower).map(|(upper, lower)| upper - lower).sum::<f64>() / count / QUARTILES_APART;
    // Of blocks that agree, none is the slow one, however little samples scatter.
    if between > 0.0 { between / within } else { 0.0 }
}
