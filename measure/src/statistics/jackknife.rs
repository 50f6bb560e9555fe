//! The mean and the throughput of a cell with each block left out in turn: the delete-a-group jackknife.
//!
//! With θ the figure over all B blocks and θ₍b₎ the same figure without block b,
//!
//! ```text
//! variance = (B − 1) / B · Σ (θ₍b₎ − θ)²        interval = θ ± t · √variance
//! ```
//!
//! where t is the 97.5 % quantile of Student's distribution with B − 1 degrees of freedom.
//!
//! **Source.** Kott, "The Delete-a-Group Jackknife", Journal of Official Statistics 17(4), 2001; Student's
//! t for it goes back to Tukey, "Bias and Confidence in Not-quite Large Samples", Annals of Mathematical
//! Statistics 29(2), 1958. Deviations are taken from θ, not from the mean of the θ₍b₎, which never makes
//! the interval narrower. For the mean over blocks of equal size it is the classic t interval over block
//! means.
//!
//! **Why whole blocks.** Samples of one block are dependent: they share a server's start, and each follows another.
//! Whatever that dependence is, it is in how the blocks scatter. With few blocks the variance is a rough estimate,
//! however many samples they have; that is what Student's t, not the normal, allows for.
//!
//! **Assumptions.** Blocks are independent restarts under the same conditions and of about equal size. How often such
//! intervals hold the truth: see [`statistics`](super). For quantiles the jackknife does not hold what it promises in
//! the tail: those have a method of their own, see [`percentile`](super::percentile).

use super::interval::Interval;

/// A figure, and how the same figure without each block differs from it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Replicates {
    pub(super) estimate: f64,
    /// θ₍b₎ − θ, one place a block, none for a block that has no say; empty if there is a block that cannot be left
    /// out because nothing would remain.
    pub(super) deviations: Vec<Option<f64>>,
}

impl Replicates {
    /// From the figure and, for each block that has a say, the figure without it.
    pub(super) fn new(estimate: f64, without: Vec<Option<f64>>) -> Self {
        let deviations = without.into_iter().map(|without| without.map(|it| it - estimate)).collect();
        Self { estimate, deviations }
    }

    /// The ends at `t` standard errors from the estimate.
    pub(super) fn limits(&self, t: f64) -> Option<Interval> {
        let blocks = self.deviations.iter().flatten().count() as f64;
        let squares: f64 = self.deviations.iter().flatten().map(|deviation| deviation.powi(2)).sum();
        let half_width = t * ((blocks - 1.0) / blocks * squares).sqrt();
        Interval::finite(self.estimate - half_width, self.estimate + half_width)
    }
}
