//! When to ask.

use std::time::Duration;

use rand::RngExt;

/// Between two questions of a burst.
const BURST_GAP: Duration = Duration::from_millis(1);
/// Gaps are up to so much shorter or longer, lest they keep step with a timer of somebody else.
const JITTER: f64 = 0.5;

/// What is wanted of who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// So many questions as fast as is sensible.
    Burst(u32),
    /// A question every so often, or none, when there is no burst.
    Pace(Option<Duration>),
}

/// How far an asker is with its orders.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    burst: u32,
    pace: Option<Duration>,
}

impl Schedule {
    pub(super) fn obey(&mut self, order: Order) {
        match order {
            Order::Burst(more) => self.burst = self.burst.saturating_add(more),
            Order::Pace(pace) => self.pace = pace,
        }
    }

    /// How long to wait before the next question; none if there is to be none.
    pub(super) fn gap(&self) -> Option<Duration> {
        let gap = if self.burst > 0 { Some(BURST_GAP) } else { self.pace };
        gap.map(|gap| gap.mul_f64(rand::rng().random_range(1.0 - JITTER..=1.0 + JITTER)))
    }

    /// A question was asked.
    pub(super) fn asked(&mut self) {
        self.burst = self.burst.saturating_sub(1);
    }
}
