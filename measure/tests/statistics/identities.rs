//! Identities that must hold for any samples.

use proptest::prelude::*;
use rpycbench_measure::statistics::{BlockSamples, Cell, Comparison, Interval, Metric, compare, quantile};

use crate::samples::{T_975, any_ns, block, close, close_intervals, duration, parts, quantiles, sorted};

proptest! {
    #[test]
    fn a_pooled_quantile_is_that_of_everything_sorted(parts in parts(any_ns()), q in quantiles()) {
        let parts: Vec<Vec<i64>> = parts.into_iter().map(sorted).collect();
        let slices: Vec<&[i64]> = parts.iter().map(Vec::as_slice).collect();
        prop_assert_eq!(quantile::pooled(&slices, q), quantile::linear(&sorted(parts.concat()), q));
    }

    #[test]
    fn quantiles_rise_from_the_shortest_to_the_longest(
        samples in prop::collection::vec(-1_000_i64..1_000, 1..50), one in 0.0..=1.0, other in 0.0..=1.0,
    ) {
        let sorted = sorted(samples);
        let at = |q: f64| quantile::linear(&sorted, q).unwrap_or(f64::NAN);
        prop_assert!(at(f64::min(one, other)) <= at(f64::max(one, other)));
        prop_assert_eq!(at(0.0), sorted[0] as f64);
        prop_assert_eq!(at(1.0), sorted[sorted.len() - 1] as f64);
    }

    #[test]
    fn a_summary_of_blocks_is_that_of_one(parts in parts(any_ns()), failed in 0_u64..9, span in 0_i64..1 << 40) {
        let whole = BlockSamples::new(parts.concat(), failed * parts.len() as u64, span * parts.len() as i64);
        let blocks = parts.into_iter().map(|part| BlockSamples::new(part, failed, span)).collect();
        prop_assert_eq!(Cell::new(blocks).summary(), Cell::new(vec![whole]).summary());
    }

    #[test]
    fn deviation_and_mean_are_those_of_the_definition(samples in prop::collection::vec(duration(), 2..100)) {
        let n = samples.len() as f64;
        let mean = samples.iter().map(|&ns| ns as f64).sum::<f64>() / n;
        let squares: f64 = samples.iter().map(|&ns| (ns as f64 - mean).powi(2)).sum();
        let cell = Cell::new(vec![BlockSamples::new(samples, 0, 1)]);
        prop_assert!(close(cell.summary().mean, Some(mean)));
        prop_assert!(close(cell.summary().stddev, Some((squares / (n - 1.0)).sqrt())));
    }

    #[test]
    fn the_order_of_blocks_does_not_matter(
        blocks in prop::collection::vec(block(), 2..7), turn in any::<prop::sample::Index>(),
    ) {
        let mut turned = blocks.clone();
        turned.rotate_left(turn.index(blocks.len()));
        turned.swap(0, 1);
        let (cell, turned) = (Cell::new(blocks), Cell::new(turned));
        prop_assert_eq!(cell.summary(), turned.summary());
        for metric in Metric::ALL {
            prop_assert_eq!(cell.value(metric), turned.value(metric));
            prop_assert!(close_intervals(cell.interval(metric), turned.interval(metric)), "{}", metric);
        }
    }

    #[test]
    fn values_are_those_of_the_summary(blocks in prop::collection::vec(block(), 0..5)) {
        let cell = Cell::new(blocks);
        let summary = cell.summary();
        let expected = [
            summary.mean, summary.p50, summary.p90, summary.p95, summary.p99, summary.p999,
            summary.throughput_per_s,
        ];
        prop_assert_eq!(Metric::ALL.map(|metric| cell.value(metric)), expected);
        prop_assert_eq!(cell.quantile(0.95), summary.p95);
    }

    /// Every estimate with a block left out is that of a cell without the block.
    #[test]
    fn the_interval_of_an_average_follows_from_cells_without_a_block(
        blocks in prop::collection::vec(block().prop_filter("has a say", |it| !it.durations_ns().is_empty()), 2..6),
    ) {
        let cell = Cell::new(blocks.clone());
        for metric in [Metric::Mean, Metric::ThroughputPerS] {
            let Some(interval) = cell.interval(metric) else { continue };
            let estimate = cell.value(metric).unwrap_or(f64::NAN);
            let squares: f64 = (0..blocks.len())
                .map(|left_out| {
                    let mut kept = blocks.clone();
                    kept.remove(left_out);
                    (Cell::new(kept).value(metric).unwrap_or(f64::NAN) - estimate).powi(2)
                })
                .sum();
            let n = blocks.len() as f64;
            let half_width = T_975[blocks.len() - 2] * ((n - 1.0) / n * squares).sqrt();
            let expected = Interval { low: estimate - half_width, high: estimate + half_width };
            prop_assert!(close_intervals(Some(interval), Some(expected)), "{} {:?} {:?}", metric, interval, expected);
        }
    }

    #[test]
    fn of_equal_blocks_the_mean_has_the_classic_t_interval(
        samples in (2_usize..7, 1_usize..20).prop_flat_map(|(blocks, size)| {
            prop::collection::vec(prop::collection::vec(duration(), size), blocks)
        }),
    ) {
        let n = samples.len() as f64;
        let means: Vec<f64> =
            samples.iter().map(|block| block.iter().sum::<i64>() as f64 / block.len() as f64).collect();
        let mean = means.iter().sum::<f64>() / n;
        let variance = means.iter().map(|block| (block - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let half_width = T_975[samples.len() - 2] * (variance / n).sqrt();
        let expected = Interval { low: mean - half_width, high: mean + half_width };
        let cell = Cell::new(samples.into_iter().map(|block| BlockSamples::new(block, 0, 1)).collect());
        prop_assert!(close_intervals(cell.interval(Metric::Mean), Some(expected)));
    }

    #[test]
    fn swapping_a_comparison_inverts_it(
        one in prop::collection::vec(large_or_small(), 1..6), other in prop::collection::vec(large_or_small(), 1..6),
    ) {
        let (one, other) = (Cell::new(one), Cell::new(other));
        for metric in Metric::ALL {
            let there = compare(&one, &other, metric);
            let back = compare(&other, &one, metric);
            let (Some(there), Some(back)) = (there, back) else {
                prop_assert_eq!(there, back);
                continue;
            };
            prop_assert_eq!(there.difference, -back.difference);
            prop_assert!(close(there.ratio, back.ratio.map(f64::recip)));
            let negated = back.difference_ci95.map(|it| Interval { low: -it.high, high: -it.low });
            prop_assert!(close_intervals(there.difference_ci95, negated));
            // Far out, the ends of a ratio under- or overflow.
            let moderate = |it: &Comparison| it.ratio_ci95.is_some_and(|it| it.low > 1e-100 && it.high < 1e100);
            if moderate(&there) && moderate(&back) {
                let inverted = back.ratio_ci95.map(|it| Interval { low: it.high.recip(), high: it.low.recip() });
                prop_assert!(close_intervals(there.ratio_ci95, inverted));
            }
            prop_assert_eq!(there.distinguishable, back.distinguishable);
        }
    }

    #[test]
    fn intervals_hold_their_estimate(
        one in prop::collection::vec(large_or_small(), 2..6), other in prop::collection::vec(large_or_small(), 2..6),
    ) {
        let (one, other) = (Cell::new(one), Cell::new(other));
        for comparison in Metric::ALL.into_iter().filter_map(|metric| compare(&one, &other, metric)) {
            if let Some(interval) = comparison.difference_ci95 {
                prop_assert!(interval.contains(comparison.difference));
                let excludes = |it: Interval, value: f64| it.low > value || it.high < value;
                let both = excludes(interval, 0.0) && comparison.ratio_ci95.is_none_or(|it| excludes(it, 1.0));
                prop_assert_eq!(comparison.distinguishable, both);
            } else {
                prop_assert!(!comparison.distinguishable);
            }
            if let (Some(ratio), Some(interval)) = (comparison.ratio, comparison.ratio_ci95) {
                // exp(ln(ratio)) is off by a rounding.
                prop_assert!(interval.low <= ratio * (1.0 + 1e-12) && ratio <= interval.high * (1.0 + 1e-12));
            }
        }
    }

    /// Whatever the number of samples, which decides how sums round.
    #[test]
    fn equal_samples_have_an_interval_without_width(
        value in any_ns(), sizes in prop::collection::vec(1_usize..200, 2..6),
    ) {
        let blocks = sizes.iter().map(|&size| BlockSamples::new(vec![value; size], 0, 1)).collect();
        let cell = Cell::new(blocks);
        for metric in Metric::ALL.into_iter().filter(|&metric| metric != Metric::ThroughputPerS) {
            let expected = Some([value as f64; 2]);
            let found = cell.interval(metric).map(<[f64; 2]>::from);
            // Beyond a percentile there may be too few, equal or not.
            prop_assert!(found == expected || found.is_none() && metric != Metric::Mean, "{} {:?}", metric, found);
        }
        prop_assert_eq!(cell.summary().stddev, Some(0.0));
    }
}

/// Also some whose percentiles have intervals.
fn large_or_small() -> impl Strategy<Value = BlockSamples> {
    let large = (prop::collection::vec(1_000_000_i64..1_500_000, 150..200), 0_i64..1 << 40)
        .prop_map(|(durations, span)| BlockSamples::new(durations, 0, span));
    prop_oneof![block(), large]
}
