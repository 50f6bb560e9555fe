//! The figures of a cell: known numbers, and what there is where there is little to go by.

use rpycbench_measure::statistics::{BlockSamples, Cell, Metric, Summary, compare, quantile};

use crate::samples::QUANTILES;

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
        warmup_cut: 0,
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

#[test]
fn metric_names_are_those_of_results_json() {
    let names = Metric::ALL.map(Metric::name);
    assert_eq!(names, ["mean", "p50", "p90", "p95", "p99", "p999", "throughput_per_s"]);
}

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

fn thousand_squares(offset: i64) -> Vec<i64> {
    (0..1_000).map(|i| offset + i * i * 7_919 % 1_000_003).collect()
}

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
