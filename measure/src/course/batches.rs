//! A block in pieces: what its checks look at.

use super::dependence::mean;

/// Samples of the smallest batch, those of MSER-5: see [`warm_up`](super::warm_up).
const SIZE_MIN: usize = 5;
/// Batches of a long block: finer ones would cost more and find nothing that matters to its figures.
const COUNT_MAX: usize = 200;
/// Of fewer batches, nothing is said: their own scatter is not known.
pub(super) const COUNT_MIN: usize = 10;

/// The medians of consecutive samples, on a logarithmic scale: there a change is a share of the duration, the same for
/// fast and slow calls, and neither a single slow call nor a skewed distribution makes one.
#[derive(Debug, Clone)]
pub(super) struct Batches {
    size: usize,
    samples: usize,
    levels: Vec<f64>,
}

impl Batches {
    /// Of durations in the order of their starts. None of fewer than 50, or where a median is not positive.
    pub(super) fn of(series: &[i64]) -> Option<Self> {
        let size = series.len().div_ceil(COUNT_MAX).max(SIZE_MIN);
        let count = series.len() / size;
        if count < COUNT_MIN {
            return None;
        }
        // The last one takes the remainder.
        let batch = |number: usize| {
            let from = number * size;
            let upto = if number + 1 == count { series.len() } else { from + size };
            series.get(from..upto).and_then(median)
        };
        let levels = (0..count).map(|number| Some((batch(number).filter(|it| *it > 0)? as f64).ln()));
        Some(Self { size, samples: series.len(), levels: levels.collect::<Option<_>>()? })
    }

    /// One level a batch.
    pub(super) fn levels(&self) -> &[f64] {
        &self.levels
    }

    /// Samples in the first `batches`.
    pub(super) fn samples_of(&self, batches: usize) -> usize {
        if batches >= self.levels.len() { self.samples } else { batches * self.size }
    }

    /// Samples in all.
    pub(super) fn samples(&self) -> usize {
        self.samples
    }

    /// The same without the first batches; none if too few are left.
    pub(super) fn without(&self, first: usize) -> Option<Self> {
        let levels = self.levels.get(first..).filter(|left| left.len() >= COUNT_MIN)?.to_vec();
        Some(Self { size: self.size, samples: self.samples - self.samples_of(first), levels })
    }
}

/// The upper one of two; none of none.
pub(super) fn median(samples: &[i64]) -> Option<i64> {
    let mut sorted = samples.to_vec();
    let middle = sorted.len() / 2;
    sorted.get(middle)?;
    Some(*sorted.select_nth_unstable(middle).1)
}

/// Mean and sum of squares around it.
pub(super) fn moments(levels: &[f64]) -> (f64, f64) {
    let centre = mean(levels.iter().copied());
    (centre, levels.iter().map(|level| (level - centre).powi(2)).sum())
}
