//! What messages say of φ.

use super::exchange::{Exchange, StampError, in_order, in_range};

/// A bound on φ at one instant. Ordered by instant, then by bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Point {
    /// What A reads, ns.
    pub(super) at: i64,
    /// φ there, ns.
    pub(super) bound: i64,
}

impl Point {
    /// The same on a clock and a φ that run the other way.
    pub(super) fn negated(self) -> Self {
        Self { at: self.at, bound: -self.bound }
    }
}

/// Lower and upper bounds on φ, each at an instant of A: a set, in which order and repetition mean nothing.
///
/// Every exchange gives one of each. A message whose answer was lost, or that needs none, gives one: see
/// [`Constraints::push_lower`] and [`Constraints::push_upper`]. So a measured request is a probe like any other.
/// A bound that is loose costs nothing: it is never in force.
#[derive(Debug, Clone, Default)]
pub struct Constraints {
    lowers: Vec<Point>,
    uppers: Vec<Point>,
}

impl Constraints {
    /// Both messages of an exchange.
    ///
    /// # Errors
    ///
    /// A stamp is out of range, or one clock's second stamp is before its first; nothing is added then.
    pub fn push_exchange(&mut self, exchange: Exchange) -> Result<(), StampError> {
        let Exchange { t1, t2, t3, t4 } = exchange;
        for stamp in [t1, t2, t3, t4] {
            in_range(stamp)?;
        }
        in_order(t1, t4)?;
        in_order(t2, t3)?;
        self.push_lower(t1, t2)?;
        self.push_upper(t3, t4)
    }

    /// A message from the reference host, which left at `t1` of C and had arrived by `t2` of A: φ(t2) ≥ t1 − t2.
    ///
    /// # Errors
    ///
    /// A stamp is out of range.
    pub fn push_lower(&mut self, t1: i64, t2: i64) -> Result<(), StampError> {
        let (t1, t2) = (in_range(t1)?, in_range(t2)?);
        self.lowers.push(Point { at: t2, bound: t1 - t2 });
        Ok(())
    }

    /// A message to the reference host, which left at `t3` of A and had arrived by `t4` of C: φ(t3) ≤ t4 − t3.
    ///
    /// # Errors
    ///
    /// A stamp is out of range.
    pub fn push_upper(&mut self, t3: i64, t4: i64) -> Result<(), StampError> {
        let (t3, t4) = (in_range(t3)?, in_range(t4)?);
        self.uppers.push(Point { at: t3, bound: t4 - t3 });
        Ok(())
    }

    /// How many bounds there are, of both sides together.
    pub fn len(&self) -> usize {
        self.lowers.len() + self.uppers.len()
    }

    /// Whether nothing is known of φ.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those at the instants `from..=to` of A: for a [`Hull`](super::Hull) of a time short enough for a clock to
    /// keep its rate.
    pub fn between(&self, from: i64, to: i64) -> Self {
        let within = |points: &[Point]| points.iter().copied().filter(|it| (from..=to).contains(&it.at)).collect();
        Self { lowers: within(&self.lowers), uppers: within(&self.uppers) }
    }

    pub(super) fn from_sides(lowers: Vec<Point>, uppers: Vec<Point>) -> Self {
        Self { lowers, uppers }
    }

    /// In order of instants.
    pub(super) fn sorted_lowers(&self) -> Vec<Point> {
        sorted(&self.lowers)
    }

    /// In order of instants.
    pub(super) fn sorted_uppers(&self) -> Vec<Point> {
        sorted(&self.uppers)
    }

    /// The instants of all bounds, ascending.
    pub(super) fn instants(&self) -> Vec<i64> {
        let mut instants: Vec<i64> = self.lowers.iter().chain(&self.uppers).map(|point| point.at).collect();
        instants.sort_unstable();
        instants.dedup();
        instants
    }
}

fn sorted(points: &[Point]) -> Vec<Point> {
    let mut points = points.to_vec();
    points.sort_unstable();
    points
}
