//! Statistics of cells, seen from outside: known numbers, identities that must hold for any samples, and how
//! often the intervals cover the truth.

use proptest::prelude::*;
use rand::rngs::ChaCha12Rng;
use rand::{RngExt, SeedableRng};
use rpycbench_measure::statistics::{BlockSamples, Cell, Comparison, Interval, Metric, Summary, compare, quantile};

// --- known numbers

#[test]
fn quantiles_are_those_of_numpy_to_the_last_bit() {
    for (samples, expected) in NUMPY {
        let mut sorted = samples.to_vec();
        sorted.sort_unstable();
        for (q, expected) in QUANTILES.into_iter().zip(expected) {
            assert_eq!(quantile::linear(&sorted, q), Some(expected), "q = {q} of {samples:?}");
        }
    }
    assert_eq!(quantile::linear(&[], 0.5), None);
}

#[test]
fn a_summary_has_the_figures_of_numpy() {
    let cell = Cell::new(vec![BlockSamples::new(thousand_squares(0), 250, 2_500_000_000)]);
    let expected = Summary {
        count: 1_250,
        failed: 250,
        success_rate: Some(0.8),
        duration_s: 2.5,
        throughput_per_s: Some(500.0),
        mean: Some(499_580.897),
        stddev: Some(296_296.200_163_312_26),
        min: Some(0),
        p50: Some(499_389.0),
        p90: Some(908_931.700_000_000_1),
        p95: Some(949_475.499_999_999_9),
        p99: Some(982_022.51),
        p999: Some(997_833.017),
        max: Some(999_848),
    };
    assert_eq!(cell.summary(), expected);
}

/// Sums of squares of such values in floating point lose every digit of the deviation.
#[test]
fn a_large_offset_does_not_disturb_the_deviation() {
    let cell = Cell::new(vec![BlockSamples::new(thousand_squares(1_000_000_000_000_000), 0, 1)]);
    assert_eq!(cell.summary().stddev, Some(296_296.200_163_312_26));
}

/// `scipy.stats.ttest_1samp` over block means.
#[test]
fn the_interval_of_a_mean_is_the_textbooks() {
    let interval = cell(&COFFEE).interval(Metric::Mean);
    assert_interval(interval, [10.166152804324446, 15.16718052900889]);
}

/// `scipy.stats.ttest_rel` over block means.
#[test]
fn cells_with_the_same_blocks_are_compared_in_pairs() {
    let comparison = compare(&cell(&TEA), &cell(&COFFEE), Metric::Mean);
    assert_interval(comparison.and_then(|it| it.difference_ci95), [9.505641103883853, 10.761025562782812]);
}

/// `scipy.stats.ttest_ind(equal_var=False)` over block means.
#[test]
fn cells_with_different_blocks_are_compared_as_independent() {
    let expected = [7.119347489826495, 14.047319176840169];
    let shorter = compare(&cell(&TEA[..4]), &cell(&COFFEE), Metric::Mean);
    assert_interval(shorter.and_then(|it| it.difference_ci95), expected);

    let mut blocks = blocks(&TEA);
    blocks[4] = BlockSamples::new(Vec::new(), 3, 100);
    let one_failed = compare(&Cell::new(blocks), &cell(&COFFEE), Metric::Mean);
    assert_interval(one_failed.and_then(|it| it.difference_ci95), expected);
}

#[test]
fn cells_that_moved_together_are_told_apart() {
    let comparison = compare(&cell(&TEA), &cell(&COFFEE), Metric::Mean);
    assert_eq!(comparison.map(|it| it.distinguishable), Some(true));
    let itself = compare(&cell(&TEA), &cell(&TEA), Metric::Mean);
    assert_eq!(itself.map(|it| (it.difference, it.ratio, it.distinguishable)), Some((0.0, Some(1.0), false)));
    let noise = compare(&cell(&[[10], [30], [20]]), &cell(&[[29], [11], [21]]), Metric::Mean);
    assert_eq!(noise.map(|it| it.distinguishable), Some(false));
}

#[test]
fn metric_names_are_those_of_results_json() {
    let names = Metric::ALL.map(Metric::name);
    assert_eq!(names, ["mean", "p50", "p90", "p95", "p99", "p999", "throughput_per_s"]);
}

// --- little or nothing to go by

#[test]
fn a_single_sample_is_every_figure_of_itself() {
    let cell = Cell::new(vec![BlockSamples::new(vec![42], 0, 100)]);
    let summary = cell.summary();
    assert_eq!((summary.min, summary.max, summary.stddev), (Some(42), Some(42), None));
    for metric in Metric::ALL {
        let expected = if metric == Metric::ThroughputPerS { 1e7 } else { 42.0 };
        assert_eq!(cell.value(metric), Some(expected), "{metric}");
        assert_eq!(cell.interval(metric), None, "{metric}");
        let comparison = compare(&cell, &cell, metric);
        let parts = comparison.map(|it| (it.difference_ci95, it.ratio, it.ratio_ci95, it.distinguishable));
        assert_eq!(parts, Some((None, Some(1.0), None, false)), "{metric}");
    }
}

#[test]
fn without_a_success_there_is_throughput_but_no_latency() {
    let cell = Cell::new(vec![BlockSamples::new(Vec::new(), 5, 1_000_000_000); 2]);
    let summary = cell.summary();
    assert_eq!((summary.count, summary.failed, summary.success_rate), (10, 10, Some(0.0)));
    assert_eq!((summary.min, summary.max, summary.stddev), (None, None, None));
    for metric in Metric::ALL {
        let expected = (metric == Metric::ThroughputPerS).then_some(5.0);
        assert_eq!(cell.value(metric), expected, "{metric}");
        assert_eq!(cell.interval(metric).map(<[f64; 2]>::from), expected.map(|it| [it, it]), "{metric}");
        assert_eq!(compare(&cell, &cell, metric).map(|it| it.difference), expected.map(|_| 0.0), "{metric}");
    }
}

#[test]
fn without_an_attempt_there_is_no_figure() {
    for blocks in [Vec::new(), vec![BlockSamples::default(); 3]] {
        let cell = Cell::new(blocks);
        assert_eq!(cell.summary().count, 0);
        assert_eq!(cell.summary().success_rate, None);
        assert_eq!(cell.summary().duration_s, 0.0);
        assert!(Metric::ALL.into_iter().all(|metric| cell.value(metric).is_none()));
        assert!(Metric::ALL.into_iter().all(|metric| cell.interval(metric).is_none()));
    }
}

#[test]
fn blocks_without_a_success_do_not_count_as_replications() {
    let mut with_failed_blocks = blocks(&COFFEE);
    with_failed_blocks.insert(2, BlockSamples::new(Vec::new(), 9, 500));
    with_failed_blocks.push(BlockSamples::default());
    let with_failed_blocks = Cell::new(with_failed_blocks);
    for metric in Metric::ALL.into_iter().filter(|&metric| metric != Metric::ThroughputPerS) {
        assert_eq!(with_failed_blocks.interval(metric), cell(&COFFEE).interval(metric), "{metric}");
    }
    let one_left = Cell::new(vec![BlockSamples::new(vec![1, 2], 0, 10), BlockSamples::new(Vec::new(), 2, 10)]);
    assert_eq!(one_left.interval(Metric::Mean), None);
}

/// Without its first block this cell has no duration, hence no throughput.
#[test]
fn a_block_that_cannot_be_left_out_leaves_no_interval() {
    let spans = [1_000, 0, 0];
    let cell = Cell::new(spans.map(|span| BlockSamples::new(vec![5], 0, span)).to_vec());
    assert_eq!(cell.value(Metric::ThroughputPerS), Some(3e6));
    assert_eq!(cell.interval(Metric::ThroughputPerS), None);
}

#[test]
fn a_ratio_needs_two_positive_figures() {
    let ratio = |of: [[i64; 1]; 2], against: [[i64; 1]; 2]| {
        let comparison = compare(&cell(&of), &cell(&against), Metric::Mean);
        comparison.map(|it| (it.difference, it.ratio, it.ratio_ci95))
    };
    assert_eq!(ratio([[5], [7]], [[-1], [1]]), Some((6.0, None, None)));
    assert_eq!(ratio([[5], [7]], [[-1], [-3]]), Some((8.0, None, None)));
    assert_eq!(ratio([[-1], [1]], [[5], [7]]), Some((-6.0, None, None)));
    // Positive, but not with every block left out.
    assert_eq!(ratio([[5], [7]], [[-1], [3]]), Some((5.0, Some(6.0), None)));
}

#[test]
fn cells_that_never_vary_differ_for_certain() {
    for blocks in [2, 3] {
        let comparison = compare(&cell(&[[50]; 3]), &cell(&[[40]; 5][..blocks]), Metric::P99);
        let parts = comparison.map(|it| (it.difference_ci95.map(<[f64; 2]>::from), it.distinguishable));
        assert_eq!(parts, Some((Some([10.0, 10.0]), true)), "{blocks} blocks");
    }
}

// --- identities

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
    fn an_interval_follows_from_cells_without_a_block(
        blocks in prop::collection::vec(block().prop_filter("has a say", |it| !it.durations_ns().is_empty()), 2..6),
    ) {
        let cell = Cell::new(blocks.clone());
        for metric in Metric::ALL {
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
        one in prop::collection::vec(block(), 1..6), other in prop::collection::vec(block(), 1..6),
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
        one in prop::collection::vec(block(), 2..6), other in prop::collection::vec(block(), 2..6),
    ) {
        let (one, other) = (Cell::new(one), Cell::new(other));
        for comparison in Metric::ALL.into_iter().filter_map(|metric| compare(&one, &other, metric)) {
            if let Some(interval) = comparison.difference_ci95 {
                prop_assert!(interval.contains(comparison.difference));
                prop_assert_eq!(comparison.distinguishable, interval.low > 0.0 || interval.high < 0.0);
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
        value in any_ns(), sizes in prop::collection::vec(1_usize..40, 2..6),
    ) {
        let blocks = sizes.iter().map(|&size| BlockSamples::new(vec![value; size], 0, 1)).collect();
        let cell = Cell::new(blocks);
        for metric in Metric::ALL.into_iter().filter(|&metric| metric != Metric::ThroughputPerS) {
            let expected = Some([value as f64; 2]);
            prop_assert_eq!(cell.interval(metric).map(<[f64; 2]>::from), expected, "{}", metric);
        }
        prop_assert_eq!(cell.summary().stddev, Some(0.0));
    }
}

// --- how often intervals cover the truth

/// Two thousand repetitions of a cover of 95 % scatter by ±1 % (two standard errors).
#[test]
fn intervals_cover_the_truth_as_often_as_they_say() {
    let share = coverage(2_000, 20, Metric::Mean, 1_000_000.0, |_, normal| 1_000_000.0 + 50_000.0 * normal);
    assert!((0.92..=0.98).contains(&share), "independent samples: {share}");

    let shifted = |start: f64, normal: f64| 1_000_000.0 + 30_000.0 * start + 50_000.0 * normal;
    let share = coverage(2_000, 20, Metric::Mean, 1_000_000.0, shifted);
    assert!((0.92..=0.98).contains(&share), "every start differs: {share}");

    // The median of a log-normal: a quantile of a skewed distribution, e^0 in the middle.
    let skewed = |start: f64, normal: f64| 1_000_000.0 * (0.1 * start + 0.5 * normal).exp();
    let share = coverage(1_000, 50, Metric::P50, 1_000_000.0, skewed);
    assert!((0.92..=0.98).contains(&share), "median: {share}");

    // The tail is known to be covered a little less: see the table in `jackknife`.
    let p99 = 1_000_000.0 * (0.3 * 2.3263478740408408_f64).exp();
    let skewed = |_, normal: f64| 1_000_000.0 * (0.3 * normal).exp();
    let share = coverage(400, 1_000, Metric::P99, p99, skewed);
    assert!((0.89..=0.98).contains(&share), "99th percentile: {share}");
}

/// A machine that drifts shifts block b of both cells alike. In pairs that cancels; taken as independent,
/// the same cells could not be told apart.
#[test]
fn what_two_cells_share_does_not_hide_their_difference() {
    let mut rng = ChaCha12Rng::seed_from_u64(3);
    let drift: Vec<f64> = (0..5).map(|_| 100_000.0 * normal(&mut rng)).collect();
    let mut cell = |centre: f64, blocks: usize| {
        let block = |shift: &f64| (0..100).map(|_| (centre + shift + 5_000.0 * normal(&mut rng)) as i64).collect();
        let samples: Vec<Vec<i64>> = drift.iter().take(blocks).map(block).collect();
        Cell::new(samples.into_iter().map(|block| BlockSamples::new(block, 0, 1)).collect())
    };
    let (slow, slow_but_short, fast) = (cell(1_010_000.0, 5), cell(1_010_000.0, 4), cell(1_000_000.0, 5));
    let distinguishable = |of| compare(of, &fast, Metric::Mean).map(|it| it.distinguishable);
    assert_eq!(distinguishable(&slow), Some(true));
    assert_eq!(distinguishable(&slow_but_short), Some(false));
}

/// The share of cells of 5 blocks whose interval holds `truth`. `sample` makes a duration of a standard
/// normal variate of its block and one of its own.
fn coverage(repetitions: u32, block_size: usize, metric: Metric, truth: f64, sample: impl Fn(f64, f64) -> f64) -> f64 {
    let mut rng = ChaCha12Rng::seed_from_u64(1);
    let mut covered = 0;
    for _ in 0..repetitions {
        let blocks = (0..5).map(|_| {
            let start = normal(&mut rng);
            let durations = (0..block_size).map(|_| sample(start, normal(&mut rng)).round() as i64).collect();
            BlockSamples::new(durations, 0, 1)
        });
        let interval = Cell::new(blocks.collect()).interval(metric);
        covered += u32::from(interval.is_some_and(|interval| interval.contains(truth)));
    }
    f64::from(covered) / f64::from(repetitions)
}

/// Box & Muller.
fn normal(rng: &mut ChaCha12Rng) -> f64 {
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}

// --- helpers

fn blocks<const N: usize>(samples: &[[i64; N]]) -> Vec<BlockSamples> {
    samples.iter().map(|block| BlockSamples::new(block.to_vec(), 0, 100)).collect()
}

fn cell<const N: usize>(samples: &[[i64; N]]) -> Cell {
    Cell::new(blocks(samples))
}

fn thousand_squares(offset: i64) -> Vec<i64> {
    (0..1_000).map(|i| offset + i * i * 7_919 % 1_000_003).collect()
}

fn sorted(mut samples: Vec<i64>) -> Vec<i64> {
    samples.sort_unstable();
    samples
}

/// A duration such as requests take: 1 ns to 18 minutes.
fn duration() -> impl Strategy<Value = i64> {
    (0_u32..40).prop_flat_map(|bits| 1_i64 << bits..2_i64 << bits)
}

/// Also what should not occur, and often the same.
fn any_ns() -> impl Strategy<Value = i64> {
    prop_oneof![4 => duration(), 4 => -3_i64..3, 1 => any::<i64>()]
}

fn parts(ns: impl Strategy<Value = i64>) -> impl Strategy<Value = Vec<Vec<i64>>> {
    prop::collection::vec(prop::collection::vec(ns, 0..30), 1..7)
}

fn quantiles() -> impl Strategy<Value = f64> {
    prop_oneof![0.0..=1.0, prop::sample::select(QUANTILES.to_vec())]
}

fn block() -> impl Strategy<Value = BlockSamples> {
    (prop::collection::vec(duration(), 0..30), 0_u64..4, 0_i64..1 << 40)
        .prop_map(|(durations, failed, span)| BlockSamples::new(durations, failed, span))
}

fn close(one: Option<f64>, other: Option<f64>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => (one - other).abs() <= 1e-9 * one.abs().max(other.abs()),
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// Ends may lie near 0 by cancellation: the tolerance is that of the longer one.
fn close_intervals(one: Option<Interval>, other: Option<Interval>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => {
            let scale = one.low.abs().max(one.high.abs());
            (one.low - other.low).abs() <= 1e-9 * scale && (one.high - other.high).abs() <= 1e-9 * scale
        }
        (one, other) => one.is_none() && other.is_none(),
    }
}

#[track_caller]
fn assert_interval(found: Option<Interval>, [low, high]: [f64; 2]) {
    assert!(close_intervals(found, Some(Interval { low, high })), "{found:?}, expected {low}, {high}");
}

const COFFEE: [[i64; 3]; 5] = [[10, 12, 14], [11, 15, 13], [9, 13, 12], [16, 14, 18], [10, 11, 12]];
const TEA: [[i64; 3]; 5] = [[20, 22, 24], [23, 25, 24], [18, 23, 22], [28, 24, 26], [21, 20, 22]];

/// `scipy.stats.t.ppf(0.975, dof)` for 1 to 5 degrees of freedom.
const T_975: [f64; 5] =
    [12.706204736174694, 4.302652729749462, 3.1824463052837078, 2.7764451051977934, 2.5705818356363146];

const QUANTILES: [f64; 10] = [0.0, 0.1, 1.0 / 3.0, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0];

/// Samples and `numpy.quantile(samples, QUANTILES)`, numpy 2.4.6.
const NUMPY: [(&[i64], [f64; 10]); 5] = [
    (&[7], [7.0, 7.0, 7.0, 7.0, 7.0, 7.0, 7.0, 7.0, 7.0, 7.0]),
    (&[-3, 8], [-3.0, -1.9, 0.6666666666666665, 2.5, 5.25, 6.9, 7.449999999999999, 7.89, 7.989, 8.0]),
    (
        &[12, 15, 15, 19, 23, 31, 31, 40, 77, 1000],
        [
            12.0,
            14.7,
            19.0,
            27.0,
            37.75,
            169.29999999999967,
            584.649999999999,
            916.9300000000002,
            991.6929999999996,
            1000.0,
        ],
    ),
    (
        &[101337, 98412, 250019, 99999, 123456, 1500003, 97001, 110110, 105003, 99120, 98877],
        [
            97001.0,
            98412.0,
            99413.0,
            101337.0,
            116783.0,
            250019.0,
            875011.0,
            1375004.6000000006,
            1487503.1600000004,
            1500003.0,
        ],
    ),
    (
        &[1152921504606847105, 1152921504606848977, 1152921504606851076, 1152921504606853753, 1152921504606855977],
        [
            1.1529215046068472e+18,
            1.152921504606848e+18,
            1.1529215046068498e+18,
            1.152921504606851e+18,
            1.1529215046068536e+18,
            1.1529215046068552e+18,
            1.1529215046068554e+18,
            1.152921504606856e+18,
            1.152921504606856e+18,
            1.152921504606856e+18,
        ],
    ),
];
