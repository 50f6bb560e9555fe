//! How often intervals hold the truth, where it is known. The full tables: `cargo run --release -p rpycbench-measure
//! --example coverage`.
//!
//! 1,000 cells whose intervals hold the truth 95 times in 100 are found to hold it in 95 % ± 0.7 % of them (one standard
//! error of a binomial share): the bounds are 93 % and 97 %, and two and a half errors on either side.

use rpycbench_measure::statistics::{BlockSamples, Cell, Metric, compare};

use crate::simulated::{Shape, Simulation};

const CELLS: u32 = 1_000;
const HOLDS: std::ops::RangeInclusive<f64> = 0.913..=0.987;
const BODY: [Metric; 3] = [Metric::Mean, Metric::P50, Metric::P90];

#[test]
fn intervals_of_independent_samples_hold_the_truth() {
    assert_holds(Shape::LogNormal { sigma: 0.3, rho: 0.0, start: 0.0 }, 5, 200, &BODY);
}

#[test]
fn intervals_of_a_heavy_tail_hold_the_truth() {
    assert_holds(Shape::Pareto { alpha: 3.0 }, 5, 200, &BODY);
    assert_holds(Shape::LogNormal { sigma: 1.0, rho: 0.0, start: 0.0 }, 5, 1_000, &[Metric::P95, Metric::P99]);
}

#[test]
fn intervals_of_samples_that_follow_each_other_hold_the_truth() {
    assert_holds(Shape::LogNormal { sigma: 0.3, rho: 0.9, start: 0.0 }, 5, 400, &BODY);
}

#[test]
fn intervals_of_starts_that_differ_hold_the_truth() {
    assert_holds(Shape::LogNormal { sigma: 0.3, rho: 0.0, start: 0.1 }, 5, 200, &BODY);
    assert_holds(Shape::LogNormal { sigma: 0.3, rho: 0.0, start: 0.05 }, 10, 200, &BODY);
}

#[test]
fn intervals_of_three_blocks_hold_the_truth() {
    assert_holds(Shape::LogNormal { sigma: 0.3, rho: 0.0, start: 0.0 }, 3, 200, &[Metric::Mean, Metric::P50]);
}

#[test]
fn cells_that_do_not_differ_look_as_if_they_did_once_in_twenty() {
    let shape = Shape::LogNormal { sigma: 0.3, rho: 0.5, start: 0.05 };
    for others in [5, 4] {
        let mut simulation = Simulation::new(shape, 1);
        let mut alarms = BODY.map(|_| 0);
        for _ in 0..CELLS {
            let of = cell(&mut simulation, 5, 200);
            let against = cell(&mut simulation, others, 200);
            for (metric, alarms) in BODY.into_iter().zip(&mut alarms) {
                *alarms += u32::from(compare(&of, &against, metric).is_some_and(|it| it.distinguishable));
            }
        }
        for (metric, alarms) in BODY.into_iter().zip(alarms) {
            let share = f64::from(alarms) / f64::from(CELLS);
            // Of so few blocks, Welch's degrees of freedom err on the careful side.
            assert!((0.015..=0.067).contains(&share), "{metric} of 5 against {others} blocks: {share}");
        }
    }
}

#[track_caller]
fn assert_holds(shape: Shape, blocks: usize, size: usize, metrics: &[Metric]) {
    let mut simulation = Simulation::new(shape, 1);
    let mut found = vec![(0, 0); metrics.len()];
    for _ in 0..CELLS {
        let cell = cell(&mut simulation, blocks, size);
        for (metric, (held, given)) in metrics.iter().zip(&mut found) {
            let interval = cell.interval(*metric);
            *given += u32::from(interval.is_some());
            *held += u32::from(interval.is_some_and(|it| it.contains(simulation.truth(*metric))));
        }
    }
    for (metric, (held, given)) in metrics.iter().zip(found) {
        let share = f64::from(held) / f64::from(given);
        assert!(HOLDS.contains(&share), "{metric} of {blocks} × {size}, {shape:?}: {share} of {given}");
        assert!(given > CELLS * 4 / 5, "{metric} of {blocks} × {size}, {shape:?}: only {given} have an interval");
    }
}

fn cell(simulation: &mut Simulation, blocks: usize, size: usize) -> Cell {
    Cell::new(simulation.blocks(blocks, size).into_iter().map(|block| BlockSamples::new(block, 0, 1)).collect())
}
