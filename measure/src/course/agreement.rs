//! Whether the blocks of a cell tell of the same thing.
//!
//! **Method.** The level of a block is the mean over its batches, and what chance does to it is the long-run variance
//! over their number ([`dependence`](super::dependence)). If only that moved the levels, Σ (level − mean)² / variance
//! would follow the χ² distribution with B − 1 degrees of freedom: Cochran's test of homogeneity ("The Combination of
//! Estimates from Different Experiments", Biometrics 10(1), 1954). What is beyond is the share of restarts: as I² of
//! Higgins & Thompson ("Quantifying Heterogeneity in a Meta-Analysis", Statistics in Medicine 21, 2002), it says how much
//! of the variance between blocks longer blocks would not take away.
//!
//! Blocks always differ a little, and intervals over blocks contain that. They disagree where that is more than chance
//! and the slowest is more than [`APART_MIN`] slower than the fastest.

use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::dependence::mean;
use super::noise::CERTAIN;
use super::{Course, Level};

/// Closer blocks differ by what restarts of one server usually differ by.
pub(super) const APART_MIN: f64 = 0.10;

/// Blocks that do not agree.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Disagreement {
    /// Place of the slowest block among those given.
    pub slowest: usize,
    /// Place of the fastest one.
    pub fastest: usize,
    /// How much slower, as a share of the fastest: 0.2 for 20 %.
    pub apart: f64,
    /// Share of the variance between blocks that longer blocks would not take away, 0..=1.
    pub from_restarts: f64,
}

/// Whether blocks disagree; one place a block, none for one that was too short to be checked.
pub fn disagreement(blocks: &[Option<&Course>]) -> Option<Disagreement> {
    let levels: Vec<(usize, Level)> =
        blocks.iter().enumerate().filter_map(|(place, course)| Some((place, course.as_ref()?.level()?))).collect();
    let by_height = |one: &&(usize, Level), other: &&(usize, Level)| one.1.height.total_cmp(&other.1.height);
    let ((slowest, top), (fastest, bottom)) = (*levels.iter().max_by(by_height)?, *levels.iter().min_by(by_height)?);
    let apart = (top.height - bottom.height).exp() - 1.0;
    let degrees_of_freedom = levels.len() as f64 - 1.0;
    // One variance for all: that of a single block is a rough estimate, and one that is too small would decide alone.
    let variance = mean(levels.iter().map(|(_, level)| level.variance));
    let centre = mean(levels.iter().map(|(_, level)| level.height));
    let squares: f64 = levels.iter().map(|(_, level)| (level.height - centre).powi(2)).sum();
    let homogeneity = squares / variance;
    let certain = variance == 0.0 || ChiSquared::new(degrees_of_freedom).ok()?.sf(homogeneity) < CERTAIN;
    let from_restarts = if variance > 0.0 { 1.0 - degrees_of_freedom / homogeneity } else { 1.0 };
    (apart > APART_MIN && certain).then_some(Disagreement { slowest, fastest, apart, from_restarts })
}
