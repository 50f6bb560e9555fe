//! How fast a clock may run.

use std::fmt;

/// A rate of 1, in ppb; and a nanosecond in the unit of exact values of φ, in which a ppb over a nanosecond is 1.
pub(super) const BILLION: i128 = 1_000_000_000;

/// Just under a billion: a clock whose rate reaches that may stand still.
const RATE_MAX_PPB: i64 = 999_999_999;

/// Where φ′, the rate at which C gains on A, lies at every instant; parts in 10⁹ of A's time. Both ends belong
/// to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateBounds {
    min_ppb: i64,
    max_ppb: i64,
}

impl RateBounds {
    /// From `min_ppb` to `max_ppb`.
    ///
    /// # Errors
    ///
    /// The bounds are in the wrong order, or a clock that runs at one of them stands still or is twice as fast.
    pub fn new(min_ppb: i64, max_ppb: i64) -> Result<Self, RateError> {
        if min_ppb > max_ppb || min_ppb < -RATE_MAX_PPB || max_ppb > RATE_MAX_PPB {
            return Err(RateError { min_ppb, max_ppb });
        }
        Ok(Self { min_ppb, max_ppb })
    }

    /// Within `ppb` of a clock that neither gains nor loses, and never a whole second a second.
    pub fn symmetric(ppb: u32) -> Self {
        let ppb = i64::from(ppb).min(RATE_MAX_PPB);
        Self { min_ppb: -ppb, max_ppb: ppb }
    }

    /// The least rate, ppb.
    pub fn min_ppb(self) -> i64 {
        self.min_ppb
    }

    /// The greatest rate, ppb.
    pub fn max_ppb(self) -> i64 {
        self.max_ppb
    }

    /// The same for −φ.
    pub(super) fn negated(self) -> Self {
        Self { min_ppb: -self.max_ppb, max_ppb: -self.min_ppb }
    }

    /// From `min_ppb` to `max_ppb` as far as that is within these; these where nothing is.
    pub(super) fn narrowed(self, min_ppb: i128, max_ppb: i128) -> Self {
        let end = |ppb: i128| i64::try_from(ppb.clamp(self.min_ppb.into(), self.max_ppb.into())).ok();
        match (end(min_ppb), end(max_ppb)) {
            (Some(min_ppb), Some(max_ppb)) if min_ppb <= max_ppb => Self { min_ppb, max_ppb },
            _ => self,
        }
    }

    /// How much φ gains over `ns`, at the least and at the most; exact, in the unit of [`BILLION`]. Time does not go
    /// back.
    pub(super) fn gain(self, ns: u64) -> [i128; 2] {
        [self.min_ppb, self.max_ppb].map(|ppb| i128::from(ppb) * i128::from(ns))
    }
}

impl fmt::Display for RateBounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..={} ppb", self.min_ppb, self.max_ppb)
    }
}

/// Bounds that are no bounds of the rate of a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{min_ppb}..={max_ppb} ppb is no interval of clock rates")]
pub struct RateError {
    min_ppb: i64,
    max_ppb: i64,
}

/// What is taken for granted about the rate of one clock against another, within an epoch.
///
/// The power of a falsification is limited: it fires only where a violation exceeds the noise of delays. So
/// these have to come from physics, not be lowered until they fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assumptions {
    /// How far the rate at an instant may be from its mean, ppb. By default 15,000, the frequency tolerance of
    /// RFC 5905.
    pub wander_ppb: u32,
    /// How far the rate may be from equal, ppb. By default 200,000: two oscillators at the ends of ±50 ppm, twice
    /// over.
    pub rate_limit_ppb: u32,
}

impl Default for Assumptions {
    fn default() -> Self {
        Self { wander_ppb: 15_000, rate_limit_ppb: 200_000 }
    }
}
