//! The samples of a cell, and what is computed from them once.

use super::figure::Figure;
use super::interval::{Confidence, Interval};
use super::metric::Metric;
use super::percentile::NoInterval;
use super::quantile;
use super::summary::{Summary, Totals};
use crate::course::dependence;

/// What one block delivered. The default is a block that delivered nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BlockSamples {
    durations_ns: Vec<i64>,
    totals: Totals,
    effective_size: f64,
}

impl BlockSamples {
    /// From the durations of successful samples in the order of their starts, the number of failed attempts, and the
    /// time from the first start to the last end over all attempts.
    ///
    /// The order tells how many independent samples they are worth; no figure depends on it.
    pub fn new(series_ns: Vec<i64>, failed: u64, span_ns: i64) -> Self {
        Self::without_start(series_ns, 0, failed, span_ns)
    }

    /// The same without the first `cut` successful samples: they count as attempts, and are in no figure of durations.
    pub fn without_start(mut series_ns: Vec<i64>, cut: usize, failed: u64, span_ns: i64) -> Self {
        let cut = cut.min(series_ns.len());
        series_ns.drain(..cut);
        let effective_size = dependence::effective_size(&series_ns);
        let mut durations_ns = series_ns;
        durations_ns.sort_unstable();
        let totals = Totals {
            kept: durations_ns.len() as u64,
            cut: cut as u64,
            failed,
            sum_ns: durations_ns.iter().map(|&duration| i128::from(duration)).sum(),
            span_ns: i128::from(span_ns),
        };
        Self { durations_ns, totals, effective_size }
    }

    /// Durations of the successful samples, ascending, without those of the warm-up.
    pub fn durations_ns(&self) -> &[i64] {
        &self.durations_ns
    }

    /// Attempts, successful or not, cut or not.
    pub fn count(&self) -> u64 {
        self.totals.count()
    }

    /// Attempts that failed.
    pub fn failed(&self) -> u64 {
        self.totals.failed
    }

    /// Successful samples that are in no figure of durations, as the block was still warming up.
    pub fn warmup_cut(&self) -> u64 {
        self.totals.cut
    }

    /// So many independent samples would tell as much about the median: see [`dependence`].
    pub fn effective_size(&self) -> f64 {
        self.effective_size
    }

    pub(super) fn totals(&self) -> Totals {
        self.totals
    }
}

/// All blocks of a cell.
///
/// The figures and how blocks scatter around them are computed once, here; intervals and comparisons only combine them.
#[derive(Debug, Clone)]
pub struct Cell {
    blocks: Vec<BlockSamples>,
    summary: Summary,
    /// By `Metric as usize`.
    figures: [Option<Figure>; Metric::ALL.len()],
}

impl Cell {
    /// From the blocks of a cell, in the order of their numbers.
    ///
    /// The order matters in comparisons, which pair blocks by place: for a block that was lost, pass
    /// `BlockSamples::default()`.
    pub fn new(blocks: Vec<BlockSamples>) -> Self {
        let summary = Summary::of(&blocks);
        let figures = Metric::ALL.map(|metric| Figure::of(metric, &blocks));
        Self { blocks, summary, figures }
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
        self.figure(metric).map(Figure::estimate)
    }

    /// Any quantile of the pooled samples, ns.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let parts: Vec<&[i64]> = self.blocks.iter().map(BlockSamples::durations_ns).collect();
        quantile::pooled(&parts, q)
    }

    /// So many independent samples would tell as much about the median, in all blocks together. What blocks have in
    /// common by their start is not in it.
    pub fn effective_size(&self) -> f64 {
        self.blocks.iter().map(BlockSamples::effective_size).sum()
    }

    /// The 95 % confidence interval of a figure: of the mean and the throughput see [`jackknife`](super::jackknife), of
    /// percentiles see [`percentile`](super::percentile).
    pub fn interval(&self, metric: Metric) -> Option<Interval> {
        self.try_interval(metric).ok()
    }

    /// The same, or why there is none.
    ///
    /// # Errors
    /// Where an interval would not hold the truth as often as it says.
    pub fn try_interval(&self, metric: Metric) -> Result<Interval, NoInterval> {
        let figure = self.figure(metric).ok_or(NoInterval::NoSamples)?;
        let reach = figure.reach(Confidence::P95).ok_or(NoInterval::OneBlock)?;
        figure.limits(&self.blocks, reach)
    }

    pub(super) fn figure(&self, metric: Metric) -> Option<&Figure> {
        self.figures[metric as usize].as_ref()
    }
}
