//! The bound: what every clock within given rates has to be between.
//!
//! A function of which values are bounded at some points, and slopes everywhere, lies everywhere below the
//! least and above the greatest of cones put up at those points, and may be anywhere between: McShane,
//! "Extension of Range of Functions", Bulletin of the AMS 40, 1934. With different slopes to either side:
//!
//! ```text
//! high(y) = min( min {uᵢ + γmax (y − xᵢ) : xᵢ ≤ y},  min {uᵢ − γmin (xᵢ − y) : xᵢ > y} )
//! ```
//!
//! and low(y) likewise from below. Left of y the first minimum is that of uᵢ − γmax xᵢ, which does not depend
//! on y: sorted, a running minimum from either end answers any y by one search.

use super::constraints::{Constraints, Point};
use super::interval::{Interval, ceil_div, floor_div};
use super::rate::{BILLION, RateBounds};

/// Where φ may be at any instant of A, given its rate and [`Constraints`] on it. Exact but for rounding outward:
/// what is between the ends, some clock within the rates does attain.
///
/// Takes O(n log n) to build and O(log n) to ask.
#[derive(Debug, Clone)]
pub struct Envelope {
    above: Ceiling,
    /// Of −φ.
    below: Ceiling,
}

/// No clock within the rates satisfies the constraints: an assumption has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("bounds of the clock cross by {by_ns} ns when it reads {at} ns")]
pub struct Falsified {
    /// Where bounds cross by the most, and first, among the instants of upper bounds; agent time, ns.
    pub at: i64,
    /// By how much, rounded up.
    pub by_ns: i64,
}

impl Envelope {
    /// The envelope of a clock within `rates`.
    ///
    /// # Errors
    ///
    /// There is no such clock.
    pub fn build(constraints: &Constraints, rates: RateBounds) -> Result<Self, Falsified> {
        let uppers = constraints.sorted_uppers();
        let lowers: Vec<Point> = constraints.sorted_lowers().into_iter().map(Point::negated).collect();
        let envelope = Self { above: Ceiling::over(&uppers, rates), below: Ceiling::over(&lowers, rates.negated()) };
        match envelope.worst_crossing(&uppers) {
            None => Ok(envelope),
            Some(falsified) => Err(falsified),
        }
    }

    /// Where φ is when A reads `y`. An end is none if there is no constraint of that side.
    pub fn at(&self, y: i64) -> Interval {
        let low = self.below.at(y).map(|exact| floor_div(-exact, BILLION));
        let high = self.above.at(y).map(|exact| ceil_div(exact, BILLION));
        Interval::outward(low, high)
    }

    /// Cones of both sides cross somewhere only if one of below rises over the tip of one of above.
    fn worst_crossing(&self, uppers: &[Point]) -> Option<Falsified> {
        let crossing = |upper: &Point| {
            let by = -self.below.at(upper.at)? - i128::from(upper.bound) * BILLION;
            (by > 0).then_some((by, upper.at))
        };
        let (by, at) = uppers.iter().filter_map(crossing).max_by_key(|&(by, at)| (by, std::cmp::Reverse(at)))?;
        Some(Falsified { at, by_ns: i64::try_from(ceil_div(by, BILLION)).unwrap_or(i64::MAX) })
    }
}

/// The greatest function below upper bounds, given its slopes. Values are exact, in the unit of [`BILLION`].
#[derive(Debug, Clone)]
struct Ceiling {
    rates: RateBounds,
    at: Vec<i64>,
    /// Up to each bound, the least of uᵢ − γmax xᵢ.
    from_before: Vec<i128>,
    /// From each bound on, the least of uᵢ − γmin xᵢ.
    from_after: Vec<i128>,
}

impl Ceiling {
    fn over(uppers: &[Point], rates: RateBounds) -> Self {
        let at_zero = |rate: i64| {
            move |upper: &Point| i128::from(upper.bound) * BILLION - i128::from(rate) * i128::from(upper.at)
        };
        let from_before = running_minimum(uppers.iter().map(at_zero(rates.max_ppb())));
        let mut from_after = running_minimum(uppers.iter().rev().map(at_zero(rates.min_ppb())));
        from_after.reverse();
        Self { rates, at: uppers.iter().map(|upper| upper.at).collect(), from_before, from_after }
    }

    fn at(&self, y: i64) -> Option<i128> {
        let after = self.at.partition_point(|&at| at <= y);
        let gain = |rate: i64| i128::from(rate) * i128::from(y);
        let before = after.checked_sub(1).and_then(|last| self.from_before.get(last));
        let from_before = before.map(|at_zero| at_zero + gain(self.rates.max_ppb()));
        let from_after = self.from_after.get(after).map(|at_zero| at_zero + gain(self.rates.min_ppb()));
        from_before.into_iter().chain(from_after).min()
    }
}

fn running_minimum(values: impl Iterator<Item = i128>) -> Vec<i128> {
    values
        .scan(i128::MAX, |least, value| {
            *least = value.min(*least);
            Some(*least)
        })
        .collect()
}
