//! What the figures of a simulation are, over all blocks that there could be.

use rpycbench_measure::statistics::Metric;
use statrs::distribution::{ContinuousCDF, Normal};

use crate::simulated::{NANOSECONDS, Shape, Simulation};

impl Simulation {
    /// Of a figure of durations, ns.
    pub(crate) fn truth(&self, metric: Metric) -> f64 {
        let share = match metric {
            Metric::P50 => 0.5,
            Metric::P90 => 0.9,
            Metric::P95 => 0.95,
            Metric::P99 => 0.99,
            Metric::P999 => 0.999,
            Metric::Mean | Metric::ThroughputPerS => return NANOSECONDS * self.mean(),
        };
        NANOSECONDS
            * match self.shape {
                Shape::LogNormal { sigma, start, .. } => {
                    let normal = Normal::standard().inverse_cdf(share);
                    (sigma.hypot(start) * normal).exp()
                }
                Shape::Pareto { alpha } => (1.0 - share).powf(-alpha.recip()),
            }
    }

    fn mean(&self) -> f64 {
        match self.shape {
            Shape::LogNormal { sigma, start, .. } => ((sigma * sigma + start * start) / 2.0).exp(),
            Shape::Pareto { alpha } => alpha / (alpha - 1.0),
        }
    }
}
