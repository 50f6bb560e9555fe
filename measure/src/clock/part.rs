//! A part of a call's time, and whether it is known to be any at all.

use super::interval::Interval;

/// A part of a call's time, ns of the host that drives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// No less than this. No part takes less than 0, nor more than the others leave of the whole.
    pub low: i64,
    /// The estimate: midway in the bounds of the clock, whatever that gives. A negative one is negative here.
    /// None where the bounds of the clock are open.
    pub mid: Option<i64>,
    /// No more than this.
    pub high: i64,
}

impl Part {
    /// See [`is_resolved`]; a part without an estimate is not.
    pub fn is_resolved(self) -> bool {
        self.mid.is_some_and(|mid| is_resolved(Interval::new(self.low, self.high), mid))
    }
}

/// Whether a figure is larger than its error may be: none of it is resolved that could as well be 0, nor what is
/// known from one side only. With the midpoint in the middle of the interval: whether half its width is less.
pub fn is_resolved(interval: Interval, midpoint: i64) -> bool {
    let error = interval.low.zip(interval.high).map(|(low, high)| {
        let (low, midpoint, high) = (i128::from(low), i128::from(midpoint), i128::from(high));
        (midpoint - low).max(high - midpoint)
    });
    error.is_some_and(|error| error < i128::from(midpoint))
}
