//! The course of a block and the agreement of blocks: what is found, and what is not.

#[path = "../simulated/mod.rs"]
mod simulated;

use proptest::prelude::*;
use rpycbench_measure::course::dependence::effective_size;
use rpycbench_measure::course::{Change, Course, disagreement};
use simulated::{Shape, Simulation};

// --- warm-up

#[test]
fn a_slow_start_is_found_with_its_length() {
    let course = Course::of(&changed(1_000, |at| if at < 0.12 { 1.5 } else { 1.0 }));
    let warm_up = course.warm_up().unwrap();
    assert!((110..=135).contains(&warm_up.samples), "{warm_up:?}");
    assert_eq!(warm_up.of, 1_000);
    assert!((0.4..0.6).contains(&warm_up.slower), "{warm_up:?}");
    assert_eq!(course.change(), None, "the rest is steady");
}

#[test]
fn a_start_that_gets_faster_little_by_little_is_found() {
    let warm_up = Course::of(&changed(1_000, |at| 1.0 + 2.0 * (-30.0 * at).exp())).warm_up().unwrap();
    // After 100 samples it is 10 % slower, after 200 half a per cent.
    assert!((75..=200).contains(&warm_up.samples), "{warm_up:?}");
}

#[test]
fn a_start_that_is_slower_by_little_is_kept_however_certain() {
    let start = |slower: f64| Course::of(&scattered(20_000, 0.02, |at| if at < 0.1 { slower } else { 1.0 })).warm_up();
    assert!(start(1.08).is_some());
    assert_eq!(start(1.04), None);
}

#[test]
fn a_fast_start_is_not_cut() {
    let course = Course::of(&changed(1_000, |at| if at < 0.12 { 0.5 } else { 1.0 }));
    assert_eq!(course.warm_up(), None);
    assert!(matches!(course.change(), Some(Change::Shift { .. })), "{course:?}");
}

#[test]
fn no_more_than_half_of_a_block_is_ever_its_start() {
    for until in [0.55, 0.7, 0.9] {
        let course = Course::of(&changed(1_000, |at| if at < until { 1.5 } else { 1.0 }));
        assert_eq!(course.warm_up(), None, "until {until}");
        assert!(matches!(course.change(), Some(Change::Shift { .. })), "until {until}: {course:?}");
    }
}

#[test]
fn a_few_slow_calls_are_no_warm_up() {
    let mut block = changed(1_000, |_| 1.0);
    for slow in [0, 1, 500, 999] {
        block[slow] *= 1_000;
    }
    let course = Course::of(&block);
    assert_eq!((course.warm_up(), course.change()), (None, None));
}

// --- drift and level shift

#[test]
fn a_level_shift_is_found_with_its_place_and_size() {
    let Some(Change::Shift { after, slower }) =
        Course::of(&changed(1_000, |at| if at < 0.6 { 1.0 } else { 1.2 })).change()
    else {
        panic!("a shift")
    };
    assert!((580..=620).contains(&after), "{after}");
    assert!((0.15..0.25).contains(&slower), "{slower}");
}

#[test]
fn a_drift_is_found_with_its_size_in_either_direction() {
    for rise in [0.3, -0.3] {
        let change = Course::of(&changed(1_000, |at| 1.0 + rise * at)).change();
        let Some(Change::Drift { slower }) = change else { panic!("{rise}: {change:?}") };
        assert!((slower - rise).abs() < 0.08, "{slower}");
    }
}

#[test]
fn a_block_that_is_now_slow_and_now_fast_has_no_level_and_keeps_its_start() {
    let phases = |at: f64| if (0.15..0.45).contains(&at) || at > 0.8 { 1.0 } else { 1.3 };
    let wave = |at: f64| 1.0 + 0.2 * (std::f64::consts::TAU * 2.0 * at).sin();
    for course in [Course::of(&changed(1_000, phases)), Course::of(&changed(1_000, wave))] {
        assert_eq!(course.warm_up(), None);
        let Some(Change::Wandering { known_to }) = course.change() else { panic!("{course:?}") };
        assert!((0.05..0.3).contains(&known_to), "{known_to}");
    }
    // As certain, and small.
    let little = Course::of(&scattered(20_000, 0.02, |at| 1.0 + 0.03 * (std::f64::consts::TAU * 2.0 * at).sin()));
    assert_eq!(little.change(), None);
}

#[test]
fn a_slow_start_before_a_change_is_a_change_and_no_warm_up() {
    let course = Course::of(&changed(1_000, |at| {
        if at < 0.12 {
            1.5
        } else if at > 0.7 {
            1.15
        } else {
            1.0
        }
    }));
    assert_eq!(course.warm_up(), None);
    assert!(course.change().is_some());
}

#[test]
fn a_change_that_is_certain_but_small_is_none() {
    let shift = |slower: f64| Course::of(&scattered(20_000, 0.02, |at| if at < 0.6 { 1.0 } else { slower })).change();
    assert!(shift(1.08).is_some());
    assert_eq!(shift(1.03), None);
    let drift = |rise: f64| Course::of(&scattered(20_000, 0.02, |at| 1.0 + rise * at)).change();
    assert!(drift(0.08).is_some());
    assert_eq!(drift(0.03), None);
}

#[test]
fn a_block_of_fewer_than_fifty_samples_is_not_checked() {
    let block = |size: usize| scattered(size, 0.001, |at| if at < 0.5 { 1.0 } else { 2.0 });
    assert!(Course::of(&block(50)).change().is_some());
    assert_eq!(Course::of(&block(49)).change(), None);
}

// --- between blocks

#[test]
fn blocks_that_are_far_apart_disagree() {
    let found = between(&[1.0, 1.2, 0.95, 1.0]).unwrap();
    assert_eq!((found.slowest, found.fastest), (1, 2));
    assert!((found.apart - 1.2 / 0.95 + 1.0).abs() < 0.02, "{found:?}");
    assert!((0.95..=1.0).contains(&found.from_restarts), "{found:?}");
}

#[test]
fn blocks_that_are_close_agree_however_certain_their_difference() {
    assert_eq!(between(&[1.0, 1.06, 1.03]), None);
}

#[test]
fn a_block_that_was_too_short_has_no_say_in_whether_blocks_agree() {
    let (long, other) = (Course::of(&changed(1_000, |_| 1.0)), Course::of(&changed(1_000, |_| 2.0)));
    let short = Course::of(&[9_000_000_000; 20]);
    assert_eq!(disagreement(&[Some(&long), Some(&short), None, Some(&long)]), None);
    let found = disagreement(&[None, Some(&long), Some(&short), Some(&other)]).unwrap();
    assert_eq!((found.fastest, found.slowest), (1, 3));
    assert_eq!(disagreement(&[Some(&long)]), None);
    assert_eq!(disagreement(&[]), None);
}

// --- steady series

/// What is found in 400 cells at most once, is found in fewer than 1 of 100 in truth, but for 1 chance in 11 (0.99⁴⁰⁰ and
/// what one find adds). The full table: `cargo run --release -p rpycbench-measure --example false_alarms`.
#[test]
fn steady_series_are_found_steady() {
    let log_normal = |sigma, rho| Shape::LogNormal { sigma, rho, start: 0.0 };
    for shape in [log_normal(0.3, 0.0), log_normal(0.3, 0.9), log_normal(1.0, 0.5), Shape::Pareto { alpha: 3.0 }] {
        let mut simulation = Simulation::new(shape, 2);
        let mut alarms = 0;
        for _ in 0..400 {
            let courses: Vec<Course> = simulation.blocks(3, 200).iter().map(|block| Course::of(block)).collect();
            let fires = |course: &Course| course.warm_up().is_some() || course.change().is_some();
            let all: Vec<_> = courses.iter().map(Some).collect();
            alarms += u32::from(courses.iter().any(fires) || disagreement(&all).is_some());
        }
        assert!(alarms <= 1, "{shape:?}: {alarms} of 400");
    }
}

// --- effective size

#[test]
fn independent_samples_are_worth_their_number() {
    for size in [500, 2_000, 20_000] {
        let mean = mean_effective_size(0.0, size) / size as f64;
        assert!((0.85..=1.0).contains(&mean), "{size}: {mean}");
    }
}

/// Of a normal AR(1), the signs of samples k apart correlate by 2/π · asin(ρᵏ): Rice's formula.
#[test]
fn samples_that_follow_each_other_are_worth_what_their_correlation_says() {
    for rho in [0.5, 0.9] {
        let correlations: f64 = (1..500).map(|lag| std::f64::consts::FRAC_2_PI * f64::powi(rho, lag).asin()).sum();
        // Through batches of one and of several samples.
        for size in [2_000, 20_000] {
            let expected = size as f64 / (1.0 + 2.0 * correlations);
            let mean = mean_effective_size(rho, size) / expected;
            assert!((0.85..=1.1).contains(&mean), "ρ = {rho}, {size}: {mean}");
        }
    }
}

#[test]
fn an_effective_size_is_between_one_and_the_number_of_samples() {
    assert_eq!(effective_size(&[]), 0.0);
    assert_eq!(effective_size(&[7]), 1.0);
    assert_eq!(effective_size(&[7; 300]), 300.0);
    let in_turns: Vec<i64> = (0..300).map(|i| 10 + i % 2).collect();
    assert_eq!(effective_size(&in_turns), 300.0);
    let rising: Vec<i64> = (0..3_000).collect();
    assert!((1.0..10.0).contains(&effective_size(&rising)), "{}", effective_size(&rising));
}

proptest! {
    /// No series makes a check panic, and what is found is within the block.
    #[test]
    fn any_series_has_a_course(series in prop::collection::vec(prop_oneof![0_i64..50, any::<i64>()], 0..300)) {
        let course = Course::of(&series);
        if let Some(warm_up) = course.warm_up() {
            prop_assert!(2 * warm_up.samples <= series.len() && warm_up.samples > 0);
        }
        let size = effective_size(&series);
        prop_assert!(series.is_empty() || (1.0..=series.len() as f64).contains(&size));
        disagreement(&[Some(&course), Some(&Course::of(&[5; 60]))]);
    }

    #[test]
    fn what_is_left_behind_a_warm_up_is_steady(
        size in 100_usize..400, until in 0.05_f64..0.3, slower in 1.3_f64..3.0, then in 0.4_f64..0.9, factor in 1.0_f64..1.3,
    ) {
        let at = |at: f64| if at < until { slower } else if at > then { factor } else { 1.0 };
        let series = scattered(size / 5 * 5, 0.03, at);
        if let Some(warm_up) = Course::of(&series).warm_up() {
            prop_assert_eq!(Course::of(&series[warm_up.samples..]).change(), None);
        }
    }

    /// A faster clock, the same findings.
    #[test]
    fn what_is_found_does_not_depend_on_the_unit(
        until in 0.05_f64..0.95, factor in 0.5_f64..2.0, unit in 2_i64..1_000,
    ) {
        let series = changed(600, |at| if at < until { factor } else { 1.0 });
        let scaled: Vec<i64> = series.iter().map(|ns| ns * unit).collect();
        let (one, other) = (Course::of(&series), Course::of(&scaled));
        prop_assert_eq!(one.warm_up().map(|it| it.samples), other.warm_up().map(|it| it.samples));
        prop_assert_eq!(one.change().is_some(), other.change().is_some());
    }
}

// --- helpers

fn changed(size: usize, factor: impl Fn(f64) -> f64) -> Vec<i64> {
    scattered(size, 0.1, factor)
}

/// A millisecond, scattered and multiplied with a factor of the place in the block.
fn scattered(size: usize, sigma: f64, factor: impl Fn(f64) -> f64) -> Vec<i64> {
    let block = Simulation::new(Shape::LogNormal { sigma, rho: 0.0, start: 0.0 }, 7).block(size, 0.0);
    let at = |number: usize| factor(number as f64 / size as f64);
    block.into_iter().enumerate().map(|(number, ns)| (ns as f64 * at(number)).round() as i64).collect()
}

fn between(levels: &[f64]) -> Option<rpycbench_measure::course::Disagreement> {
    let courses: Vec<Course> = levels.iter().map(|level| Course::of(&changed(1_000, |_| *level))).collect();
    disagreement(&courses.iter().map(Some).collect::<Vec<_>>())
}

fn mean_effective_size(rho: f64, size: usize) -> f64 {
    let mut simulation = Simulation::new(Shape::LogNormal { sigma: 0.3, rho, start: 0.0 }, 4);
    let sizes = (0..20).map(|_| effective_size(&simulation.block(size, 0.0)));
    sizes.sum::<f64>() / 20.0
}
