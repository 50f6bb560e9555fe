//! Comparisons of two cells.

use rpycbench_measure::statistics::{
    BlockSamples, Cell, Confidence, Metric, Relation, change, compare, discovery, smallest_difference,
};

use crate::samples::{COFFEE, TEA, assert_interval, blocks, cell};
use crate::simulated::{Shape, Simulation};

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
    let cells = |value: i64, blocks: usize| Cell::new(vec![BlockSamples::new(vec![value; 400], 0, 1); blocks]);
    for (blocks, metric) in [(4, Metric::Mean), (5, Metric::Mean), (4, Metric::P90), (5, Metric::P90)] {
        let comparison = compare(&cells(50, 5), &cells(40, blocks), metric);
        let parts = comparison.map(|it| (it.difference_ci95.map(<[f64; 2]>::from), it.distinguishable));
        assert_eq!(parts, Some((Some([10.0, 10.0]), true)), "{metric} of {blocks} blocks");
    }
}

/// A machine that drifts shifts block b of both cells alike. In pairs that cancels; taken as independent,
/// the same cells could not be told apart.
#[test]
fn what_two_cells_share_does_not_hide_their_difference() {
    let mut simulation = Simulation::new(Shape::LogNormal { sigma: 0.1, rho: 0.0, start: 0.03 }, 3);
    let drift: Vec<f64> = (0..5).map(|_| simulation.start()).collect();
    let mut cell = |slower: f64, blocks: usize| {
        let block = |shift: &f64| BlockSamples::new(simulation.block(1_000, shift + slower), 0, 1);
        Cell::new(drift.iter().take(blocks).map(block).collect())
    };
    let (slow, slow_but_short, fast) = (cell(0.02, 5), cell(0.02, 4), cell(0.0, 5));
    for metric in [Metric::Mean, Metric::P50, Metric::P90] {
        let distinguishable = |of| compare(of, &fast, metric).map(|it| it.distinguishable);
        assert_eq!(distinguishable(&slow), Some(true), "{metric}");
        assert_eq!(distinguishable(&slow_but_short), Some(false), "{metric}");
    }
}

#[test]
fn a_percentile_without_an_interval_is_compared_without_one() {
    let cells = [0, 30].map(|slower| {
        let block = |turn: i64| (0..100).map(|i| 1_000 + (i * 37 + turn * 11) % 100 + slower).collect();
        Cell::new([1, 2, 3, 4, 5].map(|turn| BlockSamples::new(block(turn), 0, 1)).to_vec())
    });
    let comparison = compare(&cells[1], &cells[0], Metric::P99).unwrap();
    assert_eq!((comparison.difference_ci95, comparison.ratio_ci95, comparison.distinguishable), (None, None, false));
    assert!(comparison.difference > 0.0 && comparison.ratio.is_some());
    assert_eq!(smallest_difference(&cells[1], &cells[0], Metric::P99), None);
}

#[test]
fn the_smallest_difference_is_half_the_width_of_the_interval_of_the_difference() {
    let (of, against) = (cell(&TEA), cell(&COFFEE));
    let interval = compare(&of, &against, Metric::Mean).and_then(|it| it.difference_ci95).unwrap();
    let smallest = smallest_difference(&of, &against, Metric::Mean).unwrap();
    assert_eq!(smallest.absolute, (interval.high - interval.low) / 2.0);
    assert_eq!(smallest.relative, Some(smallest.absolute / against.value(Metric::Mean).unwrap()));
    let nothing = cell(&[[-1], [1]]);
    assert_eq!(smallest_difference(&of, &nothing, Metric::Mean).and_then(|it| it.relative), None);
}

#[test]
fn blocks_of_two_runs_are_never_paired() {
    let width = |of: &Cell, relation| {
        let change = change(of, &cell(&COFFEE), Metric::Mean, relation, Confidence::P95).unwrap();
        change.difference_interval.unwrap().half_width()
    };
    let mut turned = blocks(&TEA);
    turned.reverse();
    let (tea, turned) = (cell(&TEA), Cell::new(turned));
    let turned_over = |relation| width(&turned, relation) / width(&tea, relation);
    assert!((turned_over(Relation::Apart) - 1.0).abs() < 1e-9, "{}", turned_over(Relation::Apart));
    assert!(turned_over(Relation::Interleaved) > 1.1, "{}", turned_over(Relation::Interleaved));
}

#[test]
fn what_is_to_hold_more_often_has_wider_intervals() {
    let width = |missing: f64| {
        let confidence = Confidence::missing(missing).unwrap();
        let change = change(&cell(&TEA), &cell(&COFFEE), Metric::Mean, Relation::Apart, confidence).unwrap();
        change.difference_interval.unwrap().half_width()
    };
    assert!(width(0.001) > width(0.05) && width(0.05) > width(0.2));
}

/// Four cells and all of their figures, in two runs of the same: each figure for itself would be told apart once in twenty.
#[test]
fn of_families_where_nothing_differs_one_in_twenty_has_any_that_is_told_apart() {
    const FAMILIES: usize = 200;
    let mut simulation = Simulation::new(Shape::LogNormal { sigma: 0.3, rho: 0.3, start: 0.03 }, 11);
    let mut cell = || {
        let blocks = simulation.blocks(5, 400).into_iter();
        Cell::new(blocks.map(|series| BlockSamples::new(series.clone(), 0, series.iter().sum())).collect())
    };
    let mut alarms = [0, 0];
    for _ in 0..FAMILIES {
        let pairs: Vec<[Cell; 2]> = (0..4).map(|_| [cell(), cell()]).collect();
        let compared = || pairs.iter().flat_map(|pair| Metric::ALL.map(|metric| (pair, metric)));
        let changes = |confidence| {
            compared()
                .filter_map(move |([of, against], metric)| change(of, against, metric, Relation::Apart, confidence))
        };
        let told_apart = |confidence| changes(confidence).filter(|it| it.is_told_apart()).count();
        let count = changes(Confidence::P95).filter(|it| it.difference_interval.is_some()).count();
        let together = discovery::confidence(count, told_apart);
        alarms[0] += usize::from(told_apart(together) > 0);
        alarms[1] += usize::from(told_apart(Confidence::P95) > 0);
    }
    // Ten are expected, and more than 19 have a chance of one in 600.
    assert!(alarms[0] <= 19, "{alarms:?} of {FAMILIES}");
    assert!(alarms[1] > 40, "{alarms:?} of {FAMILIES}: the simulation no longer shows what the correction is for");
}
