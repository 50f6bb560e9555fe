//! Requests taken apart, and quantiles of what that gives.

use proptest::prelude::*;
use rpycbench_measure::clock::{
    Assumptions, Break, Constraints, Exchange, Interval, Mapping, Part, Quality, Request, SplitError, is_resolved,
    quantile_range,
};
use rpycbench_measure::statistics::quantile;

use super::world::{Message, SECOND, Traffic, World, constraints, rng};

/// Every part of every request is where it is said to be, and requests that serve as probes have no negative part.
#[test]
fn parts_contain_the_truth() {
    let (mut tried, mut resolved) = (0, 0);
    for seed in 0..300 {
        let mut rng = rng(seed);
        let world = World::random(&mut rng, 15_000);
        let traffic = Traffic { delay: 20_000, ..Traffic::random(&mut rng) };
        let messages = world.messages(&mut rng, traffic);
        let mapping = Mapping::new(&constraints(&messages), &[], Assumptions::default());
        for message in messages {
            let Message::Both(Exchange { t1, t2: s1, t3: s2, t4 }) = message else { continue };
            let split = mapping.split(Request { t1, s1, s2, t4 }).expect("causal");
            let billion = |ns: i64| i128::from(ns) * 1_000_000_000;
            let (out, server) = (world.c(s1) - billion(t1), world.c(s2) - world.c(s1));
            let back = billion(t4) - world.c(s2);
            let parts = [(split.out, out), (split.server, server), (split.back, back), (split.network, out + back)];
            for (part, truth) in parts {
                assert!(billion(part.low) <= truth && truth <= billion(part.high), "seed {seed}: {part:?} {truth}");
                assert!(0 <= part.low && part.high <= t4 - t1, "seed {seed}: {part:?}");
            }
            // What rates are unsure of, and a rounding: whatever the offset is unsure of.
            let exact = (s2 - s1) * 60 / 1_000_000 + 3;
            if mapping.epochs()[0].rates().max_ppb() - mapping.epochs()[0].rates().min_ppb() <= 60_000 {
                assert!(
                    split.server.high - split.server.low <= exact && split.network.high - split.network.low <= exact
                );
            }
            tried += 1;
            resolved += u32::from(split.out.is_resolved());
            if let (Some(out), Some(back), Some(network)) = (split.out.mid, split.back.mid, split.network.mid) {
                assert!((out + back - network).abs() <= exact + (s2 - s1) / 1_000, "seed {seed}");
            }
        }
    }
    println!("{tried} requests, {resolved} of them with a resolved way out: 0 misses");
    assert!(resolved > 0);
}

/// Of a mapping that does not know the request: clocks that agree to ±10 µs, delays of 1 and 3 µs.
#[test]
fn a_negative_estimate_stays_visible_in_an_interval_that_is_not() {
    let mut known = Constraints::default();
    known.push_exchange(Exchange { t1: 0, t2: 16_000, t3: 16_000, t4: 20_000 }).expect("in range");
    let mapping = Mapping::new(&known, &[], Assumptions::default());
    // At 16,000 of A it is 0 to 20,000 of C, 10,000 in the middle.
    let split = mapping.split(Request { t1: 15_000, s1: 16_000, s2: 16_000, t4: 19_000 }).expect("causal");
    assert_eq!(split.out, Part { low: 0, mid: Some(-5_000), high: 4_000 });
    assert_eq!(split.back, Part { low: 0, mid: Some(9_000), high: 4_000 });
    assert_eq!(split.server, Part { low: 0, mid: Some(0), high: 0 });
    assert_eq!(split.network, Part { low: 4_000, mid: Some(4_000), high: 4_000 });
    assert!(!split.out.is_resolved() && !split.back.is_resolved() && split.network.is_resolved());
}

/// What one way takes at least is not left for the other.
#[test]
fn the_ways_limit_each_other() {
    let mut known = Constraints::default();
    known.push_lower(10_000, 16_000).expect("in range");
    let mapping = Mapping::new(&known, &[], Assumptions::default());
    let split = mapping.split(Request { t1: 7_000, s1: 16_000, s2: 16_000, t4: 19_000 }).expect("causal");
    assert_eq!(split.out, Part { low: 3_000, mid: None, high: 12_000 });
    assert_eq!(split.back, Part { low: 0, mid: None, high: 9_000 });
    // Even if only one of the two stamps has a bound.
    let mut known = Constraints::default();
    known.push_upper(600, 700).expect("in range");
    let mapping = Mapping::new(&known, &[Break::at(550)], Assumptions::default());
    let split = mapping.split(Request { t1: 0, s1: 500, s2: 600, t4: 1_000 }).expect("causal");
    assert_eq!((split.out.high, split.back.low, split.back.high), (700, 300, 1_000));
}

#[test]
fn without_a_clock_causality_is_left() {
    let request = Request { t1: 0, s1: 500, s2: 600, t4: 1_000 };
    let anything = Part { low: 0, mid: None, high: 1_000 };
    let nothing_known = Mapping::new(&Constraints::default(), &[], Assumptions::default());
    let split = nothing_known.split(request).expect("causal");
    assert_eq!([split.out, split.server, split.back, split.network], [anything; 4]);
    assert_eq!(split.quality, Quality::Broken);
    // A break between its stamps: even the server's time may be anything.
    let mut known = Constraints::default();
    known.push_exchange(Exchange { t1: 0, t2: 500, t3: 500, t4: 1_000 }).expect("in range");
    known.push_exchange(Exchange { t1: 0, t2: 600, t3: 600, t4: 1_000 }).expect("in range");
    let broken = Mapping::new(&known, &[Break::at(550)], Assumptions::default());
    assert_eq!(broken.split(request).map(|split| split.server), Ok(anything));
    let whole = Mapping::new(&known, &[], Assumptions::default());
    assert_eq!(whole.split(request).map(|split| split.server), Ok(Part { low: 99, mid: Some(100), high: 101 }));
}

#[test]
fn stamps_that_contradict_causality_are_refused() {
    let mut known = Constraints::default();
    known.push_exchange(Exchange { t1: 0, t2: 5, t3: 5, t4: 10 }).expect("in range");
    let mapping = Mapping::new(&known, &[], Assumptions::default());
    let split = |t1, s1, s2, t4| mapping.split(Request { t1, s1, s2, t4 });
    assert_eq!(split(5, 5, 5, 4), Err(SplitError::Backwards(-1)));
    assert_eq!(split(0, 6, 5, 10), Err(SplitError::Backwards(-1)));
    assert_eq!(
        split(20, 5, 5, 30).map_err(|it| it.to_string()),
        Err("the way out took 0 to -10 ns by the bounds of the clock, which cannot be".to_owned(),)
    );
    assert!(matches!(split(0, 0, 100, 50), Err(SplitError::Acausal { part: "the server", .. })));
}

#[test]
fn what_may_as_well_be_nothing_is_not_resolved() {
    let resolved = |low, high, mid| is_resolved(Interval::new(low, high), mid);
    assert!(resolved(51, 149, 100) && resolved(1, 199, 100));
    assert!(!resolved(0, 200, 100) && !resolved(-50, 250, 100));
    assert!(!resolved(-150, -50, -100) && !resolved(0, 0, 0));
    // Cut off at 0 or at the whole, the estimate is not in the middle.
    assert!(!resolved(0, 120, 100) && !resolved(100, 201, 100));
    assert!(!is_resolved(Interval { low: Some(50), high: None }, 100));
}

proptest! {
    #[test]
    fn a_quantile_is_in_its_range(
        samples in prop::collection::vec((0_i64..SECOND, 0_i64..1_000_000, 0_i64..1_000_000), 1..60), q in 0.0..=1.0,
    ) {
        let mut truths: Vec<i64> = samples.iter().map(|&(truth, ..)| truth).collect();
        truths.sort_unstable();
        let truth = quantile::linear(&truths, q).expect("samples");
        let interval = |&(truth, below, above): &(i64, i64, i64)| [truth - below, truth + above];
        let intervals: Vec<[i64; 2]> = samples.iter().map(interval).collect();
        let range = quantile_range(intervals.iter().copied(), q).expect("samples");
        prop_assert!(range.low <= truth + 1e-6 && truth <= range.high + 1e-6, "{:?} {}", range, truth);
        // Attained: all of them may be at their low ends, or at their high ones.
        for (end, expected) in [(0, range.low), (1, range.high)] {
            let mut ends: Vec<i64> = intervals.iter().map(|interval| interval[end]).collect();
            ends.sort_unstable();
            prop_assert_eq!(quantile::linear(&ends, q), Some(expected));
        }
    }
}

#[test]
fn no_samples_have_no_quantile() {
    assert_eq!(quantile_range([], 0.5), None);
    assert_eq!(quantile_range([[1, 2]], 1.5), None);
}
