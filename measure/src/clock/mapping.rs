//! From instants of an agent's clock to the controller's time, across steps and suspends.

use super::constraints::Constraints;
use super::contradiction;
use super::envelope::Falsified;
use super::epoch::{Epoch, last_resort};
use super::hull::Infeasible;
use super::interval::{Interval, ceil_div, floor_div};
use super::rate::{Assumptions, BILLION};

/// Instants of A among which φ may have jumped, both ends included: a step, a suspend, a migration.
///
/// A clock that goes back is beyond this model, as the same reading then means two instants: what is measured
/// after it needs a mapping of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Break {
    from: i64,
    to: i64,
}

impl Break {
    /// When A read `y`. What was stamped `y` may be of before or of after.
    pub fn at(y: i64) -> Self {
        Self { from: y, to: y }
    }

    /// Between two readings of A, in either order: the last one that showed no break and the first that did.
    pub fn between(one: i64, other: i64) -> Self {
        Self { from: one.min(other), to: one.max(other) }
    }
}

/// What happened to a clock, or to what is assumed of it. Agent times, ns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// The first instant that is affected.
    pub from: i64,
    /// The last.
    pub to: i64,
    /// What happened.
    pub kind: EventKind,
}

/// See [`Event`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// A break that was known. Nothing is known of φ from one end to the other.
    Break,
    /// Constraints contradict each other even at rates of [`LAST_RESORT_PPB`](super::LAST_RESORT_PPB): a step, or a
    /// false stamp. Nothing is known of φ from one end to the other.
    Contradiction,
    /// The assumed rates were falsified and had to be widened for this epoch.
    AssumptionAdjusted(Falsified),
    /// No straight line satisfies the constraints of this epoch, which therefore has no estimate by
    /// [`Hull`](super::Hull).
    NoLine(Infeasible),
}

/// What a bound rests on, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quality {
    /// On the assumptions as they were given.
    Hard,
    /// On wider ones, because those that were given had been falsified. Something happened to the clock or to its
    /// stamps that the assumptions do not know, so the bound may be wrong.
    AssumptionAdjusted,
    /// There is no bound: φ may have jumped here, or there is no constraint.
    Broken,
}

/// An instant of A in the time of C, ns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Converted {
    /// The bound. One end is none where all constraints are of one side.
    pub interval: Interval,
    /// Midway in the bound; the error is at most half its width.
    pub mid: Option<i64>,
    /// The estimate of a clock without wander; none if there is no such clock, or no epoch.
    pub hull: Option<Interval>,
    /// The place of the epoch in [`Mapping::epochs`]; none in a break.
    pub epoch: Option<u32>,
    /// What the bound rests on.
    pub quality: Quality,
    /// Whether it is before the first constraint of its epoch or after the last: a break in between would not have
    /// been seen.
    pub extrapolated: bool,
}

impl Converted {
    const BROKEN: Self = Self {
        interval: Interval::UNKNOWN,
        mid: None,
        hull: None,
        epoch: None,
        quality: Quality::Broken,
        extrapolated: false,
    };
}

/// Converts instants of A to the time of C.
#[derive(Debug, Clone)]
pub struct Mapping {
    epochs: Vec<Epoch>,
    events: Vec<Event>,
}

impl Mapping {
    /// From everything that is known of two clocks.
    ///
    /// Time is cut at `breaks`, and constraints within them are left out. Where the rest contradict each other even
    /// at the widest rates, it is cut from the last constraint before to the first after, see [`EventKind`]. An
    /// epoch between cuts whose constraints falsify what is assumed gets twice the wander, and again, until there
    /// is a clock that satisfies them; its bounds are then [`Quality::AssumptionAdjusted`].
    ///
    /// More constraints do not always give tighter bounds: they may move the instants between which the mean rate
    /// is taken. They do for an [`Envelope`](super::Envelope) of given rates.
    pub fn new(constraints: &Constraints, breaks: &[Break], assumed: Assumptions) -> Self {
        let breaks = united(breaks);
        let known = |it: &Break| Event { from: it.from, to: it.to, kind: EventKind::Break };
        let mut mapping = Self { epochs: Vec::new(), events: breaks.iter().map(known).collect() };
        for [from, to] in unbroken(&breaks) {
            mapping.add_stretch(&constraints.between(from, to), from, to, assumed);
        }
        mapping.events.sort_by_key(|event| (event.from, event.to));
        mapping
    }

    /// The time of C when A reads `y`.
    pub fn convert(&self, y: i64) -> Converted {
        let Some((index, epoch)) = self.epoch_at(y) else { return Converted::BROKEN };
        let interval = epoch.envelope().at(y).plus(y);
        let [first, last] = epoch.observed();
        Converted {
            interval,
            mid: interval.mid(),
            hull: epoch.hull().ok().map(|hull| hull.at(y).plus(y)),
            epoch: u32::try_from(index).ok(),
            quality: if epoch.adjusted().is_none() { Quality::Hard } else { Quality::AssumptionAdjusted },
            extrapolated: !(first..=last).contains(&y),
        }
    }

    /// How far C is ahead of A, φ, while A reads something within `reading`: for an instant at which A was not read. Anything
    /// where an end of the reading is missing, or φ may have jumped between the two.
    pub fn ahead(&self, reading: Interval) -> Interval {
        let Some((from, to)) = reading.low.zip(reading.high) else { return Interval::UNKNOWN };
        let Some((_, epoch)) = self.epoch_at(from).filter(|(_, epoch)| epoch.to() >= to) else {
            return Interval::UNKNOWN;
        };
        // The bounds of both ends may be exceeded between them: only the rate says by how much.
        let [least, greatest] = epoch.rates().gain(from.abs_diff(to));
        let start = epoch.envelope().at(from);
        Interval::outward(
            start.low.map(|low| i128::from(low) + floor_div(least.min(0), BILLION)),
            start.high.map(|high| i128::from(high) + ceil_div(greatest.max(0), BILLION)),
        )
    }

    /// The epochs that have a constraint, in order.
    pub fn epochs(&self) -> &[Epoch] {
        &self.epochs
    }

    /// What happened, in order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    fn epoch_at(&self, y: i64) -> Option<(usize, &Epoch)> {
        let index = self.epochs.partition_point(|epoch| epoch.to() < y);
        Some((index, self.epochs.get(index).filter(|epoch| epoch.from() <= y)?))
    }

    /// The epochs of the time `from..=to`, within which no break is known.
    fn add_stretch(&mut self, constraints: &Constraints, from: i64, to: i64, assumed: Assumptions) {
        let (pieces, contradictions) = contradiction::pieces(constraints, last_resort(assumed));
        let count = pieces.len();
        let mut ends = Vec::new();
        for (index, piece) in pieces.iter().enumerate() {
            let instants = piece.instants();
            let (Some(&first), Some(&last)) = (instants.first(), instants.last()) else {
                continue;
            };
            let from = if index == 0 { from } else { first };
            let to = if index + 1 == count { to } else { last };
            ends.push([from, to]);
            if let Some(epoch) = Epoch::new(piece, from, to, assumed) {
                self.events.extend(remarks(&epoch));
                self.epochs.push(epoch);
            }
        }
        let unknown = contradictions.iter().map(|it| {
            let before = ends.iter().map(|&[_, to]| to).take_while(|&to| to < it.from).last();
            let after = ends.iter().map(|&[from, _]| from).find(|&from| from > it.to);
            // The ends of epochs themselves are known.
            let (from, to) = (before.map_or(from, |to| to + 1), after.map_or(to, |from| from - 1));
            Event { from, to, kind: EventKind::Contradiction }
        });
        self.events.extend(unknown);
    }
}

fn remarks(epoch: &Epoch) -> impl Iterator<Item = Event> + use<> {
    let (from, to) = (epoch.from(), epoch.to());
    let adjusted = epoch.adjusted().map(EventKind::AssumptionAdjusted);
    let no_line = epoch.hull().err().map(EventKind::NoLine);
    adjusted.into_iter().chain(no_line).map(move |kind| Event { from, to, kind })
}

/// In order, those that overlap as one.
fn united(breaks: &[Break]) -> Vec<Break> {
    let mut breaks = breaks.to_vec();
    breaks.sort_unstable();
    let mut united: Vec<Break> = Vec::new();
    for next in breaks {
        match united.last_mut() {
            Some(last) if next.from <= last.to => last.to = last.to.max(next.to),
            _ => united.push(next),
        }
    }
    united
}

/// What is left of all instants, as first and last of each stretch.
fn unbroken(breaks: &[Break]) -> Vec<[i64; 2]> {
    let after = breaks.iter().map(|it| it.to.checked_add(1));
    let before = breaks.iter().map(|it| it.from.checked_sub(1));
    let starts = std::iter::once(Some(i64::MIN)).chain(after);
    let ends = before.chain(std::iter::once(Some(i64::MAX)));
    starts.zip(ends).filter_map(|(start, end)| Some([start?, end?])).filter(|[start, end]| start <= end).collect()
}
