//! One figure of a cell with all that its interval and its comparisons are made of.

use super::cell::BlockSamples;
use super::interval::{Confidence, Interval, Reach};
use super::jackknife::Replicates;
use super::metric::{Definition, Metric};
use super::percentile::{NoInterval, Shares};
use super::summary::Totals;

/// A figure over all blocks, and how each block pulls at it.
#[derive(Debug, Clone)]
pub(super) enum Figure {
    Average(Replicates),
    Percentile(Shares),
}

impl Figure {
    pub(super) fn of(metric: Metric, blocks: &[BlockSamples]) -> Option<Self> {
        match metric.definition() {
            Definition::Quantile(quantile) => Shares::of(quantile, blocks).map(Self::Percentile),
            Definition::Mean => average(blocks, Totals::mean, |block| !block.durations_ns().is_empty()),
            Definition::Throughput => average(blocks, Totals::throughput_per_s, |block| block.count() > 0),
        }
    }

    pub(super) fn estimate(&self) -> f64 {
        match self {
            Self::Average(replicates) => replicates.estimate,
            Self::Percentile(shares) => shares.estimate,
        }
    }

    /// The pull of each block, none for one that has no say. Only how they relate to each other is told: the unit
    /// differs between figures.
    pub(super) fn deviations(&self) -> &[Option<f64>] {
        match self {
            Self::Average(replicates) => &replicates.deviations,
            Self::Percentile(shares) => &shares.deviations,
        }
    }

    /// None under two blocks that have a say.
    pub(super) fn degrees_of_freedom(&self) -> Option<f64> {
        let blocks = self.deviations().iter().flatten().count();
        (blocks >= 2).then(|| (blocks - 1) as f64)
    }

    /// Of that many degrees of freedom.
    pub(super) fn reach(&self, confidence: Confidence) -> Option<Reach> {
        confidence.reach(self.degrees_of_freedom()?)
    }

    /// The ends at `reach` standard errors, or what comes nearest to that in a skewed tail. `blocks` are those the figure
    /// was made of.
    pub(super) fn limits(&self, blocks: &[BlockSamples], reach: Reach) -> Result<Interval, NoInterval> {
        match self {
            Self::Average(replicates) => replicates.limits(reach.t),
            Self::Percentile(shares) => match shares.lacking() {
                Some(lacking) => return Err(lacking),
                None => shares.limits(blocks, reach),
            },
        }
        .ok_or(NoInterval::Unbounded)
    }
}

/// The figure over all blocks, and without each that `concerns` it.
fn average(
    blocks: &[BlockSamples],
    figure: impl Fn(&Totals) -> Option<f64>,
    concerns: impl Fn(&BlockSamples) -> bool,
) -> Option<Figure> {
    let over = |without: Option<usize>| {
        let kept = blocks.iter().enumerate().filter(|(number, _)| Some(*number) != without);
        figure(&kept.map(|(_, block)| block.totals()).sum())
    };
    let without = |(number, block): (usize, &BlockSamples)| {
        if concerns(block) { over(Some(number)).map(Some) } else { Some(None) }
    };
    let without = blocks.iter().enumerate().map(without).collect::<Option<Vec<_>>>();
    Some(Figure::Average(Replicates::new(over(None)?, without.unwrap_or_default())))
}
