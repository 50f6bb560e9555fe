//! Confidence intervals from the blocks of a cell: the delete-a-group jackknife.
//!
//! With θ the figure over all B blocks and θ₍b₎ the same figure without block b,
//!
//! ```text
//! variance = (B − 1) / B · Σ (θ₍b₎ − θ)²        interval = θ ± t · √variance
//! ```
//!
//! where t is the 97.5 % quantile of Student's distribution with B − 1 degrees of freedom.
//!
//! **Source.** Kott, "The Delete-a-Group Jackknife", Journal of Official Statistics 17(4), 2001; Student's
//! t for it goes back to Tukey, "Bias and Confidence in Not-quite Large Samples", Annals of Mathematical
//! Statistics 29(2), 1958. Deviations are taken from θ, not from the mean of the θ₍b₎, which never makes
//! the interval narrower. For the mean over blocks of equal size it is the classic t interval over block
//! means.
//!
//! **Why whole blocks.** Samples of one block are dependent: they share a server's start. Leaving out single
//! samples would treat them as independent and, for a quantile, would not even estimate the variance
//! consistently: the jackknife needs more samples left out the less smooth the figure is, for quantiles d of
//! n with √n / d → 0 (Shao & Wu, "A General Theory for Jackknife Variance Estimation", Annals of Statistics
//! 17(3), 1989), which a fixed share of the samples, n / B, meets. With few blocks the variance stays a
//! rough estimate, however many samples they have; that is what Student's t, not the normal, allows for.
//!
//! **Assumptions.** Blocks are independent restarts under the same conditions and of about equal size, and
//! the figure is close to an average over blocks: exact for the mean, asymptotic in the samples of a block
//! for quantiles. Two things strain the second one, in the tail most. Simulated with 5 blocks of log-normal
//! samples (σ = 0.3), the share of intervals that hold the truth:
//!
//! | samples a block | starts differ | mean | p50 | p95 | p99 | p99.9 |
//! |---|---|---|---|---|---|---|
//! | 10 000 | no | 0.95 | 0.94 | 0.92 | 0.94 | 0.92 |
//! | 1 000 | no | 0.95 | 0.95 | 0.95 | 0.93 | 0.87 |
//! | 100 | no | 0.94 | 0.94 | 0.91 | 0.88 | 0.73 |
//! | 1 000 | a third as much as samples | 0.95 | 0.96 | 0.95 | 0.92 | 0.87 |
//! | 1 000 | as much as samples | 0.94 | 0.95 | 0.85 | 0.76 | 0.65 |
//!
//! So a percentile with only a few samples of each block beyond it has an interval that is too narrow; and
//! where starts differ as much as samples do, the tail is made by the slowest start, of which a few blocks
//! know little, however many samples they hold. More samples help against the first, only more blocks
//! against the second.
//!
//! **Blocks that say nothing.** A block with no successful sample has no say in latency figures, one with
//! no attempt has none in throughput; such blocks are not counted in B. Under two blocks that have a say
//! there is no interval.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// A two-sided 95 % confidence interval, in the unit of its figure.
///
/// It is not cut off at 0: an end below that says how little is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// Whether `value` lies in it, ends included.
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    pub(super) fn around(estimate: f64, spread: Spread) -> Option<Self> {
        let half_width = student_t_975(spread.degrees_of_freedom)? * spread.variance.sqrt();
        let interval = Self { low: estimate - half_width, high: estimate + half_width };
        (interval.low.is_finite() && interval.high.is_finite()).then_some(interval)
    }

    /// Of a figure given on a logarithmic scale, in the figure's own.
    pub(super) fn exp(self) -> Option<Self> {
        let interval = Self { low: self.low.exp(), high: self.high.exp() };
        interval.high.is_finite().then_some(interval)
    }
}

impl From<Interval> for [f64; 2] {
    fn from(interval: Interval) -> Self {
        [interval.low, interval.high]
    }
}

/// How uncertain an estimate is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spread {
    pub(super) variance: f64,
    pub(super) degrees_of_freedom: f64,
}

impl Spread {
    /// Of the difference of two independent estimates: variances add, degrees of freedom after Welch,
    /// "The Generalization of 'Student's' Problem when Several Different Population Variances are
    /// Involved", Biometrika 34, 1947, and Satterthwaite, "An Approximate Distribution of Estimates of
    /// Variance Components", Biometrics Bulletin 2(6), 1946.
    pub(super) fn of_independent(one: Self, other: Self) -> Self {
        let variance = one.variance + other.variance;
        // Of two variances of 0, any share will do: the interval has no width.
        let share = if variance > 0.0 { one.variance / variance } else { 0.5 };
        let inverse = share.powi(2) / one.degrees_of_freedom + (1.0 - share).powi(2) / other.degrees_of_freedom;
        Self { variance, degrees_of_freedom: 1.0 / inverse }
    }
}

/// A figure, and the same figure with each block left out in turn.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Replicates {
    estimate: f64,
    /// One place a block, none for a block that has no say; empty if there is a block that cannot be
    /// left out because nothing would remain.
    without: Vec<Option<f64>>,
}

impl Replicates {
    pub(super) fn new(estimate: f64, without: Vec<Option<f64>>) -> Self {
        Self { estimate, without }
    }

    pub(super) fn estimate(&self) -> f64 {
        self.estimate
    }

    pub(super) fn interval(&self) -> Option<Interval> {
        Interval::around(self.estimate, self.spread()?)
    }

    pub(super) fn spread(&self) -> Option<Spread> {
        let blocks = self.without.iter().flatten().count();
        if blocks < 2 {
            return None;
        }
        let degrees_of_freedom = (blocks - 1) as f64;
        let squares: f64 = self.without.iter().flatten().map(|without| (without - self.estimate).powi(2)).sum();
        Some(Spread { variance: degrees_of_freedom / blocks as f64 * squares, degrees_of_freedom })
    }

    /// The difference of two figures, block b left out of both at once; none unless the same blocks have
    /// a say in both.
    pub(super) fn paired_difference(&self, other: &Self) -> Option<Self> {
        if self.without.len() != other.without.len() {
            return None;
        }
        let without = self
            .without
            .iter()
            .zip(&other.without)
            .map(|pair| match pair {
                (Some(one), Some(other)) => Some(Some(one - other)),
                (None, None) => Some(None),
                _ => None,
            })
            .collect::<Option<Vec<_>>>()?;
        Some(Self::new(self.estimate - other.estimate, without))
    }

    /// On a logarithmic scale; none unless all values are positive.
    pub(super) fn ln(&self) -> Option<Self> {
        let values = self.without.iter().flatten().chain([&self.estimate]);
        let positive = values.into_iter().all(|&value| value > 0.0);
        positive.then(|| {
            let without = self.without.iter().map(|without| without.map(f64::ln)).collect();
            Self::new(self.estimate.ln(), without)
        })
    }
}

fn student_t_975(degrees_of_freedom: f64) -> Option<f64> {
    let distribution = StudentsT::new(0.0, 1.0, degrees_of_freedom).ok()?;
    Some(distribution.inverse_cdf(0.975))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scipy.stats.t.ppf(0.975, dof)`.
    #[test]
    fn students_quantiles_are_those_of_the_tables() {
        for (degrees_of_freedom, expected) in T_975 {
            let found = student_t_975(degrees_of_freedom).unwrap_or(f64::NAN);
            assert!((found / expected - 1.0).abs() < 1e-9, "{degrees_of_freedom}: {found} {expected}");
        }
    }

    /// Textbook example of Welch's degrees of freedom: (s²/n) of 4 and 1 with 9 and 4 of them.
    #[test]
    fn independent_spreads_add_up_after_welch() {
        let one = Spread { variance: 4.0, degrees_of_freedom: 9.0 };
        let other = Spread { variance: 1.0, degrees_of_freedom: 4.0 };
        let sum = Spread::of_independent(one, other);
        assert_eq!(sum.variance, 5.0);
        assert!((sum.degrees_of_freedom - 25.0 / (16.0 / 9.0 + 1.0 / 4.0)).abs() < 1e-12);
    }

    const T_975: [(f64, f64); 7] = [
        (1.0, 12.706204736174694),
        (2.0, 4.302652729749462),
        (3.0, 3.1824463052837078),
        (4.0, 2.7764451051977934),
        (5.5, 2.501858617589239),
        (9.0, 2.262157162798205),
        (120.0, 1.9799304050824402),
    ];
}
