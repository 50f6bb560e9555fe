//! The envelope against its definition, and what must hold for any constraints.

use proptest::prelude::*;
use rpycbench_measure::clock::{Constraints, Envelope, Hull, Interval, RateBounds};

/// An instant of A and a bound on φ there.
type Bound = (i64, i64);

const BILLION: i128 = 1_000_000_000;

proptest! {
    /// Both maxima and minima as they are defined, over all constraints, at every instant.
    #[test]
    fn an_envelope_is_what_its_definition_says(
        uppers in bounds(0..40), lowers in bounds(0..40), [min, max] in rates(), y in -1_200_i64..1_200,
    ) {
        let rates = RateBounds::new(min, max).expect("rates");
        let high = |y| uppers.iter().map(|&(x, u)| cone([min, max], x, u, y)).min();
        let low = |y| lowers.iter().map(|&(x, l)| cone([max, min], x, l, y)).max();
        let crosses = uppers.iter().any(|&(x, u)| low(x).is_some_and(|low| low > i128::from(u) * BILLION));
        match Envelope::build(&constraints(&lowers, &uppers), rates) {
            Err(falsified) => {
                let by = |x, u| low(x).map_or(0, |low| low - i128::from(u) * BILLION);
                let worst = uppers.iter().map(|&(x, u)| by(x, u)).max().unwrap_or(0);
                prop_assert!(crosses);
                prop_assert_eq!(i128::from(falsified.by_ns), -(-worst).div_euclid(BILLION));
                prop_assert!(uppers.iter().any(|&(x, u)| x == falsified.at && by(x, u) == worst));
            }
            Ok(envelope) => {
                prop_assert!(!crosses);
                let expected = Interval {
                    low: low(y).map(|low| low.div_euclid(BILLION) as i64),
                    high: high(y).map(|high| -(-high).div_euclid(BILLION) as i64),
                };
                prop_assert_eq!(envelope.at(y), expected);
                prop_assert!(low(y).zip(high(y)).is_none_or(|(low, high)| low <= high));
            }
        }
    }

    /// A false bound is noticed if and only if it is past the bound of the other side. That end is rounded outward,
    /// so a bound at it, `past` of 0, may be past the exact one by less than 1.
    #[test]
    fn a_false_bound_is_noticed_where_it_crosses_and_nowhere_else(
        (uppers, lowers) in around_zero(), y in -1_000_i64..1_000, past in -3_i64..3, is_lower in any::<bool>(),
    ) {
        let rates = RateBounds::symmetric(200_000_000);
        let mut known = constraints(&lowers, &uppers);
        let interval = Envelope::build(&known, rates).expect("0 satisfies all of it").at(y);
        if is_lower {
            known.push_lower(y + interval.high.expect("bounded") + past, y).expect("in range");
        } else {
            known.push_upper(y, y + interval.low.expect("bounded") - past).expect("in range");
        }
        let is_noticed = Envelope::build(&known, rates).is_err();
        prop_assert!(past == 0 || is_noticed == (past > 0));
    }

    #[test]
    fn neither_order_nor_repetition_matters(
        (uppers, lowers) in around_zero(), turn in any::<prop::sample::Index>(), y in -1_200_i64..1_200,
    ) {
        let rates = RateBounds::symmetric(1_000_000);
        let turned = |bounds: &[Bound]| {
            let mut turned = bounds.to_vec();
            turned.rotate_left(turn.index(bounds.len()));
            turned.push(turned[0]);
            turned.reverse();
            turned
        };
        let one = constraints(&lowers, &uppers);
        let other = constraints(&turned(&lowers), &turned(&uppers));
        let envelopes = [&one, &other].map(|it| Envelope::build(it, rates).map(|it| it.at(y)));
        prop_assert_eq!(envelopes[0], envelopes[1]);
        prop_assert_eq!(Hull::build(&one).map(|it| it.at(y)), Hull::build(&other).map(|it| it.at(y)));
    }

    #[test]
    fn another_constraint_never_widens(
        (uppers, lowers) in around_zero(), another in -1_000_i64..1_000, slack in 0_i64..500, y in -1_200_i64..1_200,
    ) {
        let rates = RateBounds::symmetric(50_000_000);
        let known = constraints(&lowers, &uppers);
        for is_lower in [true, false] {
            let mut with = known.clone();
            if is_lower {
                with.push_lower(another - slack, another).expect("in range");
            } else {
                with.push_upper(another, another + slack).expect("in range");
            }
            let envelopes = [&known, &with].map(|it| Envelope::build(it, rates).expect("0 satisfies all of it").at(y));
            prop_assert!(is_within(envelopes[1], envelopes[0]), "{:?}", envelopes);
            let hulls = [&known, &with].map(|it| Hull::build(it).expect("0 satisfies all of it").at(y));
            prop_assert!(is_within(hulls[1], hulls[0]), "{:?}", hulls);
        }
    }

    /// Lines within the rates are clocks within the rates.
    #[test]
    fn an_envelope_contains_the_hull_of_lines_within_its_rates(
        (uppers, lowers) in around_zero(), y in -1_200_i64..1_200,
    ) {
        let known = constraints(&lowers, &uppers);
        let hull = Hull::build(&known).expect("0 satisfies all of it");
        let drift = hull.drift();
        let (Some(min), Some(max)) = (drift.min_ppb, drift.max_ppb) else { return Ok(()) };
        let Ok(rates) = RateBounds::new(min, max) else { return Ok(()) };
        let envelope = Envelope::build(&known, rates).expect("the hull is within");
        prop_assert!(is_within(hull.at(y), envelope.at(y)), "{:?} {:?}", hull.at(y), envelope.at(y));
    }

    /// Up to the ends of the range of stamps, on either clock.
    #[test]
    fn moving_the_clocks_moves_the_bounds(
        (uppers, lowers) in around_zero(), y in -1_200_i64..1_200, [a, c] in [translation(), translation()],
    ) {
        let rates = RateBounds::symmetric(1_000_000);
        let moved = |bounds: &[Bound]| bounds.iter().map(|&(x, bound)| (x + a, bound + c - a)).collect::<Vec<_>>();
        let one = constraints(&lowers, &uppers);
        let other = constraints(&moved(&lowers), &moved(&uppers));
        let envelopes = [&one, &other].map(|it| Envelope::build(it, rates).expect("0 satisfies all of it"));
        prop_assert_eq!(envelopes[0].at(y).plus(c - a), envelopes[1].at(y + a));
        let hulls = [&one, &other].map(|it| Hull::build(it).expect("0 satisfies all of it"));
        prop_assert_eq!(hulls[0].at(y).plus(c - a), hulls[1].at(y + a));
        prop_assert_eq!(hulls[0].drift(), hulls[1].drift());
    }
}

/// Where bounds cross as far at several instants, the first is named.
#[test]
fn a_falsification_names_where_it_is_worst() {
    let known = constraints(&[(0, 5), (100, 9), (200, 9), (300, 2)], &[(0, 0), (100, 0), (200, 0), (300, 0)]);
    let rates = RateBounds::new(-1_000_000, 1_000_000).expect("rates");
    let falsified = Envelope::build(&known, rates).expect_err("they cross");
    assert_eq!((falsified.at, falsified.by_ns), (100, 9));
    assert_eq!(falsified.to_string(), "bounds of the clock cross by 9 ns when it reads 100 ns");
    let infeasible = Hull::build(&known).expect_err("they cross");
    assert_eq!((infeasible.at, infeasible.by_ns), (100, 9));
}

#[test]
fn rates_at_which_a_clock_stands_still_are_refused() {
    for [min, max] in [[1, 0], [-1_000_000_000, 0], [0, 1_000_000_000]] {
        assert!(RateBounds::new(min, max).is_err(), "{min} {max}");
    }
    let error = RateBounds::new(1, 0).expect_err("refused").to_string();
    assert_eq!(error, "1..=0 ppb is no interval of clock rates");
}

/// A cone over (x, bound) at y, that falls by the first rate to the left and rises by the second to the right.
fn cone([left, right]: [i64; 2], x: i64, bound: i64, y: i64) -> i128 {
    let rate = if y < x { left } else { right };
    i128::from(bound) * BILLION + i128::from(rate) * i128::from(y - x)
}

fn bounds(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Bound>> {
    prop::collection::vec((-1_000_i64..1_000, -2_000_i64..2_000), count)
}

/// Upper bounds of 0 and more, lower ones of 0 and less: φ = 0 satisfies all of them.
fn around_zero() -> impl Strategy<Value = (Vec<Bound>, Vec<Bound>)> {
    let side = || prop::collection::vec((-1_000_i64..1_000, 0_i64..500), 1..30);
    let negated = |lowers: Vec<Bound>| lowers.into_iter().map(|(x, bound)| (x, -bound)).collect();
    (side(), side().prop_map(negated))
}

fn rates() -> impl Strategy<Value = [i64; 2]> {
    let ppb = || prop_oneof![-200_000_000_i64..200_000_000, -3_i64..3, -999_999_999_i64..=999_999_999];
    (ppb(), ppb()).prop_map(|(one, other)| [one.min(other), one.max(other)])
}

fn translation() -> impl Strategy<Value = i64> {
    prop::sample::select(vec![0, 1, -1, 1_800_000_000_000_000_000, -1_800_000_000_000_000_000, 1_234_567_891_011])
}

fn constraints(lowers: &[Bound], uppers: &[Bound]) -> Constraints {
    let mut constraints = Constraints::default();
    for &(x, bound) in lowers {
        constraints.push_lower(x + bound, x).expect("in range");
    }
    for &(x, bound) in uppers {
        constraints.push_upper(x, x + bound).expect("in range");
    }
    constraints
}

fn is_within(inner: Interval, outer: Interval) -> bool {
    outer.low.is_none_or(|outer| inner.low.is_some_and(|inner| outer <= inner))
        && outer.high.is_none_or(|outer| inner.high.is_some_and(|inner| inner <= outer))
}
