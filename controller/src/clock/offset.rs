//! What probes say of an agent's clock at one moment.

use rpycbench_measure::clock::{Assumptions, Converted, DriftInterval, Interval, Mapping, Quality};

use super::probes::{Answered, Probe, Probes, Stamps};

/// How far an agent's CLOCK_MONOTONIC_RAW is ahead of the controller's, at the moment of the last probe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Offset {
    /// The true offset is within `bound_ns` of it; ns. None where nothing bounds it from both sides.
    pub(crate) hard: Option<Around>,
    /// The same for a clock that does not wander; an estimate.
    pub(crate) hull: Option<Around>,
    /// How much the agent's clock gains, in parts in 10⁹; an estimate.
    pub(crate) drift_ppb: Option<i64>,
    /// The least of what most probes were stamped by.
    pub(crate) stamps: Stamps,
    /// Whole probes.
    pub(crate) probes: usize,
    /// Whether the bound rests on assumptions that had to be widened.
    pub(crate) is_adjusted: bool,
}

/// A middle, and how far the truth may be from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Around {
    pub(crate) offset_ns: i64,
    pub(crate) bound_ns: i64,
}

impl Around {
    /// From where C may be when A reads `y`.
    fn of(interval: Interval, y: i64) -> Option<Self> {
        let low = interval.low?;
        let high = interval.high.filter(|&high| low <= high)?;
        // Rounded outward.
        Some(Self { offset_ns: y - interval.mid()?, bound_ns: (high - low + 1).div_euclid(2) + 1 })
    }
}

impl Offset {
    /// From all that is known; none before the first whole probe.
    pub(crate) fn of(probes: &Probes) -> Option<Self> {
        let Answered { t3: y, .. } = probes.whole().last()?.answer?;
        let (constraints, breaks) = probes.constraints();
        let mapping = Mapping::new(&constraints, &breaks, Assumptions::default());
        let Converted { interval, hull, epoch, quality, .. } = mapping.convert(y);
        let epoch = epoch.and_then(|place| mapping.epochs().get(place as usize));
        let drift = epoch.and_then(|epoch| epoch.hull().ok()).map(|hull| hull.drift());
        Some(Self {
            hard: Around::of(interval, y),
            // A clock that does not wander is one within the bound as well, which may be the tighter.
            hull: hull.and_then(|hull| Around::of(hull.intersection(interval), y)),
            // φ is C − A, the offset A − C.
            drift_ppb: drift.and_then(|DriftInterval { min_ppb, max_ppb }| Some(-(min_ppb?.midpoint(max_ppb?)))),
            stamps: most(probes.whole()),
            probes: probes.whole().len(),
            is_adjusted: quality == Quality::AssumptionAdjusted,
        })
    }
}

/// By whom most probes were stamped.
fn most(probes: &[Probe]) -> Stamps {
    let count = |stamps| probes.iter().filter(|probe| probe.stamps() == stamps).count();
    let all = [Stamps::User, Stamps::KernelRx, Stamps::Kernel];
    all.into_iter().max_by_key(|&stamps| count(stamps)).unwrap_or(Stamps::User)
}
