//! How narrow an interval is wanted, and what is missing to it.

use rpycbench_measure::statistics::{BlockSamples, Cell, Metric, NoInterval, Precision, PrecisionError, Shortfall};

#[test]
fn a_precision_is_a_figure_a_sign_and_per_cent() {
    for text in ["p99 ± 5%", "p99 +- 5%", "p99±5%", "  p99  ±  5.0 % "] {
        let precision: Precision = text.parse().unwrap();
        assert_eq!((precision.metric(), precision.half_width()), (Metric::P99, 0.05), "{text}");
    }
    for metric in Metric::ALL {
        let text = format!("{metric} ± 0.7 %");
        assert_eq!(text.parse::<Precision>().unwrap().to_string(), text);
    }
}

#[test]
fn what_is_no_precision_says_what_is_wrong_and_what_to_write() {
    for (text, expected) in [
        ("p99 5%", "`p99 5%` is no precision: write a figure, ± or +-, and a width in per cent, like \"p99 ± 5%\""),
        ("", "`` is no precision: write a figure, ± or +-, and a width in per cent, like \"p99 ± 5%\""),
        ("p98 ± 5%", "`p98` is no figure: use one of mean, p50, p90, p95, p99, p999, throughput_per_s"),
        ("p99 ± 5", "`5` is no width: write per cent, more than 0 and less than 100, like \"5%\""),
        ("p99 ± 0%", "`0%` is no width: write per cent, more than 0 and less than 100, like \"5%\""),
        ("p99 ± nan%", "`nan%` is no width: write per cent, more than 0 and less than 100, like \"5%\""),
        ("p99 ± -5%", "`-5%` is no width: write per cent, more than 0 and less than 100, like \"5%\""),
        ("p99 ± 100%", "`100%` is no width: write per cent, more than 0 and less than 100, like \"5%\""),
    ] {
        let error: PrecisionError = text.parse::<Precision>().unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
    }
}

#[test]
fn a_precision_is_met_from_the_width_on_that_the_interval_has() {
    // Of block means 10 and 20: 15 ± 12.7 × 5, four times the figure; of 100 and 101, 0.06 of it.
    let cell = |values: [i64; 2]| Cell::new(values.map(|value| BlockSamples::new(vec![value], 0, 1)).to_vec());
    let wanted: Precision = "mean ± 7%".parse().unwrap();
    let narrow = cell([100, 101]);
    assert!(wanted.is_met(&narrow));
    assert_eq!(wanted.shortfall(&narrow), None);
    assert!(!"mean ± 6%".parse::<Precision>().unwrap().is_met(&narrow));
    let half_width = narrow.relative_half_width(Metric::Mean).unwrap();
    assert!((half_width - 12.706_204_736 * 0.5 / 100.5).abs() < 1e-9, "{half_width}");

    let wide = cell([10, 20]);
    assert!(!wanted.is_met(&wide));
    let found = wide.relative_half_width(Metric::Mean).unwrap();
    assert_eq!(wanted.shortfall(&wide), Some(Shortfall::TooWide { half_width: found, wanted: 0.07 }));
}

#[test]
fn without_an_interval_no_precision_is_met() {
    let wanted: Precision = "p99 ± 5%".parse().unwrap();
    let one = Cell::new(vec![BlockSamples::new(vec![5; 5_000], 0, 1)]);
    assert_eq!(wanted.shortfall(&one), Some(Shortfall::NoInterval(NoInterval::OneBlock)));
    let few = Cell::new(vec![BlockSamples::new(vec![5; 50], 0, 1); 5]);
    assert_eq!(wanted.shortfall(&few), Some(Shortfall::NoInterval(NoInterval::FewBeyond)));
    let zero = Cell::new(vec![BlockSamples::new(vec![0], 0, 1); 5]);
    assert_eq!("mean ± 5%".parse::<Precision>().unwrap().shortfall(&zero), Some(Shortfall::NotPositive));
}
