//! Intervals whose ends may be unknown, and rounding that only widens.

/// Where a time or a difference of times lies, ns; both ends belong to it. An end is none where nothing is
/// known of that side.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Interval {
    /// No less than this.
    pub low: Option<i64>,
    /// No more than this.
    pub high: Option<i64>,
}

impl Interval {
    /// Anything.
    pub const UNKNOWN: Self = Self { low: None, high: None };

    /// Of two ends that are known.
    pub fn new(low: i64, high: i64) -> Self {
        Self { low: Some(low), high: Some(high) }
    }

    /// Whether `value` is between the ends that are known.
    pub fn contains(self, value: i64) -> bool {
        self.low.is_none_or(|low| low <= value) && self.high.is_none_or(|high| value <= high)
    }

    /// From end to end; none with an end missing.
    pub fn width(self) -> Option<i64> {
        Some(self.high?.saturating_sub(self.low?))
    }

    /// Halfway between the ends, rounded down: the estimate whose error is at most half the width. None with
    /// an end missing.
    pub fn mid(self) -> Option<i64> {
        let doubled = i128::from(self.low?) + i128::from(self.high?);
        i64::try_from(doubled.div_euclid(2)).ok()
    }

    /// What lies in both; empty, with `low` above `high`, if nothing does.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        let tighter = |one: Option<i64>, other: Option<i64>, choose: fn(i64, i64) -> i64| match (one, other) {
            (Some(one), Some(other)) => Some(choose(one, other)),
            (one, other) => one.or(other),
        };
        Self { low: tighter(self.low, other.low, i64::max), high: tighter(self.high, other.high, i64::min) }
    }

    /// Moved by `ns`.
    #[must_use]
    pub fn plus(self, ns: i64) -> Self {
        let moved = |end: i64| i128::from(end) + i128::from(ns);
        Self::outward(self.low.map(moved), self.high.map(moved))
    }

    /// An end that does not fit is moved outward: to the last value that does, or, past that, to none.
    pub(super) fn outward(low: Option<i128>, high: Option<i128>) -> Self {
        const MIN: i128 = i64::MIN as i128;
        const MAX: i128 = i64::MAX as i128;
        let low = low.filter(|&low| low >= MIN).map(|low| low.min(MAX));
        let high = high.filter(|&high| high <= MAX).map(|high| high.max(MIN));
        Self { low: low.and_then(|end| end.try_into().ok()), high: high.and_then(|end| end.try_into().ok()) }
    }
}

/// The largest integer of at most `dividend / divisor`, for a positive divisor.
pub(super) fn floor_div(dividend: i128, divisor: i128) -> i128 {
    dividend.div_euclid(divisor)
}

/// The smallest integer of at least `dividend / divisor`, for a positive divisor.
pub(super) fn ceil_div(dividend: i128, divisor: i128) -> i128 {
    -(-dividend).div_euclid(divisor)
}
