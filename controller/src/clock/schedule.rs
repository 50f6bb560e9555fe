//! When to ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rand::RngExt;

/// Between two questions of a burst.
const BURST_GAP: Duration = Duration::from_millis(1);
/// Gaps are up to so much shorter or longer, lest they keep step with a timer of somebody else.
const JITTER: f64 = 0.5;

/// What is wanted of who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// [`Owed`] has grown.
    Burst,
    /// A question every so often, or none, when there is no burst.
    Pace(Option<Duration>),
}

/// Questions that are to be asked as fast as is sensible, and were not yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Owed(Arc<AtomicU32>);

impl Owed {
    pub(super) fn add(&self, more: u32) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

/// How far an asker is with its orders.
#[derive(Debug)]
pub(super) struct Schedule {
    owed: Owed,
    pace: Option<Duration>,
}

impl Schedule {
    pub(super) fn new(owed: Owed) -> Self {
        Self { owed, pace: None }
    }

    pub(super) fn obey(&mut self, order: Order) {
        match order {
            Order::Burst => {}
            Order::Pace(pace) => self.pace = pace,
        }
    }

    /// How long to wait before the next question; none if there is to be none.
    pub(super) fn gap(&self) -> Option<Duration> {
        let gap = if self.owed.is_nothing() { self.pace } else { Some(BURST_GAP) };
        gap.map(|gap| gap.mul_f64(rand::rng().random_range(1.0 - JITTER..=1.0 + JITTER)))
    }

    /// A question was asked.
    pub(super) fn asked(&mut self) {
        // Nobody else takes from it.
        if !self.owed.is_nothing() {
            self.owed.0.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
