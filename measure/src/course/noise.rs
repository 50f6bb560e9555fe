//! What chance does to the levels of a block: the yardstick of its checks.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::batches::{COUNT_MIN, moments};
use super::dependence::long_run_variance;

/// Two-sided probability of a deviation that is not put down to chance. So small because a check looks at up to 200
/// places of every block of every cell, and because its own estimate of noise is uncertain.
pub(super) const CERTAIN: f64 = 1e-8;

/// How levels scatter that follow each other without a trend.
#[derive(Debug, Clone, Copy)]
pub(super) struct Noise {
    /// The variance of a mean of n levels is this over n.
    pub(super) long_run_variance: f64,
    /// So many independent levels would tell as much.
    effective: f64,
    parameters: u32,
}

impl Noise {
    /// Of levels, or of what a shape of as many parameters has left of them.
    pub(super) fn of(residuals: &[f64], parameters: u32) -> Self {
        let count = residuals.len() as f64;
        let long_run_variance = long_run_variance(residuals);
        let variance = moments(residuals).1 / count;
        let effective = if long_run_variance > 0.0 { (count * variance / long_run_variance).min(count) } else { count };
        Self { long_run_variance, effective, parameters }
    }

    /// Whether there are enough effective levels to know their scatter. Where there are not, there is a trend left, or
    /// the block is too short to tell one from chance.
    pub(super) fn is_known(&self) -> bool {
        self.effective >= COUNT_MIN as f64
    }

    /// Whether a difference is more than chance, whose variance is the long-run variance times `weight`.
    pub(super) fn tells(&self, difference: f64, weight: f64) -> bool {
        if !self.is_known() {
            return false;
        }
        let error = (self.long_run_variance * weight).sqrt();
        if error == 0.0 {
            return difference != 0.0;
        }
        let Ok(student) = StudentsT::new(0.0, 1.0, self.effective - f64::from(self.parameters)) else { return false };
        2.0 * student.sf((difference / error).abs()) < CERTAIN
    }
}
