//! A clock's mean rate, from what bounds it at two instants.

use super::constraints::Constraints;
use super::envelope::{Envelope, Falsified};
use super::interval::{ceil_div, floor_div};
use super::rate::{Assumptions, BILLION, RateBounds};

impl RateBounds {
    /// Where the rate of a clock lies, of which `constraints` are known and `assumed` is taken for granted.
    ///
    /// A first envelope with the whole rate limit bounds φ at an early instant x and a late one y; so the mean
    /// rate between them is at least (low(y) − high(x)) / (y − x) and at most (high(y) − low(x)) / (y − x). The
    /// wander to either side of that, within the limit, is the result: how uncertain the rate is, is inside the
    /// bounds that are made with it. x is where the first envelope is narrowest in the first quarter of the time,
    /// y in the last, as RADclock chooses (Veitch et al., "Robust Synchronization of Absolute and Difference
    /// Clocks over Networks", IEEE/ACM ToN 17(2), 2009); any choice would be right. Without two instants that are
    /// bounded from both sides the result is the limit. A wander larger than the limit is the limit.
    ///
    /// # Errors
    ///
    /// No clock within the limit satisfies the constraints.
    pub fn about_mean(constraints: &Constraints, assumed: Assumptions) -> Result<Self, Falsified> {
        let limit = Self::symmetric(assumed.rate_limit_ppb.max(assumed.wander_ppb));
        let envelope = Envelope::build(constraints, limit)?;
        Ok(match mean_rate(&envelope, &constraints.instants()) {
            Some([least, greatest]) => {
                let wander = i128::from(assumed.wander_ppb);
                limit.narrowed(least - wander, greatest + wander)
            }
            None => limit,
        })
    }
}

/// Bounds of the mean rate between an early and a late instant, ppb.
fn mean_rate(envelope: &Envelope, instants: &[i64]) -> Option<[i128; 2]> {
    let (first, last) = (*instants.first()?, *instants.last()?);
    let quarter = (last - first) / 4;
    let early = instants.iter().copied().take_while(|&at| at - first <= quarter);
    let late = instants.iter().rev().copied().take_while(|&at| last - at <= quarter);
    let (early, late) = (narrowest(envelope, early)?, narrowest(envelope, late)?);
    let elapsed = i128::from(late.at) - i128::from(early.at);
    if elapsed <= 0 {
        return None;
    }
    let least = floor_div((late.low - early.high) * BILLION, elapsed);
    let greatest = ceil_div((late.high - early.low) * BILLION, elapsed);
    Some([least, greatest])
}

struct Bounded {
    at: i64,
    low: i128,
    high: i128,
}

/// The first of the instants at which the envelope is narrowest; none if it is open at all of them.
fn narrowest(envelope: &Envelope, instants: impl Iterator<Item = i64>) -> Option<Bounded> {
    let bounded = |at| {
        let interval = envelope.at(at);
        Some(Bounded { at, low: interval.low?.into(), high: interval.high?.into() })
    };
    instants.filter_map(bounded).min_by_key(|it| (it.high - it.low, it.at))
}
