//! Confidence intervals, and the two distributions they are taken from.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// A two-sided confidence interval, in the unit of its figure.
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

    /// Half of the distance between its ends.
    pub fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0
    }

    /// None where an end is beyond what a number can say.
    pub(super) fn finite(low: f64, high: f64) -> Option<Self> {
        (low.is_finite() && high.is_finite()).then_some(Self { low, high })
    }

    /// Of the logarithm; none unless all of it is positive.
    pub(super) fn ln(self) -> Option<Self> {
        if self.low > 0.0 { Self::finite(self.low.ln(), self.high.ln()) } else { None }
    }

    /// Of a figure given on a logarithmic scale, in the figure's own.
    pub(super) fn exp(self) -> Option<Self> {
        Self::finite(self.low.exp(), self.high.exp())
    }
}

impl From<Interval> for [f64; 2] {
    fn from(interval: Interval) -> Self {
        [interval.low, interval.high]
    }
}

/// The 97.5 % quantile of the normal distribution.
pub(crate) const NORMAL_975: f64 = 1.959_963_984_540_054;

/// How often intervals are to hold the truth; what they miss is half below and half above.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Confidence {
    /// The share below the upper end.
    upper: f64,
    /// The quantile of the normal distribution at that share.
    normal: f64,
}

impl Confidence {
    /// 95 %, as everywhere but where many are looked at together.
    pub const P95: Self = Self { upper: 0.975, normal: NORMAL_975 };

    /// From the share of intervals that may miss; none unless that is above 0 and below 1.
    pub fn missing(share: f64) -> Option<Self> {
        let upper = 1.0 - share / 2.0;
        (share > 0.0 && upper > 0.5 && upper < 1.0)
            .then(|| Self { upper, normal: Normal::standard().inverse_cdf(upper) })
    }

    /// The share of intervals that hold the truth.
    pub fn share(self) -> f64 {
        2.0 * self.upper - 1.0
    }

    /// How far away the ends of an interval are.
    pub(super) fn reach(self, degrees_of_freedom: f64) -> Option<Reach> {
        let distribution = StudentsT::new(0.0, 1.0, degrees_of_freedom).ok()?;
        Some(Reach { t: distribution.inverse_cdf(self.upper), normal: self.normal })
    }
}

/// How many standard errors the ends of an interval are away.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reach {
    /// Of an error that is known with few degrees of freedom.
    pub(super) t: f64,
    /// Of one that is known exactly.
    pub(super) normal: f64,
}

impl Reach {
    /// So much of the samples is left after what few degrees of freedom cost.
    pub(super) fn left(self) -> f64 {
        (self.normal / self.t).powi(2)
    }
}

/// The quantile of the beta distribution for `a` and `b` of 1 or more at the share where the normal distribution has
/// `normal`, by Carter's approximation: Abramowitz & Stegun, "Handbook of Mathematical Functions", 26.5.22. At 97.5 % it
/// is off from the exact limits of a binomial share by less than 3 % of their distance where one sample is expected
/// beyond, and by less than 0.3 % where ten are; the exact series does not converge for the millions of samples a cell
/// may have.
pub(super) fn beta_quantile(a: f64, b: f64, normal: f64) -> f64 {
    let lambda = (normal * normal - 3.0) / 6.0;
    let (one, other) = ((2.0 * a - 1.0).recip(), (2.0 * b - 1.0).recip());
    let harmonic = 2.0 / (one + other);
    let skew = (other - one) * (lambda + 5.0 / 6.0 - 2.0 / (3.0 * harmonic));
    // A & S count from the upper tail.
    let w = -normal * (harmonic + lambda).sqrt() / harmonic - skew;
    a / (a + b * (2.0 * w).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scipy.stats.t.ppf(0.975, dof)`.
    #[test]
    fn students_quantiles_are_those_of_the_tables() {
        for (degrees_of_freedom, expected) in T_975 {
            let found = Confidence::P95.reach(degrees_of_freedom).map_or(f64::NAN, |it| it.t);
            assert!((found / expected - 1.0).abs() < 1e-9, "{degrees_of_freedom}: {found} {expected}");
        }
    }

    /// `scipy.special.betaincinv(k, n - k + 1, 0.025)` and `(k + 1, n - k, 0.975)`: Clopper & Pearson's limits.
    #[test]
    fn limits_of_a_share_are_close_to_the_exact_ones() {
        for (n, share, low, high, tolerance) in SHARES {
            let k = n * share;
            let (found_low, found_high) =
                (beta_quantile(k, n - k + 1.0, -NORMAL_975), beta_quantile(k + 1.0, n - k, NORMAL_975));
            assert!((found_low - low).abs() < tolerance * (share - low), "{n} {share}: {found_low} {low}");
            assert!((found_high - high).abs() < tolerance * (high - share), "{n} {share}: {found_high} {high}");
        }
    }

    /// `scipy.stats.t.ppf(0.995, 4)` and `scipy.stats.norm.ppf(0.995)`.
    #[test]
    fn what_is_to_hold_more_often_reaches_further() {
        let reach = Confidence::missing(0.01).and_then(|it| it.reach(4.0)).unwrap();
        assert!((reach.t - 4.604094871415897).abs() < 1e-9 && (reach.normal - 2.5758293035489004).abs() < 1e-9);
        assert_eq!(Confidence::missing(0.05).map(Confidence::share), Some(Confidence::P95.share()));
        let nonsense = [0.0, -0.1, 1.0, 2.0, f64::NAN, 1e-300].map(Confidence::missing);
        assert_eq!(nonsense, [None; 6]);
    }

    const SHARES: [(f64, f64, f64, f64, f64); 4] = [
        (20.0, 0.5, 0.27195784956079183, 0.7280421504392081, 0.003),
        (300.0, 0.99, 0.9710554887443074, 0.9979329927649077, 0.01),
        (1000.0, 0.99, 0.9816867569448875, 0.9951944893089507, 0.003),
        (100000.0, 0.999, 0.9987838636043523, 0.9991862883180298, 0.001),
    ];

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
