//! Quantiles of the exact samples: linear interpolation between two order statistics, definition 7 of
//! Hyndman & Fan, "Sample Quantiles in Statistical Packages", The American Statistician 50(4), 1996;
//! the default of numpy and R. Bit-equal to `numpy.quantile(samples, q)` on an int64 array, as long as
//! no two neighbouring order statistics lie 2⁶³ or more apart (numpy's difference wraps there).

/// The quantile `q` of samples in ascending order; none of no samples, or if `q` is not in 0..=1.
///
/// `numpy.percentile(samples, p)` is this with `q = p / 100`, and the division rounds: for 99.9 it gives
/// a `q` one step above 0.999.
pub fn linear(sorted: &[i64], q: f64) -> Option<f64> {
    let at = Position::of(sorted.len(), q)?;
    let low = *sorted.get(at.lower)?;
    let high = *sorted.get(at.upper)?;
    Some(lerp(low, high, at.weight))
}

/// The quantile `q` of everything in `parts` together, each in ascending order: [`linear`] of the
/// sorted concatenation, without making it.
///
/// Takes O(k · log n · 64) steps for k parts of n samples, and no memory.
pub fn pooled(parts: &[&[i64]], q: f64) -> Option<f64> {
    pooled_at(parts, Position::of(count(parts), q)?)
}

/// What lies at a place among everything in `parts` together, counted from 0: between two samples, that share of the way
/// from one to the other. None outside of the samples.
pub(super) fn pooled_between(parts: &[&[i64]], place: f64) -> Option<f64> {
    let last = count(parts).checked_sub(1)?;
    if !(0.0..=last as f64).contains(&place) {
        return None;
    }
    pooled_at(parts, Position::at(last, place))
}

fn pooled_at(parts: &[&[i64]], at: Position) -> Option<f64> {
    let low = order_statistic(parts, at.lower)?;
    let high = if rank_after(parts, low) > at.upper { low } else { next_above(parts, low)? };
    Some(lerp(low, high, at.weight))
}

/// Where a quantile lies between two order statistics (ranks from 0).
struct Position {
    lower: usize,
    upper: usize,
    /// Share of `upper`, in 0..1.
    weight: f64,
}

impl Position {
    fn of(count: usize, q: f64) -> Option<Self> {
        if !(0.0..=1.0).contains(&q) {
            return None;
        }
        let last = count.checked_sub(1)?;
        Some(Self::at(last, last as f64 * q))
    }

    fn at(last: usize, virtual_index: f64) -> Self {
        let lower = virtual_index.floor();
        Self {
            lower: (lower as usize).min(last),
            upper: (lower as usize).saturating_add(1).min(last),
            weight: virtual_index - lower,
        }
    }
}

/// numpy's `_lerp`: from the nearer end, so that it is monotonic and exact at both ends.
fn lerp(low: i64, high: i64, weight: f64) -> f64 {
    let width = (i128::from(high) - i128::from(low)) as f64;
    if weight >= 0.5 { high as f64 - width * (1.0 - weight) } else { low as f64 + width * weight }
}

/// The sample with `rank` others before it: the smallest value that more than `rank` samples do not
/// exceed, found by bisecting the values.
fn order_statistic(parts: &[&[i64]], rank: usize) -> Option<i64> {
    let mut low = parts.iter().filter_map(|part| part.first()).copied().min()?;
    let mut high = parts.iter().filter_map(|part| part.last()).copied().max()?;
    while low < high {
        let middle = low.wrapping_add_unsigned(high.abs_diff(low) / 2);
        if rank_after(parts, middle) > rank {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Some(low)
}

fn count(parts: &[&[i64]]) -> usize {
    parts.iter().map(|part| part.len()).sum()
}

/// How many samples do not exceed `value`.
fn rank_after(parts: &[&[i64]], value: i64) -> usize {
    parts.iter().map(|part| part.partition_point(|&sample| sample <= value)).sum()
}

/// The smallest sample above `value`.
fn next_above(parts: &[&[i64]], value: i64) -> Option<i64> {
    parts.iter().filter_map(|part| part.get(part.partition_point(|&sample| sample <= value))).copied().min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selects_across_the_whole_range_of_values() {
        let parts: [&[i64]; 3] = [&[i64::MIN, -1, i64::MAX], &[], &[-1, 0]];
        let all: Vec<_> = (0..5).map(|rank| order_statistic(&parts, rank)).collect();
        assert_eq!(all, [Some(i64::MIN), Some(-1), Some(-1), Some(0), Some(i64::MAX)]);
        assert_eq!(order_statistic(&[], 0), None);
    }

    #[test]
    fn a_quantile_outside_its_range_has_no_value() {
        for q in [-0.01, 1.01, f64::NAN, f64::INFINITY] {
            assert_eq!(linear(&[1, 2], q), None, "q = {q}");
            assert_eq!(pooled(&[&[1], &[2]], q), None, "q = {q}");
        }
    }
}
