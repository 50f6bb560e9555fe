//! The hull against brute force: the linear programme solved by trying every vertex of its feasible region.

use proptest::prelude::*;
use rand::RngExt;
use rpycbench_measure::clock::{Constraints, Hull, Interval, STAMP_MAX_NS};

use super::world::{self, SECOND, Traffic, World, rng};

/// A lower or an upper bound on the line a + b x at x.
#[derive(Debug, Clone, Copy)]
struct Bound {
    x: i128,
    value: i128,
    is_upper: bool,
}

/// A line: a / d + (b / d) x, with a positive d.
#[derive(Debug, Clone, Copy)]
struct Line {
    a: i128,
    b: i128,
    d: i128,
}

impl Bound {
    fn admits(&self, line: Line) -> bool {
        let (at, value) = (line.a + line.b * self.x, self.value * line.d);
        if self.is_upper { at <= value } else { at >= value }
    }

    /// Whether lines may go on without end in the direction of (a, b).
    fn admits_direction(&self, [a, b]: [i128; 2]) -> bool {
        if self.is_upper { a + b * self.x <= 0 } else { a + b * self.x >= 0 }
    }
}

/// Through both bounds; none of two at one instant.
fn joining(one: Bound, other: Bound) -> Option<Line> {
    let run = other.x - one.x;
    let b = (other.value - one.value) * run.signum();
    (run != 0).then(|| Line { a: one.value * run.abs() - b * one.x, b, d: run.abs() })
}

/// Every line through two bounds that satisfies all of them.
fn vertices(bounds: &[Bound]) -> Vec<Line> {
    let pairs =
        bounds.iter().enumerate().flat_map(|(index, &one)| bounds[index + 1..].iter().map(move |&other| (one, other)));
    let lines = pairs.filter_map(|(one, other)| joining(one, other));
    lines.filter(|&line| bounds.iter().all(|bound| bound.admits(line))).collect()
}

/// The directions of the unbounded edges of the feasible region.
fn rays(bounds: &[Bound]) -> Vec<[i128; 2]> {
    let directions = bounds.iter().flat_map(|bound| [[-bound.x, 1], [bound.x, -1]]);
    directions.filter(|&direction| bounds.iter().all(|bound| bound.admits_direction(direction))).collect()
}

/// The highest value of a weighted sum of a and b over all lines, rounded up; none if it has no limit.
fn maximum(vertices: &[Line], rays: &[[i128; 2]], [of_a, of_b]: [i128; 2]) -> Option<i64> {
    if rays.iter().any(|[a, b]| of_a * a + of_b * b > 0) {
        return None;
    }
    let ceil = |line: &Line| -(-(of_a * line.a + of_b * line.b)).div_euclid(line.d);
    vertices.iter().map(ceil).max().and_then(|ceil| i64::try_from(ceil).ok())
}

proptest! {
    #[test]
    fn a_hull_is_what_brute_force_finds(bounds in bounds(), ys in prop::collection::vec(-300_i64..300, 8)) {
        check(&bounds, &ys)?;
    }

    /// Stamps close together and far from 0, where a hull has few vertices: as probes make them.
    #[test]
    fn a_hull_of_probes_is_what_brute_force_finds(
        bounds in probes(), ys in prop::collection::vec(-30_000_000_i64..90_000_000, 8),
    ) {
        check(&bounds, &ys)?;
    }

    /// Of every two constraints, lines satisfy more: no line of all of them is outside.
    #[test]
    fn a_hull_is_inside_what_every_pair_says(bounds in probes(), y in -30_000_000_i64..90_000_000) {
        let hull = Hull::build(&constraints(&bounds)).expect("a line satisfies them").at(y);
        for (index, &one) in bounds.iter().enumerate() {
            for &other in &bounds[index + 1..] {
                let pair = Hull::build(&constraints(&[one, other])).expect("fewer constraints").at(y);
                prop_assert_eq!(pair.intersection(hull), hull, "{:?} {:?}", one, other);
            }
        }
    }
}

fn check(bounds: &[Bound], ys: &[i64]) -> Result<(), TestCaseError> {
    let (vertices, rays) = (vertices(bounds), rays(bounds));
    let hull = match Hull::build(&constraints(bounds)) {
        Ok(hull) => hull,
        Err(infeasible) => {
            prop_assert!(vertices.is_empty(), "{:?}", infeasible);
            prop_assert!(infeasible.by_ns > 0);
            return Ok(());
        }
    };
    prop_assert!(!vertices.is_empty());
    let stamped = bounds.iter().map(|bound| bound.x as i64);
    for y in ys.iter().copied().chain(stamped) {
        // The low end is the highest value of the negated line, negated.
        let at = |sign: i128| maximum(&vertices, &rays, [sign, sign * i128::from(y)]);
        let expected = Interval { low: at(-1).map(|negated| -negated), high: at(1) };
        prop_assert_eq!(hull.at(y), expected, "at {}", y);
    }
    let slope = |sign: i128| maximum(&vertices, &rays, [0, sign * 1_000_000_000]);
    prop_assert_eq!(hull.drift().max_ppb, slope(1));
    prop_assert_eq!(hull.drift().min_ppb, slope(-1).map(|it| -it));
    Ok(())
}

/// Of a clock that changes its rate there is no hull, but one of the time before and one of that after.
#[test]
fn of_a_part_of_the_time_there_is_a_hull() {
    for seed in 0..50 {
        let mut rng = rng(seed);
        let mut world = World::random(&mut rng, 0);
        let middle = world.span.start.midpoint(world.span.end);
        world.change_rate(middle, 150_000);
        let known = world::constraints(&world.messages(&mut rng, Traffic::dense(&world)));
        for part in [world.span.start..middle, middle..world.span.end] {
            let hull = Hull::build(&known.between(part.start, part.end)).expect("the rate did not change");
            for y in (0..50).map(|_| rng.random_range(part.clone())) {
                assert_eq!(world.missed_by(y, hull.at(y).plus(y)), 0, "seed {seed}, instant {y}");
            }
        }
        // A second or two are too short to tell: delays of up to 400 µs.
        let is_long = world.span.end - world.span.start > 20 * SECOND;
        assert!(!is_long || Hull::build(&known).is_err(), "seed {seed}");
    }
}

#[test]
fn of_one_instant_lines_go_anywhere_else() {
    let bounds = [Bound { x: 5, value: 7, is_upper: true }, Bound { x: 5, value: -7, is_upper: false }];
    let hull = Hull::build(&constraints(&bounds)).expect("a line satisfies them");
    assert_eq!(hull.at(5), Interval::new(-7, 7));
    assert_eq!([hull.at(4), hull.at(6), hull.at(i64::MAX)], [Interval::UNKNOWN; 3]);
    assert_eq!((hull.drift().min_ppb, hull.drift().max_ppb), (None, None));
}

/// From one end of the range of stamps to the other, with the steepest slopes there can be.
#[test]
fn a_hull_of_the_widest_range_does_not_overflow() {
    let mut known = Constraints::default();
    known.push_upper(-STAMP_MAX_NS, STAMP_MAX_NS).expect("in range");
    known.push_lower(-STAMP_MAX_NS, STAMP_MAX_NS).expect("in range");
    let hull = Hull::build(&known).expect("one falls by 2 ns a ns");
    assert_eq!((hull.drift().min_ppb, hull.drift().max_ppb), (Some(-2_000_000_000), None));
    let bound = 2 * STAMP_MAX_NS;
    assert_eq!(hull.at(STAMP_MAX_NS + 5), Interval { low: Some(-bound - 10), high: None });
    assert_eq!(hull.at(-STAMP_MAX_NS - 5), Interval { low: None, high: Some(bound + 10) });
    assert_eq!([hull.at(i64::MIN), hull.at(i64::MAX)], [Interval::UNKNOWN; 2]);
    // The other way round, all lines are between two that cross.
    known.push_lower(-STAMP_MAX_NS, -STAMP_MAX_NS + 1).expect("in range");
    known.push_upper(STAMP_MAX_NS - 1, STAMP_MAX_NS).expect("in range");
    let hull = Hull::build(&known).expect("feasible");
    assert!([i64::MIN, i64::MAX].iter().all(|&y| hull.at(y).contains(0)));
}

#[test]
fn two_bounds_of_one_instant_that_cross_are_infeasible() {
    let bounds = [Bound { x: 5, value: 7, is_upper: true }, Bound { x: 5, value: 10, is_upper: false }];
    let infeasible = Hull::build(&constraints(&bounds)).expect_err("they cross");
    assert_eq!((infeasible.at, infeasible.by_ns), (5, 3));
}

/// At least two instants: otherwise there is no vertex.
fn bounds() -> impl Strategy<Value = Vec<Bound>> {
    let bound = |[low, high]: [i128; 2]| {
        (-200_i128..200, low..high, any::<bool>()).prop_map(|(x, value, is_upper)| Bound { x, value, is_upper })
    };
    let apart = prop::collection::vec(bound([0, 300]), 2..40).prop_map(|bounds| {
        let sides = bounds.into_iter();
        sides.map(|it| Bound { value: if it.is_upper { it.value } else { -it.value }, ..it }).collect::<Vec<_>>()
    });
    // Mixed, most are infeasible, or have few constraints.
    let mixed = prop::collection::vec(bound([-200, 200]), 2..8);
    let two_instants = |bounds: &Vec<Bound>| bounds.iter().any(|bound| bound.x != bounds[0].x);
    prop_oneof![3 => apart, 1 => mixed].prop_filter("at least two instants", two_instants)
}

/// Around a line of a drift of up to 1 ‰.
fn probes() -> impl Strategy<Value = Vec<Bound>> {
    let delay = prop_oneof![0_i128..100, 0_i128..100_000];
    let probe = (0_i128..60_000_000, delay, any::<bool>());
    (prop::collection::vec(probe, 2..40), -1_000_i128..1_000)
        .prop_map(|(probes, drift)| {
            let line = |x: i128| 1_000_000_000_000 + x * drift / 1_000_000;
            let bound = |(x, delay, is_upper): (i128, i128, bool)| {
                // Up to 1 of rounding in the line: it may not be a line otherwise.
                let value = if is_upper { line(x) + 1 + delay } else { line(x) - 1 - delay };
                Bound { x, value, is_upper }
            };
            probes.into_iter().map(bound).collect::<Vec<_>>()
        })
        .prop_filter("at least two instants", |bounds| bounds.iter().any(|bound| bound.x != bounds[0].x))
}

fn constraints(bounds: &[Bound]) -> Constraints {
    let mut constraints = Constraints::default();
    for bound in bounds {
        let (x, value) = (bound.x as i64, bound.value as i64);
        let pushed =
            if bound.is_upper { constraints.push_upper(x, x + value) } else { constraints.push_lower(x + value, x) };
        pushed.expect("in range");
    }
    constraints
}
