//! Series of durations whose truth is known.

use rand::rngs::ChaCha12Rng;
use rand::{RngExt, SeedableRng};

/// Of a duration at e⁰.
pub(crate) const NANOSECONDS: f64 = 1e6;

/// How the samples of a block come about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// The logarithm is normal with standard deviation `sigma`, follows its predecessor with correlation `rho`, and is
    /// shifted in each block by a normal with standard deviation `start`.
    LogNormal { sigma: f64, rho: f64, start: f64 },
    /// Heavy: the chance of more than x falls with x to the power of −`alpha`.
    Pareto { alpha: f64 },
}

/// What is simulated: the same from the same seed.
pub(crate) struct Simulation {
    pub(crate) shape: Shape,
    rng: ChaCha12Rng,
}

impl Simulation {
    pub(crate) fn new(shape: Shape, seed: u64) -> Self {
        Self { shape, rng: ChaCha12Rng::seed_from_u64(seed) }
    }

    /// What a start adds to the logarithm: drawn apart, so that two cells can share it.
    pub(crate) fn start(&mut self) -> f64 {
        match self.shape {
            Shape::LogNormal { start, .. } => start * self.normal(),
            Shape::Pareto { .. } => 0.0,
        }
    }

    /// A block of `size` samples with that start.
    pub(crate) fn block(&mut self, size: usize, start: f64) -> Vec<i64> {
        let mut state = self.normal();
        (0..size)
            .map(|_| match self.shape {
                Shape::LogNormal { sigma, rho, .. } => {
                    let sample = state;
                    state = rho * state + (1.0 - rho * rho).sqrt() * self.normal();
                    (NANOSECONDS * (sigma * sample + start).exp()).round() as i64
                }
                Shape::Pareto { alpha } => {
                    let beyond = 1.0 - self.rng.random::<f64>();
                    (NANOSECONDS * beyond.powf(-alpha.recip())).round() as i64
                }
            })
            .collect()
    }

    /// The blocks of a cell.
    pub(crate) fn blocks(&mut self, blocks: usize, size: usize) -> Vec<Vec<i64>> {
        let mut block = || {
            let start = self.start();
            self.block(size, start)
        };
        (0..blocks).map(|_| block()).collect()
    }

    /// Box & Muller.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.rng.random::<f64>()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.rng.random::<f64>()).cos()
    }
}
