//! The samples of a cell, and what is computed from them once.

use std::fmt;

use super::jackknife::{Interval, Replicates};
use super::quantile;
use super::summary::{Summary, Totals};

/// What one block delivered. The default is a block that delivered nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlockSamples {
    durations_ns: Vec<i64>,
    totals: Totals,
}

impl BlockSamples {
    /// From the durations of successful samples in any order, the number of failed attempts, and the
    /// time from the first start to the last end over all attempts.
    pub fn new(mut durations_ns: Vec<i64>, failed: u64, span_ns: i64) -> Self {
        durations_ns.sort_unstable();
        let totals = Totals {
            ok: durations_ns.len() as u64,
            failed,
            sum_ns: durations_ns.iter().map(|&duration| i128::from(duration)).sum(),
            span_ns: i128::from(span_ns),
        };
        Self { durations_ns, totals }
    }

    /// Durations of the successful samples, ascending.
    pub fn durations_ns(&self) -> &[i64] {
        &self.durations_ns
    }

    /// Attempts, successful or not.
    pub fn count(&self) -> u64 {
        self.totals.count()
    }

    /// Attempts that failed.
    pub fn failed(&self) -> u64 {
        self.totals.failed
    }

    pub(super) fn totals(&self) -> Totals {
        self.totals
    }
}

/// A figure that has an interval and can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// Arithmetic mean of the durations, ns.
    Mean,
    /// Median, ns.
    P50,
    /// 90th percentile, ns.
    P90,
    /// 95th percentile, ns.
    P95,
    /// 99th percentile, ns.
    P99,
    /// 99.9th percentile, ns.
    P999,
    /// Attempts a second.
    ThroughputPerS,
}

impl Metric {
    /// Every metric, in the order of results.json.
    pub const ALL: [Self; 7] =
        [Self::Mean, Self::P50, Self::P90, Self::P95, Self::P99, Self::P999, Self::ThroughputPerS];

    /// The name in results.json.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::P999 => "p999",
            Self::ThroughputPerS => "throughput_per_s",
        }
    }

    fn definition(self) -> Definition {
        match self {
            Self::Mean => Definition::Mean,
            Self::P50 => Definition::Quantile(0.5),
            Self::P90 => Definition::Quantile(0.9),
            Self::P95 => Definition::Quantile(0.95),
            Self::P99 => Definition::Quantile(0.99),
            Self::P999 => Definition::Quantile(0.999),
            Self::ThroughputPerS => Definition::Throughput,
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// All blocks of a cell.
///
/// The figures, also those with one block left out, are computed once, here; intervals and comparisons
/// only combine them.
#[derive(Debug, Clone)]
pub struct Cell {
    blocks: Vec<BlockSamples>,
    summary: Summary,
    /// By `Metric as usize`.
    replicates: [Option<Replicates>; Metric::ALL.len()],
}

impl Cell {
    /// From the blocks of a cell, in the order of their numbers.
    ///
    /// The order matters in comparisons, which pair blocks by place: for a block that was lost, pass
    /// `BlockSamples::default()`.
    pub fn new(blocks: Vec<BlockSamples>) -> Self {
        let summary = Summary::of(&blocks);
        let replicates = Metric::ALL.map(|metric| metric.definition().replicates(&blocks));
        Self { blocks, summary, replicates }
    }

    /// The blocks, as given.
    pub fn blocks(&self) -> &[BlockSamples] {
        &self.blocks
    }

    /// The figures over the pooled samples.
    pub fn summary(&self) -> Summary {
        self.summary
    }

    /// One figure over the pooled samples: that of the summary.
    pub fn value(&self, metric: Metric) -> Option<f64> {
        self.replicates(metric).map(Replicates::estimate)
    }

    /// Any quantile of the pooled samples, ns.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        Definition::Quantile(q).of(&self.blocks, None)
    }

    /// The 95 % confidence interval of a figure, by the delete-a-group jackknife over blocks: see
    /// [`jackknife`](super::jackknife). None unless two blocks or more have something to say about it.
    pub fn interval(&self, metric: Metric) -> Option<Interval> {
        self.replicates(metric)?.interval()
    }

    pub(super) fn replicates(&self, metric: Metric) -> Option<&Replicates> {
        self.replicates[metric as usize].as_ref()
    }
}

/// How a metric follows from blocks.
#[derive(Clone, Copy)]
enum Definition {
    Mean,
    Quantile(f64),
    Throughput,
}

impl Definition {
    fn replicates(self, blocks: &[BlockSamples]) -> Option<Replicates> {
        let estimate = self.of(blocks, None)?;
        let without = blocks
            .iter()
            .enumerate()
            .map(
                |(number, block)| {
                    if self.concerns(block) { self.of(blocks, Some(number)).map(Some) } else { Some(None) }
                },
            )
            .collect::<Option<Vec<_>>>();
        Some(Replicates::new(estimate, without.unwrap_or_default()))
    }

    /// The figure over the pooled samples of all blocks but `without`.
    fn of(self, blocks: &[BlockSamples], without: Option<usize>) -> Option<f64> {
        let kept = || {
            let kept = blocks.iter().enumerate().filter(move |(number, _)| Some(*number) != without);
            kept.map(|(_, block)| block)
        };
        match self {
            Self::Quantile(q) => {
                let parts: Vec<&[i64]> = kept().map(BlockSamples::durations_ns).collect();
                quantile::pooled(&parts, q)
            }
            Self::Mean => kept().map(BlockSamples::totals).sum::<Totals>().mean(),
            Self::Throughput => kept().map(BlockSamples::totals).sum::<Totals>().throughput_per_s(),
        }
    }

    /// Whether leaving out this block can change the figure at all.
    fn concerns(self, block: &BlockSamples) -> bool {
        match self {
            Self::Mean | Self::Quantile(_) => !block.durations_ns.is_empty(),
            Self::Throughput => block.count() > 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_stored_at_its_own_place() {
        for (place, metric) in Metric::ALL.into_iter().enumerate() {
            assert_eq!(metric as usize, place, "{metric}");
        }
    }
}
