//! Where constraints contradict each other, and the pieces between.

use super::constraints::{Constraints, Point};
use super::rate::{BILLION, RateBounds};

/// Two constraints of opposite sides that no clock within given rates satisfies: it stepped, or one of them is
/// false, from the one's instant to the other's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Contradiction {
    /// The earlier one's instant.
    pub(super) from: i64,
    /// The later one's.
    pub(super) to: i64,
}

/// Constraints apart into pieces without a contradiction, and what is between the pieces: one more piece than
/// contradictions, some of them empty.
///
/// A piece ends with the earliest constraint that contradicts an earlier one of it; of those, the latest. Neither
/// is in any piece, nor is what lies between: if the clock stepped, it is not known on which side of the step that
/// is, and if one of the two is false, not which. If there was one failure, both pieces are thus without it.
/// Takes O(n log n).
pub(super) fn pieces(constraints: &Constraints, rates: RateBounds) -> (Vec<Constraints>, Vec<Contradiction>) {
    let all = in_order(constraints);
    let (mut pieces, mut contradictions) = (Vec::new(), Vec::new());
    let (mut rest, mut next) = (all.as_slice(), 0);
    let mut extremes = Extremes::default();
    while let Some(bound) = rest.get(next) {
        if !extremes.contradict(bound, rates) {
            extremes.add(bound, rates);
            next += 1;
            continue;
        }
        let before = rest.get(..next).unwrap_or_default();
        let from = before.iter().rfind(|earlier| earlier.contradicts(bound, rates)).unwrap_or(bound).at();
        let to = bound.at();
        pieces.push(constraints_of(before.iter().take_while(|bound| bound.at() < from)));
        contradictions.push(Contradiction { from, to });
        rest = rest.get(rest.partition_point(|bound| bound.at() <= to)..).unwrap_or_default();
        (next, extremes) = (0, Extremes::default());
    }
    pieces.push(constraints_of(rest.iter()));
    (pieces, contradictions)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bound {
    Lower(Point),
    Upper(Point),
}

impl Bound {
    fn at(&self) -> i64 {
        match self {
            Self::Lower(point) | Self::Upper(point) => point.at,
        }
    }

    /// Whether this and a later one are not satisfied by any clock.
    fn contradicts(&self, later: &Self, rates: RateBounds) -> bool {
        let mut alone = Extremes::default();
        alone.add(self, rates);
        alone.contradict(later, rates)
    }
}

/// The tightest bounds so far, each as what it would be at instant 0; in the unit of [`BILLION`].
#[derive(Debug, Default)]
struct Extremes {
    low: Option<i128>,
    high: Option<i128>,
}

impl Extremes {
    fn add(&mut self, bound: &Bound, rates: RateBounds) {
        match bound {
            Bound::Lower(point) => {
                let low = at_zero(point, rates.min_ppb());
                self.low = Some(self.low.map_or(low, |tightest| tightest.max(low)));
            }
            Bound::Upper(point) => {
                let high = at_zero(point, rates.max_ppb());
                self.high = Some(self.high.map_or(high, |tightest| tightest.min(high)));
            }
        }
    }

    fn contradict(&self, later: &Bound, rates: RateBounds) -> bool {
        match later {
            Bound::Lower(point) => self.high.is_some_and(|high| high < at_zero(point, rates.max_ppb())),
            Bound::Upper(point) => self.low.is_some_and(|low| low > at_zero(point, rates.min_ppb())),
        }
    }
}

fn at_zero(point: &Point, rate_ppb: i64) -> i128 {
    i128::from(point.bound) * BILLION - i128::from(rate_ppb) * i128::from(point.at)
}

fn in_order(constraints: &Constraints) -> Vec<Bound> {
    let lowers = constraints.sorted_lowers().into_iter().map(Bound::Lower);
    let uppers = constraints.sorted_uppers().into_iter().map(Bound::Upper);
    let mut all: Vec<Bound> = lowers.chain(uppers).collect();
    all.sort_by_key(Bound::at);
    all
}

fn constraints_of<'a>(bounds: impl Iterator<Item = &'a Bound>) -> Constraints {
    let (mut lowers, mut uppers) = (Vec::new(), Vec::new());
    for bound in bounds {
        match bound {
            Bound::Lower(point) => lowers.push(*point),
            Bound::Upper(point) => uppers.push(*point),
        }
    }
    Constraints::from_sides(lowers, uppers)
}
