//! How two cells differ in one figure.
//!
//! **Method.** The interval of a difference is made of the two figures' own limits: with figures a and b, their ends
//! l and u, and r how the blocks of one move with those of the other,
//!
//! ```text
//! low  = a − b − √((a − lₐ)² − 2 r (a − lₐ) (u_b − b) + (u_b − b)²)
//! high = a − b + √((uₐ − a)² − 2 r (uₐ − a) (b − l_b) + (b − l_b)²)
//! ```
//!
//! **Source.** "MOVER": Zou & Donner, "Construction of Confidence Limits about Effect Measures: A General Approach",
//! Statistics in Medicine 27, 2008. It keeps skewed limits skewed; for means it is exactly the t test, in pairs or
//! Welch's.
//!
//! **Pairs.** Blocks of a run are interleaved in time: block b of every cell is measured close to block b of every
//! other, so both share what the machine did then (clock speed, temperature, neighbours). When the same blocks have a
//! say in both cells, r is the correlation of their pulls at the figure and the limits are those of Student's t with
//! B − 1 degrees of freedom: what blocks share cancels. Otherwise the cells are taken as independent: r = 0, and both
//! pairs of limits are for the degrees of freedom of Welch, "The Generalization of 'Student's' Problem when Several
//! Different Population Variances are Involved", Biometrika 34, 1947, and Satterthwaite, "An Approximate Distribution
//! of Estimates of Variance Components", Biometrics Bulletin 2(6), 1946.
//!
//! The interval of the ratio is that of the difference of logarithms, taken back: never below 0, and the
//! reciprocal of itself when the cells are swapped. It and the interval of the difference approximate in
//! different ways, so near the edge one may include equality and the other not: then two cells are not told apart.
//!
//! Each comparison stands for itself at 95 %: of twenty pairs that do not differ, one is expected to look as if it did.
//! How often it does: see [`statistics`](super). Where many are looked at together, [`change`] takes another confidence:
//! see [`discovery`](super::discovery).

use super::cell::Cell;
use super::figure::Figure;
use super::interval::{Confidence, Interval};
use super::metric::Metric;

/// A figure of one cell (`of`) set against that of another (`against`).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison {
    /// `of` minus `against`, in the unit of the metric.
    pub difference: f64,
    /// Its 95 % interval; none unless each cell has one of its own.
    pub difference_ci95: Option<Interval>,
    /// `of` over `against`; none unless both are positive.
    pub ratio: Option<f64>,
    /// Its 95 % interval; none without one of the difference, or where a figure may be 0.
    pub ratio_ci95: Option<Interval>,
    /// Whether the interval of the difference excludes 0, and that of the ratio, where there is one, 1; false without the first.
    pub distinguishable: bool,
}

/// A figure of one cell set against that of another, with intervals of the confidence asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// As in [`Comparison`].
    pub difference: f64,
    /// Its interval; none unless each cell has one of its own.
    pub difference_interval: Option<Interval>,
    /// As in [`Comparison`].
    pub ratio: Option<f64>,
    /// Its interval; none without one of the difference, or where a figure may be 0.
    pub ratio_interval: Option<Interval>,
}

impl Change {
    /// Whether no interval of it includes equality; false where there is none.
    pub fn is_told_apart(&self) -> bool {
        let ratio_is_one = self.ratio_interval.is_some_and(|interval| interval.contains(1.0));
        self.difference_interval.is_some_and(|interval| !interval.contains(0.0)) && !ratio_is_one
    }
}

/// How the blocks of two cells lie in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Block b of both within a short time: two cells of one run. They are compared in pairs where the same blocks have a say.
    Interleaved,
    /// In runs of their own, which share nothing: they are compared as independent.
    Apart,
}

/// The smallest difference that two cells could have told apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SmallestDifference {
    /// Half the width of the interval of their difference, in the unit of the metric.
    pub absolute: f64,
    /// That over the figure of the cell set against; none unless it is positive.
    pub relative: Option<f64>,
}

/// Compares one figure of two cells; none unless both have it.
pub fn compare(of: &Cell, against: &Cell, metric: Metric) -> Option<Comparison> {
    let change = change(of, against, metric, Relation::Interleaved, Confidence::P95)?;
    Some(Comparison {
        difference: change.difference,
        difference_ci95: change.difference_interval,
        ratio: change.ratio,
        ratio_ci95: change.ratio_interval,
        distinguishable: change.is_told_apart(),
    })
}

/// The same for cells of that relation, with intervals of that confidence.
pub fn change(of: &Cell, against: &Cell, metric: Metric, relation: Relation, confidence: Confidence) -> Option<Change> {
    let (one, other) = (of.value(metric)?, against.value(metric)?);
    let pair = Pair::of(of, against, metric, relation, confidence);
    let ratio = (one > 0.0 && other > 0.0).then(|| one / other).filter(|ratio| ratio.is_finite());
    Some(Change {
        difference: one - other,
        difference_interval: pair.as_ref().and_then(Pair::difference),
        ratio,
        ratio_interval: ratio.and_then(|_| pair.as_ref()?.ln()?.difference()?.exp()),
    })
}

/// The noise floor of a pair of cells; none where [`compare`] has no interval.
///
/// A true difference as large as this is found every second time (power 50 %): the interval of an estimate that is
/// right on average then excludes 0 in half of all runs. To be found four times in five, it has to be 1.3 to 1.4 times
/// as large from 5 blocks on. Best asked of a pair that is known not to differ, measured twice in one run (A/A).
pub fn smallest_difference(of: &Cell, against: &Cell, metric: Metric) -> Option<SmallestDifference> {
    let pair = Pair::of(of, against, metric, Relation::Interleaved, Confidence::P95)?;
    let absolute = pair.difference()?.half_width();
    let base = against.value(metric).filter(|base| *base > 0.0);
    Some(SmallestDifference { absolute, relative: base.map(|base| absolute / base) })
}

/// Two figures with their limits.
struct Pair {
    estimates: [f64; 2],
    limits: [Interval; 2],
    correlation: f64,
}

impl Pair {
    fn of(of: &Cell, against: &Cell, metric: Metric, relation: Relation, confidence: Confidence) -> Option<Self> {
        let (one, other) = (of.figure(metric)?, against.figure(metric)?);
        let correlation = match relation {
            Relation::Interleaved => correlation(one.deviations(), other.deviations()),
            Relation::Apart => None,
        };
        let degrees_of_freedom = match correlation {
            Some(_) => one.degrees_of_freedom()?,
            None => welch([standard_error(one, of)?, standard_error(other, against)?])?,
        };
        let reach = confidence.reach(degrees_of_freedom)?;
        let limits = [one.limits(of.blocks(), reach).ok()?, other.limits(against.blocks(), reach).ok()?];
        Some(Self {
            estimates: [one.estimate(), other.estimate()],
            limits,
            correlation: correlation.unwrap_or_default(),
        })
    }

    fn ln(&self) -> Option<Self> {
        let [one, other] = self.limits;
        let estimates = self.estimates.map(f64::ln);
        Some(Self { estimates, limits: [one.ln()?, other.ln()?], correlation: self.correlation })
    }

    fn difference(&self) -> Option<Interval> {
        let ([one, other], [of_one, of_other]) = (self.estimates, self.limits);
        let reach = |near: f64, far: f64| {
            let square = near * near - 2.0 * self.correlation * near * far + far * far;
            square.max(0.0).sqrt()
        };
        let difference = one - other;
        let low = difference - reach(one - of_one.low, of_other.high - other);
        let high = difference + reach(of_one.high - one, other - of_other.low);
        Interval::finite(low, high)
    }
}

/// How the blocks of two figures move together; none unless the same blocks, two or more, have a say in both.
fn correlation(one: &[Option<f64>], other: &[Option<f64>]) -> Option<f64> {
    let same = one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.is_some() == other.is_some());
    if !same || one.iter().flatten().count() < 2 {
        return None;
    }
    let product = |one: &[Option<f64>], other: &[Option<f64>]| -> f64 {
        one.iter().flatten().zip(other.iter().flatten()).map(|(one, other)| one * other).sum()
    };
    let scale = (product(one, one) * product(other, other)).sqrt();
    // Blocks that agree move with nothing.
    Some(if scale > 0.0 { (product(one, other) / scale).clamp(-1.0, 1.0) } else { 0.0 })
}

/// What limits at one standard error would be away, and the degrees of freedom that it is known with.
struct StandardError {
    square: f64,
    degrees_of_freedom: f64,
}

fn standard_error(figure: &Figure, cell: &Cell) -> Option<StandardError> {
    let reach = figure.reach(Confidence::P95)?;
    let half_width = figure.limits(cell.blocks(), reach).ok()?.half_width();
    Some(StandardError { square: (half_width / reach.t).powi(2), degrees_of_freedom: figure.degrees_of_freedom()? })
}

/// Degrees of freedom of the difference of two independent estimates.
fn welch([one, other]: [StandardError; 2]) -> Option<f64> {
    let sum = one.square + other.square;
    // Of two variances of 0, any share will do: the interval has no width.
    let share = if sum > 0.0 { one.square / sum } else { 0.5 };
    let inverse = share.powi(2) / one.degrees_of_freedom + (1.0 - share).powi(2) / other.degrees_of_freedom;
    Some(inverse.recip()).filter(|it| it.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Textbook example of Welch's degrees of freedom: (s²/n) of 4 and 1 with 9 and 4 of them.
    #[test]
    fn degrees_of_freedom_add_up_after_welch() {
        let one = StandardError { square: 4.0, degrees_of_freedom: 9.0 };
        let other = StandardError { square: 1.0, degrees_of_freedom: 4.0 };
        let found = welch([one, other]).unwrap_or(f64::NAN);
        assert!((found - 25.0 / (16.0 / 9.0 + 1.0 / 4.0)).abs() < 1e-12, "{found}");
    }
}
