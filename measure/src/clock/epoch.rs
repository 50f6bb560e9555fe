//! A time within which a clock kept its rate.

use super::constraints::Constraints;
use super::envelope::{Envelope, Falsified};
use super::hull::{Hull, Infeasible};
use super::rate::{Assumptions, RateBounds};

/// The widest rates that are tried before an epoch is taken apart, ppb: the most by which Linux slews a clock.
pub const LAST_RESORT_PPB: u32 = 500_000;

/// A time of A without a break, and what is known of φ in it.
#[derive(Debug, Clone)]
pub struct Epoch {
    from: i64,
    to: i64,
    observed: [i64; 2],
    fit: Fit,
    hull: Result<Hull, Infeasible>,
}

impl Epoch {
    /// Of constraints that do not contradict each other within [`last_resort`], for the instants `from..=to`; none
    /// of no constraints.
    pub(super) fn new(constraints: &Constraints, from: i64, to: i64, assumed: Assumptions) -> Option<Self> {
        let instants = constraints.instants();
        let observed = [*instants.first()?, *instants.last()?];
        let fit = Fit::of(constraints, assumed)?;
        Some(Self { from, to, observed, fit, hull: Hull::build(constraints) })
    }

    /// The first instant of A that belongs to it.
    pub fn from(&self) -> i64 {
        self.from
    }

    /// The last instant of A that belongs to it.
    pub fn to(&self) -> i64 {
        self.to
    }

    /// The instants of A of its first and its last constraint. Before and after, a break would not be seen.
    pub fn observed(&self) -> [i64; 2] {
        self.observed
    }

    /// The bound.
    pub fn envelope(&self) -> &Envelope {
        &self.fit.envelope
    }

    /// The estimate, unless no straight line satisfies the constraints.
    pub fn hull(&self) -> Result<&Hull, Infeasible> {
        self.hull.as_ref().map_err(|&infeasible| infeasible)
    }

    /// Where the rate lies.
    pub fn rates(&self) -> RateBounds {
        self.fit.rates
    }

    /// The wander that was allowed for, ppb.
    pub fn wander_ppb(&self) -> u32 {
        self.fit.wander_ppb
    }

    /// What falsified the assumptions as they were given, if the envelope is one of wider rates.
    pub fn adjusted(&self) -> Option<Falsified> {
        self.fit.adjusted
    }
}

/// Any clock that is slewed as far as an operating system would, or as far as is assumed.
pub(super) fn last_resort(assumed: Assumptions) -> RateBounds {
    RateBounds::symmetric(LAST_RESORT_PPB.max(assumed.rate_limit_ppb).max(assumed.wander_ppb))
}

/// An envelope, and the rates for which it exists.
#[derive(Debug, Clone)]
struct Fit {
    envelope: Envelope,
    rates: RateBounds,
    wander_ppb: u32,
    adjusted: Option<Falsified>,
}

impl Fit {
    /// With what is assumed, if that can be; else with twice the wander until that reaches the last resort.
    fn of(constraints: &Constraints, assumed: Assumptions) -> Option<Self> {
        let mut adjusted = None;
        for wander_ppb in wanders(assumed.wander_ppb) {
            match Self::with(constraints, Assumptions { wander_ppb, ..assumed }) {
                Ok((rates, envelope)) => return Some(Self { envelope, rates, wander_ppb, adjusted }),
                Err(falsified) => adjusted = adjusted.or(Some(falsified)),
            }
        }
        let rates = last_resort(assumed);
        let envelope = Envelope::build(constraints, rates).ok()?;
        Some(Self { envelope, rates, wander_ppb: LAST_RESORT_PPB.max(assumed.wander_ppb), adjusted })
    }

    fn with(constraints: &Constraints, assumed: Assumptions) -> Result<(RateBounds, Envelope), Falsified> {
        let rates = RateBounds::about_mean(constraints, assumed)?;
        Ok((rates, Envelope::build(constraints, rates)?))
    }
}

/// The given one, and its doubles below the last resort.
fn wanders(first_ppb: u32) -> impl Iterator<Item = u32> {
    let double = |ppb: &u32| Some(ppb.saturating_mul(2).max(1_000)).filter(|&double| double < LAST_RESORT_PPB);
    std::iter::successors(Some(first_ppb), double)
}
