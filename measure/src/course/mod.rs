//! The course of a block: whether its samples, in the order of their starts, tell of one steady state.
//!
//! - [`Course`]: what is found in one block: a [`WarmUp`] or a [`Change`].
//! - [`disagreement`]: what is found between the blocks of a cell.
//! - [`dependence`]: how many independent samples a series is worth.
//!
//! With enough samples every test finds something: a difference of a thousandth is certain among millions. So each
//! finding has to be large enough to matter as well as more than chance, and chance is judged by the series' own
//! dependence. A block of fewer than 50 samples is not checked, and of 100 only what is plain to see is found.
//! Of 2,000 cells of 5 blocks, or blocks (`cargo run --release -p rpycbench-measure --example false_alarms`):
//!
#![doc = include_str!("false_alarms.md")]

pub mod dependence;

mod agreement;
mod batches;
mod change;
mod noise;
mod warm_up;

pub use agreement::{Disagreement, disagreement};
pub use change::Change;
pub use warm_up::WarmUp;

use batches::{Batches, moments};
use noise::Noise;

/// What the series of a block tells. That of a block too short to be checked finds nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Course {
    warm_up: Option<WarmUp>,
    change: Option<Change>,
    level: Option<Level>,
}

/// Where a block stands, on a logarithmic scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Level {
    height: f64,
    /// Of the height, as far as samples of this block move it.
    variance: f64,
}

impl Course {
    /// Of the durations of successful samples in the order of their starts, ns.
    pub fn of(series: &[i64]) -> Self {
        let nothing = Self { warm_up: None, change: None, level: None };
        let Some(whole) = Batches::of(series) else { return nothing };
        match warm_up::find(&whole) {
            Some((warm_up, steady)) => Self { warm_up: Some(warm_up), change: None, level: level(steady.levels()) },
            None => Self { warm_up: None, change: change::find(&whole), level: level(whole.levels()) },
        }
    }

    /// The slow start, if there is one.
    pub fn warm_up(&self) -> Option<WarmUp> {
        self.warm_up
    }

    /// What happened instead of a steady state. Nothing behind a warm-up: what is followed by a change is none.
    pub fn change(&self) -> Option<Change> {
        self.change
    }

    fn level(&self) -> Option<Level> {
        self.level
    }
}

fn level(levels: &[f64]) -> Option<Level> {
    let noise = Noise::of(levels, 1);
    noise
        .is_known()
        .then(|| Level { height: moments(levels).0, variance: noise.long_run_variance / levels.len() as f64 })
}
