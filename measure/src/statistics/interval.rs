//! 95 % confidence intervals, and the two distributions they are taken from.

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

/// The 97.5 % quantile of Student's distribution.
pub(super) fn student_t_975(degrees_of_freedom: f64) -> Option<f64> {
    let distribution = StudentsT::new(0.0, 1.0, degrees_of_freedom).ok()?;
    Some(distribution.inverse_cdf(0.975))
}

/// The 97.5 % quantile of the beta distribution for `a` and `b` of 1 or more, by Carter's approximation: Abramowitz &
/// Stegun, "Handbook of Mathematical Functions", 26.5.22. Against the exact limits of a binomial share it is off by
/// less than 3 % of their distance where one sample is expected beyond, and by less than 0.3 % where ten are; the exact
/// series does not converge for the millions of samples a cell may have.
pub(super) fn beta_975(a: f64, b: f64) -> f64 {
    beta_quantile(a, b, NORMAL_975)
}

/// The 2.5 % quantile, likewise.
pub(super) fn beta_025(a: f64, b: f64) -> f64 {
    beta_quantile(a, b, -NORMAL_975)
}

fn beta_quantile(a: f64, b: f64, normal: f64) -> f64 {
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
            let found = student_t_975(degrees_of_freedom).unwrap_or(f64::NAN);
            assert!((found / expected - 1.0).abs() < 1e-9, "{degrees_of_freedom}: {found} {expected}");
        }
    }

    /// `scipy.special.betaincinv(k, n - k + 1, 0.025)` and `(k + 1, n - k, 0.975)`: Clopper & Pearson's limits.
    #[test]
    fn limits_of_a_share_are_close_to_the_exact_ones() {
        for (n, share, low, high, tolerance) in SHARES {
            let k = n * share;
            let (found_low, found_high) = (beta_025(k, n - k + 1.0), beta_975(k + 1.0, n - k));
            assert!((found_low - low).abs() < tolerance * (share - low), "{n} {share}: {found_low} {low}");
            assert!((found_high - high).abs() < tolerance * (high - share), "{n} {share}: {found_high} {high}");
        }
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
