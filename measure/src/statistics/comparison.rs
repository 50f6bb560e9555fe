//! How two cells differ in one figure.
//!
//! Blocks of a run are interleaved in time: block b of every cell is measured close to block b of every
//! other, so both share what the machine did then (clock speed, temperature, neighbours). When the same
//! blocks have a say in both cells, the jackknife leaves block b out of both at once, and what they share
//! cancels, as in a paired t test. Otherwise the cells are taken as independent: variances add, with the
//! degrees of freedom of Welch and Satterthwaite.
//!
//! The interval of the ratio is that of the difference of logarithms, taken back: never below 0, and the
//! reciprocal of itself when the cells are swapped. It and the interval of the difference approximate in
//! different ways, so near the edge one may include equality and the other not.
//!
//! Assumptions are those of [`jackknife`](super::jackknife). Each comparison stands for itself at 95 %:
//! of twenty pairs that do not differ, one is expected to look as if it did.

use super::cell::{Cell, Metric};
use super::jackknife::{Interval, Replicates, Spread};

/// A figure of one cell (`of`) set against that of another (`against`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// `of` minus `against`, in the unit of the metric.
    pub difference: f64,
    /// Its 95 % interval; none unless two blocks or more have a say in each cell.
    pub difference_ci95: Option<Interval>,
    /// `of` over `against`; none unless both are positive.
    pub ratio: Option<f64>,
    /// Its 95 % interval; none without one of the difference.
    pub ratio_ci95: Option<Interval>,
    /// Whether the interval of the difference excludes 0; false without one.
    pub distinguishable: bool,
}

/// Compares one figure of two cells; none unless both have it.
pub fn compare(of: &Cell, against: &Cell, metric: Metric) -> Option<Comparison> {
    let of = of.replicates(metric)?;
    let against = against.replicates(metric)?;
    let difference_ci95 = difference_interval(of, against);
    let ratio = (of.estimate() > 0.0 && against.estimate() > 0.0)
        .then(|| of.estimate() / against.estimate())
        .filter(|ratio| ratio.is_finite());
    Some(Comparison {
        difference: of.estimate() - against.estimate(),
        difference_ci95,
        ratio,
        ratio_ci95: ratio_interval(of, against),
        distinguishable: difference_ci95.is_some_and(|interval| !interval.contains(0.0)),
    })
}

fn difference_interval(of: &Replicates, against: &Replicates) -> Option<Interval> {
    if let Some(difference) = of.paired_difference(against) {
        return difference.interval();
    }
    let spread = Spread::of_independent(of.spread()?, against.spread()?);
    Interval::around(of.estimate() - against.estimate(), spread)
}

fn ratio_interval(of: &Replicates, against: &Replicates) -> Option<Interval> {
    difference_interval(&of.ln()?, &against.ln()?)?.exp()
}
