//! All figures of all pairs, with intervals of the confidence that so many comparisons need.

use rpycbench_measure::statistics::{Change, Confidence, Metric, Relation, change, discovery};

use super::document::{MetricChange, Verdict};
use crate::results::Gathered;
use crate::results::schema::CellResult;

/// A cell set against another.
#[derive(Clone, Copy)]
pub(crate) struct Compared<'a> {
    pub(crate) of: &'a Gathered,
    pub(crate) against: &'a Gathered,
    pub(crate) relation: Relation,
}

impl Compared<'_> {
    fn is_usable(&self) -> bool {
        [self.of, self.against].iter().all(|cell| cell.result.verdict != "invalid")
    }

    fn change(&self, metric: Metric, confidence: Confidence) -> Option<Change> {
        change(&self.of.cell, &self.against.cell, metric, self.relation, confidence)
    }
}

/// What is looked at together.
pub(crate) struct Family<'a> {
    pairs: Vec<Compared<'a>>,
    confidence: Confidence,
    comparisons: usize,
}

impl<'a> Family<'a> {
    pub(crate) fn of(pairs: Vec<Compared<'a>>) -> Self {
        let comparisons = usable(&pairs, Confidence::P95).filter(|it| it.difference_interval.is_some()).count();
        let confidence = discovery::confidence(comparisons, |confidence| told_apart(&pairs, confidence));
        Self { pairs, confidence, comparisons }
    }

    pub(crate) fn confidence(&self) -> Confidence {
        self.confidence
    }

    /// How many figures of cells that are not invalid have an interval.
    pub(super) fn comparisons(&self) -> usize {
        self.comparisons
    }

    /// How many of these are told apart.
    pub(super) fn told_apart(&self) -> usize {
        told_apart(&self.pairs, self.confidence)
    }

    /// Of each pair, every figure that both have.
    pub(crate) fn changes(&self) -> impl Iterator<Item = Vec<MetricChange>> {
        self.pairs.iter().map(|pair| {
            let changes =
                Metric::ALL.into_iter().filter_map(|metric| Some((metric, pair.change(metric, self.confidence)?)));
            changes.filter_map(|(metric, change)| document(pair, metric, &change)).collect()
        })
    }
}

fn usable(pairs: &[Compared<'_>], confidence: Confidence) -> impl Iterator<Item = Change> {
    let pairs = pairs.iter().filter(|pair| pair.is_usable());
    pairs.flat_map(move |pair| Metric::ALL.into_iter().filter_map(move |metric| pair.change(metric, confidence)))
}

fn told_apart(pairs: &[Compared<'_>], confidence: Confidence) -> usize {
    usable(pairs, confidence).filter(Change::is_told_apart).count()
}

fn document(pair: &Compared<'_>, metric: Metric, change: &Change) -> Option<MetricChange> {
    let is_rate = metric == Metric::ThroughputPerS;
    let is_better = (change.difference > 0.0) == is_rate;
    let verdict = match change.difference_interval {
        None => Verdict::NoInterval,
        Some(_) if !change.is_told_apart() => Verdict::Untold,
        Some(_) if is_better => Verdict::Faster,
        Some(_) => Verdict::Slower,
    };
    Some(MetricChange {
        metric: metric.name().to_owned(),
        unit: if is_rate { "1/s" } else { "ns" }.to_owned(),
        base: pair.against.cell.value(metric)?,
        new: pair.of.cell.value(metric)?,
        difference: change.difference,
        difference_interval: change.difference_interval.map(Into::into),
        ratio: change.ratio,
        ratio_interval: change.ratio_interval.map(Into::into),
        verdict,
        no_interval: if verdict == Verdict::NoInterval { why(pair, metric) } else { Vec::new() },
    })
}

/// The words of results.json.
fn why(pair: &Compared<'_>, metric: Metric) -> Vec<String> {
    let of = |side: &str, cell: &CellResult| {
        cell.no_interval.get(metric.name()).map(|why| format!("{side}: {}", why.replace('_', " ")))
    };
    let sides = [("base", &pair.against.result), ("new", &pair.of.result)];
    let why: Vec<String> = sides.into_iter().filter_map(|(side, cell)| of(side, cell)).collect();
    // Each has one at 95 %, but none at a confidence that so many comparisons need.
    if why.is_empty() { vec!["unbounded at this confidence".to_owned()] } else { why }
}
