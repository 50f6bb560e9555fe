//! When to ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rand::RngExt;
use tokio::sync::Notify;

/// Between two questions of a burst.
const BURST_GAP: Duration = Duration::from_millis(1);
/// Gaps are up to so much shorter or longer, lest they keep step with a timer of somebody else.
const JITTER: f64 = 0.25;

/// What is wanted of who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// [`Owed`] has grown.
    Burst,
    /// A pair of questions every so often, or none, when there is no burst.
    Pace(Option<Duration>),
}

/// Questions that are to be asked as fast as is sensible, and were not yet.
#[derive(Clone, Debug, Default)]
pub(super) struct Owed(Arc<Questions>);

#[derive(Debug, Default)]
struct Questions {
    left: AtomicU32,
    none_left: Notify,
}

impl Owed {
    pub(super) fn add(&self, more: u32) {
        self.0.left.fetch_add(more, Ordering::Relaxed);
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.0.left.load(Ordering::Relaxed) == 0
    }

    /// One of them was asked. For the one who asks: nobody else takes from it.
    fn take(&self) {
        if self.0.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.none_left.notify_one();
        }
    }

    /// Waits until all were asked. One at a time may wait.
    pub(super) async fn paid(&self) {
        while !self.is_nothing() {
            self.0.none_left.notified().await;
        }
    }
}

/// How far an asker is with its orders.
#[derive(Debug)]
pub(super) struct Schedule {
    owed: Owed,
    pace: Option<Duration>,
    /// The first of a pair was asked. It wakes CPUs that have slept since the last pair and is late by that, at either end; the
    /// second, right behind it, is not.
    awake: bool,
}

impl Schedule {
    pub(super) fn new(owed: Owed) -> Self {
        Self { owed, pace: None, awake: false }
    }

    pub(super) fn obey(&mut self, order: Order) {
        match order {
            Order::Burst => {}
            Order::Pace(pace) => self.pace = pace,
        }
    }

    /// How long to wait before the next question; none if there is to be none.
    pub(super) fn gap(&self) -> Option<Duration> {
        let gap = match self.owed.is_nothing() {
            true if self.awake => self.pace.map(|_| Duration::ZERO),
            true => self.pace,
            false => Some(BURST_GAP),
        };
        gap.map(|gap| gap.mul_f64(rand::rng().random_range(1.0 - JITTER..=1.0 + JITTER)))
    }

    /// A question was asked.
    pub(super) fn asked(&mut self) {
        if self.owed.is_nothing() {
            self.awake = !self.awake;
        } else {
            self.owed.take();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Duration = Duration::from_millis(100);

    /// The gaps before so many questions.
    fn gaps(schedule: &mut Schedule, count: usize) -> Vec<Option<Duration>> {
        let next = |_| {
            let gap = schedule.gap();
            schedule.asked();
            gap
        };
        (0..count).map(next).collect()
    }

    #[test]
    fn questions_are_asked_in_pairs_with_the_pace_between_them() {
        let mut schedule = Schedule::new(Owed::default());
        assert_eq!(schedule.gap(), None);
        schedule.obey(Order::Pace(Some(PACE)));
        let gaps = gaps(&mut schedule, 6);
        let is_pace = |gap: &Option<Duration>| gap.is_some_and(|gap| (PACE * 3 / 4..=PACE * 5 / 4).contains(&gap));
        assert!(gaps.iter().step_by(2).all(is_pace), "{gaps:?}");
        assert!(gaps.iter().skip(1).step_by(2).all(|gap| *gap == Some(Duration::ZERO)), "{gaps:?}");
    }

    #[test]
    fn a_burst_comes_before_the_pace_and_is_as_long_as_ordered() {
        let owed = Owed::default();
        let mut schedule = Schedule::new(owed.clone());
        owed.add(3);
        let gaps = gaps(&mut schedule, 3);
        assert!(gaps.iter().all(|gap| gap.is_some_and(|gap| gap <= BURST_GAP * 2)), "{gaps:?}");
        assert_eq!((owed.is_nothing(), schedule.gap()), (true, None));
    }
}
