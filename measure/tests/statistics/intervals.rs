//! Intervals of single figures: known numbers, and where there is none.

use rpycbench_measure::statistics::{BlockSamples, Cell, Metric, NoInterval};

use crate::samples::{COFFEE, assert_interval, blocks, cell};
use crate::simulated::{Shape, Simulation};

/// `scipy.stats.ttest_1samp` over block means.
#[test]
fn the_interval_of_a_mean_is_the_textbooks() {
    let interval = cell(&COFFEE).interval(Metric::Mean);
    assert_interval(interval, [10.166152804324446, 15.16718052900889]);
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

/// The method of `percentile`, written again with numpy 2.4.6 and `scipy.special.betaincinv` for the limits of the share.
#[test]
fn the_interval_of_a_percentile_is_that_of_the_share_below_it() {
    let cell = scattered(5, 400);
    for (metric, estimate, low, high) in [
        (Metric::P50, 562_478.5, 514_549.576_197_819_3, 609_219.890_316_144_3),
        (Metric::P90, 937_084.800_000_000_2, 885_751.107_153_144_1, 981_488.359_633_383_9),
        (Metric::P95, 990_451.5, 913_292.937_943_593_8, 1_035_483.967_233_356_9),
    ] {
        assert_eq!(cell.value(metric), Some(estimate), "{metric}");
        let found = cell.interval(metric).unwrap();
        // The limits of the share are approximated.
        let tolerance = 0.01 * (high - low);
        assert!((found.low - low).abs() < tolerance, "{metric}: {found:?}, expected {low}");
        assert!((found.high - high).abs() < tolerance, "{metric}: {found:?}, expected {high}");
    }
}

#[test]
fn a_percentile_with_few_samples_beyond_it_has_no_interval_and_says_why() {
    let lacking = |cell: &Cell, metric| cell.try_interval(metric).unwrap_err();
    assert_eq!(lacking(&scattered(5, 400), Metric::P999), NoInterval::FewBeyond);
    assert_eq!(lacking(&scattered(3, 100_000), Metric::P90), NoInterval::FewBlocks);
    assert_eq!(lacking(&scattered(4, 100), Metric::P95), NoInterval::FewBeyond);
    assert_eq!(lacking(&scattered(2, 50), Metric::P50), NoInterval::FewBeyond);
    assert_eq!(lacking(&scattered(1, 400), Metric::P50), NoInterval::OneBlock);
    assert_eq!(lacking(&Cell::new(Vec::new()), Metric::P50), NoInterval::NoSamples);
}

/// Long runs of fast calls, then of slow ones.
#[test]
fn a_percentile_of_samples_that_follow_each_other_has_no_interval() {
    let block = |number: usize| {
        (0..400).map(|i| 1_000 + 500 * i64::from((i + 7 * number) % 200 < 100) + i as i64 % 7).collect()
    };
    let cell = Cell::new((0..5).map(|number| BlockSamples::new(block(number), 0, 1)).collect());
    assert!(cell.effective_size() < 100.0, "{}", cell.effective_size());
    assert!(matches!(cell.try_interval(Metric::P95), Err(NoInterval::FewEffectiveBeyond { .. })));
}

#[test]
fn the_tail_of_starts_that_differ_as_much_as_samples_has_no_interval_but_the_median_has() {
    let block = |start: i64| (0..1_000).map(|i| 1_000_000 + 100_000 * start + i * 7_919 % 1_000 * 300).collect();
    let cell = Cell::new([0, 1, 2, 3, 4].map(|start| BlockSamples::new(block(start), 0, 1)).to_vec());
    assert!(cell.interval(Metric::P50).is_some());
    for metric in [Metric::P90, Metric::P95, Metric::P99] {
        let lacking = cell.try_interval(metric).unwrap_err();
        assert!(matches!(lacking, NoInterval::StartsDiffer { spread } if spread > 0.5), "{metric}: {lacking:?}");
    }
}

/// The tail is skewed, and so is what is known of it.
#[test]
fn the_upper_end_of_a_skewed_percentile_is_farther_away() {
    let mut simulation = Simulation::new(Shape::Pareto { alpha: 3.0 }, 5);
    let (mut above, mut below) = (0.0, 0.0);
    for _ in 0..50 {
        let cell = Cell::new(simulation.blocks(5, 1_000).into_iter().map(|it| BlockSamples::new(it, 0, 1)).collect());
        let (value, interval) = (cell.value(Metric::P99).unwrap(), cell.interval(Metric::P99).unwrap());
        above += interval.high - value;
        below += value - interval.low;
    }
    assert!(above > 1.2 * below, "{above} {below}");
}

#[test]
fn a_start_that_is_cut_counts_as_attempts_and_is_in_no_figure() {
    let whole = BlockSamples::without_start(vec![900, 800, 10, 20, 30], 2, 1, 1_000);
    assert_eq!((whole.count(), whole.failed(), whole.warmup_cut()), (6, 1, 2));
    assert_eq!(whole.durations_ns(), [10, 20, 30]);
    let summary = Cell::new(vec![whole]).summary();
    assert_eq!((summary.count, summary.failed, summary.warmup_cut), (6, 1, 2));
    assert_eq!((summary.mean, summary.max, summary.stddev), (Some(20.0), Some(30), Some(10.0)));
    assert_eq!(summary.success_rate, Some(5.0 / 6.0));
    assert_eq!(summary.throughput_per_s, Some(6e6));
}

/// Values all over a million, the blocks up to 80,000 apart.
fn scattered(blocks: i64, size: i64) -> Cell {
    let value = |block: i64, i: i64| (i * i * 7_919 + block * 104_729 * (i + 1)) % 1_000_003 + 20_000 * (block * 3 % 5);
    let block = |block| BlockSamples::new((0..size).map(|i| value(block, i)).collect(), 0, 1);
    Cell::new((0..blocks).map(block).collect())
}
