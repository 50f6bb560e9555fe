//! Quantiles of samples of which only intervals are known.

use proptest::prelude::*;
use rpycbench_measure::clock::quantile_range;
use rpycbench_measure::statistics::quantile;

use super::world::SECOND;

proptest! {
    #[test]
    fn a_quantile_is_in_its_range(
        samples in prop::collection::vec((0_i64..SECOND, 0_i64..1_000_000, 0_i64..1_000_000), 1..60), q in 0.0..=1.0,
    ) {
        let mut truths: Vec<i64> = samples.iter().map(|&(truth, ..)| truth).collect();
        truths.sort_unstable();
        let truth = quantile::linear(&truths, q).expect("samples");
        let interval = |&(truth, below, above): &(i64, i64, i64)| [truth - below, truth + above];
        let intervals: Vec<[i64; 2]> = samples.iter().map(interval).collect();
        let range = quantile_range(intervals.iter().copied(), q).expect("samples");
        prop_assert!(range.low <= truth + 1e-6 && truth <= range.high + 1e-6, "{:?} {}", range, truth);
        // Attained: all of them may be at their low ends, or at their high ones.
        for (end, expected) in [(0, range.low), (1, range.high)] {
            let mut ends: Vec<i64> = intervals.iter().map(|interval| interval[end]).collect();
            ends.sort_unstable();
            prop_assert_eq!(quantile::linear(&ends, q), Some(expected));
        }
    }
}

#[test]
fn no_samples_have_no_quantile() {
    assert_eq!(quantile_range([], 0.5), None);
    assert_eq!(quantile_range([[1, 2]], 1.5), None);
}
