//! Whether a block was still warming up when it was measured, and how long.
//!
//! **Where it ends**: of all places in the first half of the block, the one after which the mean is known best, that is
//! where Σ (yᵢ − ȳ)² / (K − d)², over the K − d batches after the first d, is smallest. This is MSER-5: White, "An
//! Effective Truncation Heuristic for Bias Reduction in Simulation Output", Simulation 69(6), 1997, and White, Cobb &
//! Spratt, "A Comparison of Five Steady-State Truncation Heuristics for Simulation", Winter Simulation Conference, 2000;
//! here over medians of batches on a logarithmic scale.
//!
//! **Whether it is one**: MSER always names a place. It is believed where the start is slower than the rest by more than
//! 5 % and by more than chance ([`Noise`]), and where the rest is steady ([`change`]). A minimum at the end of the first half,
//! or a rest that is not steady, means that the block had not settled: that is a change, and nothing is cut.

use super::batches::{Batches, moments};
use super::change;
use super::noise::Noise;

/// A start that is slower by less than this moves no figure of a block by more than half of it, and is kept.
pub(super) const SLOWER_MIN: f64 = 0.05;

/// The slow start of a block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WarmUp {
    /// Samples until it was over.
    pub samples: usize,
    /// Samples of the block.
    pub of: usize,
    /// By what share the start was slower than the rest: 0.2 for 20 %.
    pub slower: f64,
}

/// The slow start, and the batches behind it.
pub(super) fn find(batches: &Batches) -> Option<(WarmUp, Batches)> {
    let levels = batches.levels();
    let longest = levels.len() / 2;
    let cut = least_error(levels, longest);
    if cut == 0 || cut == longest {
        return None;
    }
    let steady = batches.without(cut).filter(|rest| change::find(rest).is_none())?;
    let difference = moments(levels.get(..cut)?).0 - moments(steady.levels()).0;
    let weight = (cut as f64).recip() + (steady.levels().len() as f64).recip();
    // A level and a place.
    let certain = Noise::of(steady.levels(), 2).tells(difference, weight);
    let slower = difference.exp() - 1.0;
    (slower > SLOWER_MIN && certain)
        .then(|| (WarmUp { samples: batches.samples_of(cut), of: batches.samples(), slower }, steady))
}

/// The number of first batches without which the mean of the others is known best.
fn least_error(levels: &[f64], longest: usize) -> usize {
    let (mut sum, mut squares, mut count) = (0.0, 0.0, 0.0_f64);
    let mut best = (f64::INFINITY, 0);
    let centre = moments(levels).0;
    // From the end: each step takes one batch more.
    for (cut, level) in levels.iter().enumerate().rev() {
        let level = level - centre;
        (sum, squares, count) = (sum + level, squares + level * level, count + 1.0);
        let error = (squares - sum * sum / count) / (count * count);
        if cut <= longest && error <= best.0 {
            best = (error, cut);
        }
    }
    best.1
}
