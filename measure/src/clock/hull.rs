//! The estimate: what every straight line between the constraints has to be between.
//!
//! Two clocks that both keep their rate exactly differ by a line a + b y. That lines through the gap between
//! the stamps of both directions are to be sought is due to Duda et al., "Estimating Global Time in Distributed
//! Systems", ICDCS 1987; that only convex hulls matter, to the same and to Zhang, Liu & Xia, "Clock Synchronization
//! Algorithms for Network Measurements", INFOCOM 2002; to take all of the feasible lines for an accuracy at every
//! instant, to Poirier, Roy & Dagenais, "Accurate Offline Synchronization of Distributed Traces Using Kernel-Level
//! Events", ACM SIGOPS OSR 44(3), 2010.
//!
//! Here the linear programme of two variables is solved exactly. Its dual says what bounds a line at y from above:
//! two upper constraints around y, that is the lower hull of all of them; or an upper one at x ≤ y with a lower
//! one before it, of which the pair of least slope is in force: the **critical tangent**, the steepest of all lines
//! that are feasible; or the mirror image of that, with the least steep one. The steepest line is in force right of
//! where it touches the upper constraints, the least steep one left of where it does, and the hull between.

use super::chain::{Chain, Line};
use super::constraints::{Constraints, Point};
use super::interval::Interval;
use super::rate::BILLION;

/// Where φ may be at any instant of A if its rate never changes: the range, at that instant, of all lines that
/// satisfy [`Constraints`]. Exact but for rounding outward.
///
/// Takes O(n log n) to build and O(log n) to ask.
#[derive(Debug, Clone)]
pub struct Hull {
    above: Side,
    /// Of −φ.
    below: Side,
    drift: DriftInterval,
}

/// The slopes of all lines that satisfy constraints, in ppb of A's time, rounded outward. An end is none if there
/// is no steepest, or least steep, line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DriftInterval {
    /// No less than this.
    pub min_ppb: Option<i64>,
    /// No more than this.
    pub max_ppb: Option<i64>,
}

/// No line satisfies the constraints: an assumption has failed, or a clock's rate has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no straight line is between the bounds of the clock: they cross by {by_ns} ns when it reads {at} ns")]
pub struct Infeasible {
    /// Where hulls cross by the most, and first; agent time, ns.
    pub at: i64,
    /// By how much, rounded up.
    pub by_ns: i64,
}

impl Hull {
    /// The lines that satisfy the constraints.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn build(constraints: &Constraints) -> Result<Self, Infeasible> {
        let above = Chain::under(&constraints.sorted_uppers());
        let mut negated: Vec<Point> = constraints.sorted_lowers().into_iter().map(Point::negated).collect();
        negated.sort_unstable();
        let below = Chain::under(&negated);
        if let Some(infeasible) = worst_crossing(&above, &below) {
            return Err(infeasible);
        }
        let steepest = Tangent::steepest(&above, &below);
        let least_steep = Tangent::steepest(&above.mirrored(), &below.mirrored()).map(Tangent::mirrored);
        let slope = |ppb: i128| i64::try_from(ppb).ok();
        let drift = DriftInterval {
            min_ppb: least_steep.and_then(|it| slope(it.line().floor_slope(BILLION))),
            max_ppb: steepest.and_then(|it| slope(it.line().ceil_slope(BILLION))),
        };
        Ok(Self {
            above: Side { chain: above, steepest, least_steep },
            below: Side {
                chain: below,
                steepest: least_steep.map(Tangent::negated),
                least_steep: steepest.map(Tangent::negated),
            },
            drift,
        })
    }

    /// Where φ is when A reads `y`. An end is none where lines go as far as they like.
    pub fn at(&self, y: i64) -> Interval {
        Interval::outward(self.below.at(y).map(|of_negated| -of_negated), self.above.at(y))
    }

    /// The slopes of the lines.
    pub fn drift(&self) -> DriftInterval {
        self.drift
    }
}

/// One side of the feasible lines, as if it were the upper one.
#[derive(Debug, Clone)]
struct Side {
    chain: Chain,
    steepest: Option<Tangent>,
    least_steep: Option<Tangent>,
}

impl Side {
    /// The highest value of a line at `y`, rounded up.
    fn at(&self, y: i64) -> Option<i128> {
        match (self.steepest, self.least_steep) {
            (Some(steepest), _) if steepest.above.at <= y => Some(steepest.line().ceil_at(y)),
            (_, Some(least_steep)) if y <= least_steep.above.at => Some(least_steep.line().ceil_at(y)),
            _ => self.chain.ceil_at(y),
        }
    }
}

/// A line that touches the constraints of both sides.
#[derive(Debug, Clone, Copy)]
struct Tangent {
    above: Point,
    below: Point,
}

impl Tangent {
    /// Of the lines through a lower constraint and an upper one after it, the one of least slope: no feasible
    /// line is steeper. `below` is the chain of the negated lower constraints, and chains do not cross.
    fn steepest(above: &Chain, below: &Chain) -> Option<Self> {
        let tangents = above.vertices().iter().filter_map(|&above| Self::into(above, below));
        tangents.min_by(|one, other| one.line().cmp_slope(&other.line()))
    }

    /// As [`Tangent::steepest`], for one upper constraint. The further an edge of the lower constraints' hull, the
    /// lower its prolongation passes the upper constraint: below it from the sought vertex on.
    fn into(above: Point, below: &Chain) -> Option<Self> {
        let before = below.vertices().partition_point(|vertex| vertex.at < above.at);
        let vertex = |index: usize| below.vertices().get(index).map(|vertex| vertex.negated());
        let (mut first, mut last) = (0, before.checked_sub(1)?);
        while first < last {
            let middle = first.midpoint(last);
            let (one, other) = (vertex(middle)?, vertex(middle + 1)?);
            if Line::joining(one, above).cmp_slope(&Line::joining(one, other)).is_lt() {
                first = middle + 1;
            } else {
                last = middle;
            }
        }
        Some(Self { above, below: vertex(first)? })
    }

    fn line(&self) -> Line {
        if self.below.at < self.above.at {
            Line::joining(self.below, self.above)
        } else {
            Line::joining(self.above, self.below)
        }
    }

    fn mirrored(self) -> Self {
        let mirrored = |point: Point| Point { at: -point.at, bound: point.bound };
        Self { above: mirrored(self.above), below: mirrored(self.below) }
    }

    /// With the sides changed over.
    fn negated(self) -> Self {
        Self { above: self.below.negated(), below: self.above.negated() }
    }
}

/// Hulls cross by the most at a vertex of one of them: a convex function is subtracted from a concave one.
fn worst_crossing(above: &Chain, below: &Chain) -> Option<Infeasible> {
    let crossing = |vertex: &Point, other: &Chain| {
        let room = i128::from(vertex.bound) + other.floor_at(vertex.at)?;
        (room < 0).then_some((-room, vertex.at))
    };
    let of_above = above.vertices().iter().filter_map(|vertex| crossing(vertex, below));
    let of_below = below.vertices().iter().filter_map(|vertex| crossing(vertex, above));
    let (by, at) = of_above.chain(of_below).max_by_key(|&(by, at)| (by, std::cmp::Reverse(at)))?;
    Some(Infeasible { at, by_ns: i64::try_from(by).unwrap_or(i64::MAX) })
}
