//! Whether a block kept its level from the first batch to the last.
//!
//! **Method.** Two shapes are fitted to the levels of the batches by least squares: a line (drift) and two constants that
//! meet at the best of all places (level shift: Hinkley, "Inference about the Change-Point in a Sequence of Random
//! Variables", Biometrika 57(1), 1970; for dependent series Bai, "Least Squares Estimation of a Shift in Linear
//! Processes", Journal of Time Series Analysis 15(5), 1994). The shape that leaves less is taken. It is believed where it
//! changes the level by more than [`CHANGE_MIN`] from one end to the other, and by more than chance as [`Noise`] of what
//! the shape leaves tells it. Where the shape leaves so long waves that a hundred batches or more are worth under ten, the
//! block has no one level, whatever shape that has, and it is said how badly the level is known.

use super::batches::{Batches, moments};
use super::dependence::mean;
use super::noise::Noise;
use crate::statistics::NORMAL_975;

/// A block whose level changed by less than this is called steady: every figure is then known to a few per cent, which is
/// what restarts differ by, and intervals over blocks contain it.
pub(super) const CHANGE_MIN: f64 = 0.05;
/// A shift has at least one tenth of the block on either side: what is shorter is a burst or a start.
const SIDE_MIN: usize = 10;

/// Batches from which on waves can be told from chance: of fewer, a correlation of 0.9 between samples looks like one.
const WANDERS_MIN: usize = 100;

/// How a block's level changed. Shares of the level before: 0.1 for 10 % slower.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    /// Steadily.
    Drift {
        /// From the first batch to the last.
        slower: f64,
    },
    /// At once.
    Shift {
        /// Samples before it.
        after: usize,
        /// The level behind it, to that before.
        slower: f64,
    },
    /// Up and down, in waves as long as a tenth of the block or longer.
    Wandering {
        /// Half of the width of the 95 % interval of the block's level that they leave: 0.08 for ± 8 %.
        known_to: f64,
    },
}

pub(super) fn find(batches: &Batches) -> Option<Change> {
    let levels = batches.levels();
    let shape = Shape::fit(levels)?;
    let noise = shape.noise(levels);
    if !noise.is_known() && levels.len() >= WANDERS_MIN {
        let known_to = (NORMAL_975 * (noise.long_run_variance / levels.len() as f64).sqrt()).exp() - 1.0;
        return (known_to > CHANGE_MIN).then_some(Change::Wandering { known_to });
    }
    let slower = shape.rise().exp() - 1.0;
    let certain = slower.abs() > CHANGE_MIN && noise.tells(shape.rise(), shape.weight(levels.len()));
    certain.then(|| match shape {
        Shape::Line(_) => Change::Drift { slower },
        Shape::Step(step) => Change::Shift { after: batches.samples_of(step.place), slower },
    })
}

/// The shape that leaves less of the levels.
enum Shape {
    Line(Line),
    Step(Step),
}

impl Shape {
    /// None of fewer levels than a step has sides.
    fn fit(levels: &[f64]) -> Option<Self> {
        let (line, step) = (Line::fit(levels), Step::fit(levels)?);
        Some(if line.left_over < step.left_over { Self::Line(line) } else { Self::Step(step) })
    }

    /// What chance does to the levels around it.
    fn noise(&self, levels: &[f64]) -> Noise {
        match self {
            Self::Line(line) => Noise::of(&line.residuals(levels), 2),
            // Two levels and a place.
            Self::Step(step) => Noise::of(&step.residuals(levels), 3),
        }
    }

    fn rise(&self) -> f64 {
        match self {
            Self::Line(line) => line.rise,
            Self::Step(step) => step.rise,
        }
    }

    /// The variance of its rise over the long-run variance.
    fn weight(&self, count: usize) -> f64 {
        match self {
            Self::Line(_) => 12.0 / count as f64,
            Self::Step(step) => (step.place as f64).recip() + ((count - step.place) as f64).recip(),
        }
    }
}

struct Line {
    centre: f64,
    /// From the first level to the last.
    rise: f64,
    left_over: f64,
}

impl Line {
    fn fit(levels: &[f64]) -> Self {
        let (centre, squares) = moments(levels);
        let places = levels.iter().enumerate().map(|(number, level)| (place(number, levels.len()), level - centre));
        let (product, scale) =
            places.fold((0.0, 0.0), |(product, scale), (at, level)| (product + at * level, scale + at * at));
        let rise = product / scale;
        Self { centre, rise, left_over: squares - rise * product }
    }

    fn residuals(&self, levels: &[f64]) -> Vec<f64> {
        let at = |number| self.centre + self.rise * place(number, levels.len());
        levels.iter().enumerate().map(|(number, level)| level - at(number)).collect()
    }
}

/// From −½ for the first to ½ for the last.
fn place(number: usize, count: usize) -> f64 {
    number as f64 / (count as f64 - 1.0) - 0.5
}

struct Step {
    /// Levels before it.
    place: usize,
    rise: f64,
    left_over: f64,
}

impl Step {
    fn fit(levels: &[f64]) -> Option<Self> {
        let (centre, squares) = moments(levels);
        let count = levels.len() as f64;
        let side = levels.len().div_ceil(SIDE_MIN);
        let mut sum = 0.0;
        let mut best: Option<Self> = None;
        for (number, level) in levels.iter().enumerate() {
            let before = number as f64;
            if number >= side && number + side <= levels.len() {
                // Deviations sum to 0: what is above on one side is below on the other.
                let rise = -sum / before - sum / (count - before);
                let left_over = squares - sum * sum * count / (before * (count - before));
                if best.as_ref().is_none_or(|best| left_over < best.left_over) {
                    best = Some(Self { place: number, rise, left_over });
                }
            }
            sum += level - centre;
        }
        best
    }

    fn residuals(&self, levels: &[f64]) -> Vec<f64> {
        let (before, behind) = levels.split_at(self.place.min(levels.len()));
        let around = |side: &[f64]| {
            let centre = mean(side.iter().copied());
            side.iter().map(|level| level - centre).collect::<Vec<_>>()
        };
        [around(before), around(behind)].concat()
    }
}
