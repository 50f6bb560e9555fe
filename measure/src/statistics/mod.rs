//! What the samples of a cell say, how sure that is, and how two cells differ.
//!
//! A cell is measured in B blocks. Every block starts a fresh server, so two samples of one block share
//! that start (its memory layout, its caches, the state of the machine at that time) and two samples of
//! different blocks do not. The block, not the sample, is therefore the unit of replication: a thousand
//! samples from one start say a lot about that start and nothing about the next one.
//!
//! - [`BlockSamples`]: what one block delivered.
//! - [`Cell`]: all blocks of a cell, and what was computed from them.
//! - [`Summary`]: the figures over the pooled samples.
//! - [`Interval`]: a 95 % confidence interval for a [`Metric`] of a cell, see [`jackknife`] and [`percentile`].
//! - [`Precision`]: how narrow an interval is wanted.
//! - [`Comparison`]: difference and ratio of a [`Metric`] between two cells, see [`comparison`].
//! - [`Change`]: the same with intervals of another confidence, as [`discovery`] asks for where many are looked at together.
//! - [`quantile`]: percentiles of the exact samples, as numpy takes them.
//!
//! # How often intervals hold
//!
//! Simulated with truth known (`cargo run --release -p rpycbench-measure --example coverage`); 4,000 cells scatter by
//! 0.3 % around a share of 95 %. Samples are log-normal with deviation σ, AR(1) follows its predecessor with correlation ρ
//! (σ = 0.3), and starts that differ shift the logarithm of all samples of a block by a normal of a sixth, a third or all
//! of σ = 0.3; the truth is then that of all blocks there could be. Where starts differ as much as samples do, most cells
//! have no interval of the tail, and the few whose starts look alike by chance are the ones that miss: of all cells, with
//! or without an interval, no more than 9 in 100 have one that misses.
//!
#![doc = include_str!("coverage.md")]
//!
//! # Example
//!
//! Durations are integer nanoseconds. Percentiles are those of the pooled samples: an average of the
//! percentiles of blocks is not a percentile of anything.
//!
//! ```
//! use rpycbench_measure::statistics::{BlockSamples, Cell, Metric, compare};
//!
//! let lan = Cell::new(vec![
//!     BlockSamples::new(vec![310, 290, 300], 0, 1_000),
//!     BlockSamples::new(vec![320, 300, 310], 0, 1_000),
//! ]);
//! let localhost = Cell::new(vec![
//!     BlockSamples::new(vec![110, 90, 100], 0, 1_000),
//!     BlockSamples::new(vec![120, 100, 110], 0, 1_000),
//! ]);
//! assert_eq!(lan.summary().mean, Some(305.0));
//! let difference = compare(&lan, &localhost, Metric::Mean).map(|it| it.difference);
//! assert_eq!(difference, Some(200.0));
//! ```

mod cell;
pub mod comparison;
pub mod discovery;
mod figure;
mod interval;
pub mod jackknife;
mod metric;
pub mod percentile;
mod precision;
pub mod quantile;
mod summary;

pub use cell::{BlockSamples, Cell};
pub use comparison::{Change, Comparison, Relation, SmallestDifference, change, compare, smallest_difference};
pub(crate) use interval::NORMAL_975;
pub use interval::{Confidence, Interval};
pub use metric::Metric;
pub use percentile::NoInterval;
pub use precision::{Precision, PrecisionError, Shortfall};
pub use summary::Summary;
