//! How many independent samples a series is worth.
//!
//! **Method.** The variance of the mean of a series that depends on itself is its long-run variance over its length:
//! the sum of all autocovariances, not the first alone. They are summed in pairs from lag 0 while the pairs are
//! positive: the initial positive sequence of Geyer, "Practical Markov Chain Monte Carlo", Statistical Science 7(4),
//! 1992. Pairs of a reversible chain are positive in truth, and what follows the first that is not is noise.
//!
//! [`effective_size`] asks this of the series of "above the median or not", so that heavy tails do not drown the
//! dependence of the bulk and the answer is that for the median: the effective size of a quantile of Vehtari, Gelman,
//! Simpson, Carpenter & Bürkner, "Rank-Normalization, Folding, and Localization: An Improved R̂", Bayesian Analysis
//! 16(2), 2021. Long series are first averaged over at most 2,000 batches of consecutive samples, the method of batch
//! means (Schmeiser, "Batch Size Effects in the Analysis of Simulation Output", Operations Research 30(3), 1982), with
//! Geyer's sum for what dependence remains between batches: a million samples cost a few milliseconds.

use super::batches::median;

/// Batches of a long series.
const BATCHES_MAX: usize = 2_000;

/// So many independent samples would tell as much about the median as these, given in the order of their starts. Between
/// 1 and their number; 0 for none.
pub fn effective_size(series: &[i64]) -> f64 {
    let count = series.len() as f64;
    let Some(median) = median(series) else { return 0.0 };
    let size = series.len().div_ceil(BATCHES_MAX);
    // A remainder of fewer than a batch would weigh as much as one: it is left out of this estimate.
    let batches: Vec<f64> =
        series.chunks_exact(size).map(|batch| mean(batch.iter().map(|it| above(*it, median)))).collect();
    let share = mean(series.iter().map(|it| above(*it, median)));
    let single = mean(series.iter().map(|it| (above(*it, median) - share).powi(2)));
    let long_run = long_run_variance(&batches) * size as f64;
    if single <= 0.0 || long_run <= 0.0 { count } else { (count * single / long_run).clamp(1.0, count) }
}

/// 0, ½ or 1: equal values are on neither side.
fn above(value: i64, median: i64) -> f64 {
    match value.cmp(&median) {
        std::cmp::Ordering::Less => 0.0,
        std::cmp::Ordering::Equal => 0.5,
        std::cmp::Ordering::Greater => 1.0,
    }
}

/// The sum of all autocovariances of a series, by Geyer's initial positive sequence; 0 for a constant one. At least its
/// variance: in a short series a sum below that is noise far more often than values that take turns.
pub(super) fn long_run_variance(series: &[f64]) -> f64 {
    let centre = mean(series.iter().copied());
    let deviations: Vec<f64> = series.iter().map(|value| value - centre).collect();
    let autocovariance = |lag: usize| -> f64 {
        let later = deviations.get(lag..).unwrap_or_default();
        later.iter().zip(&deviations).map(|(one, other)| one * other).sum::<f64>() / deviations.len() as f64
    };
    let variance = autocovariance(0);
    let pairs = (0..series.len() / 2).map(|pair| autocovariance(2 * pair) + autocovariance(2 * pair + 1));
    let positive: f64 = pairs.take_while(|pair| *pair > 0.0).sum();
    // Twice the sum counts lag 0 twice.
    (2.0 * positive - variance).max(variance)
}

pub(super) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}
