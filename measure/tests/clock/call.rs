//! Calls taken apart.

use rand::RngExt;
use rpycbench_measure::clock::{
    Apart, Assumptions, Break, Call, Constraints, Epoch, Exchange, Interval, Mapping, Part, is_resolved,
};

use super::world::{Message, Traffic, World, constraints, rng};

/// Every part of every call is where it is said to be, and no wider than the clocks and the rest of the call leave it.
#[test]
fn every_part_of_a_call_with_one_request_contains_the_truth() {
    let (mut tried, mut resolved) = (0, 0);
    for seed in 0..300 {
        let mut rng = rng(seed);
        let world = World::random(&mut rng, 15_000);
        let traffic = Traffic { delay: 20_000, ..Traffic::random(&mut rng) };
        let messages = world.messages(&mut rng, traffic);
        let mapping = Mapping::new(&constraints(&messages), &[], Assumptions::default());
        let rates = mapping.epochs().first().map(Epoch::rates);
        for message in messages {
            let Message::Both(Exchange { t1, t2, t3, t4 }) = message else { continue };
            let Apart { out, server, between, back } = once(t1, t2, t3, t4).apart(&mapping).expect("causal");
            let billion = |ns: i64| i128::from(ns) * 1_000_000_000;
            let truths = [world.c(t2) - billion(t1), world.c(t3) - world.c(t2), 0, billion(t4) - world.c(t3)];
            for (part, truth) in [out, server, between, back].into_iter().zip(truths) {
                assert!(billion(part.low) <= truth && truth <= billion(part.high), "seed {seed}: {part:?} {truth}");
                assert!(0 <= part.low && part.high <= t4 - t1, "seed {seed}: {part:?}");
            }
            assert_eq!(between, Part { low: 0, mid: Some(0), high: 0 });
            // What rates are unsure of, and a rounding: whatever the offset is unsure of.
            let exact = (t3 - t2) * 60 / 1_000_000 + 3;
            let width = |part: Part| part.high - part.low;
            if rates.is_some_and(|rates| rates.max_ppb() - rates.min_ppb() <= 60_000) {
                assert!(width(server) <= exact, "seed {seed}: {server:?}");
                assert!((width(out) - width(back)).abs() <= exact, "seed {seed}: one error, {out:?} {back:?}");
            }
            for (part, at) in [(out, t2), (back, t3)] {
                assert!(mapping.convert(at).interval.width().is_none_or(|known| width(part) <= known), "seed {seed}");
            }
            if let (Some(out), Some(server), Some(back)) = (out.mid, server.mid, back.mid) {
                assert!((out + server + back - (t4 - t1)).abs() <= exact + (t3 - t2) / 1_000, "seed {seed}");
            }
            tried += 1;
            resolved += u32::from(out.is_resolved());
        }
    }
    println!("{tried} calls, {resolved} of them with a resolved way out: 0 misses");
    assert!(resolved > 0);
}

/// Of a mapping that does not know the call: clocks that agree to ±10 µs, delays of 1 and 3 µs.
#[test]
fn a_negative_estimate_stays_visible_in_an_interval_that_is_not() {
    let mut known = Constraints::default();
    known.push_exchange(Exchange { t1: 0, t2: 16_000, t3: 16_000, t4: 20_000 }).expect("in range");
    let mapping = Mapping::new(&known, &[], Assumptions::default());
    // At 16,000 of A it is 0 to 20,000 of C, 10,000 in the middle.
    let apart = once(15_000, 16_000, 16_000, 19_000).apart(&mapping).expect("causal");
    assert_eq!(apart.out, Part { low: 0, mid: Some(-5_000), high: 4_000 });
    assert_eq!(apart.back, Part { low: 0, mid: Some(9_000), high: 4_000 });
    assert_eq!(apart.server, Part { low: 0, mid: Some(0), high: 0 });
    assert!(!apart.out.is_resolved() && !apart.back.is_resolved());
}

/// What one way takes at least is not left for the other.
#[test]
fn the_ways_limit_each_other() {
    let mut known = Constraints::default();
    known.push_lower(10_000, 16_000).expect("in range");
    let mapping = Mapping::new(&known, &[], Assumptions::default());
    let apart = once(7_000, 16_000, 16_000, 19_000).apart(&mapping).expect("causal");
    assert_eq!(apart.out, Part { low: 3_000, mid: None, high: 12_000 });
    assert_eq!(apart.back, Part { low: 0, mid: None, high: 9_000 });
}

#[test]
fn without_one_clock_for_both_of_its_stamps_a_call_cannot_be_taken_apart() {
    let call = once(0, 500, 600, 1_000);
    assert_eq!(call.apart(&Mapping::new(&Constraints::default(), &[], Assumptions::default())), None);
    let mut known = Constraints::default();
    known.push_exchange(Exchange { t1: 0, t2: 500, t3: 500, t4: 1_000 }).expect("in range");
    known.push_exchange(Exchange { t1: 0, t2: 600, t3: 600, t4: 1_000 }).expect("in range");
    assert_eq!(call.apart(&Mapping::new(&known, &[Break::at(550)], Assumptions::default())), None);
    let whole = Mapping::new(&known, &[], Assumptions::default());
    let server = call.apart(&whole).map(|apart| apart.server);
    assert_eq!(server, Some(Part { low: 99, mid: Some(100), high: 101 }));
}

/// A clock that is ahead by a second, known from what the calls themselves say: each has two requests, with the client's own
/// work between.
#[test]
fn every_part_of_a_call_with_two_requests_contains_the_truth() {
    const AHEAD: i64 = 1_000_000_000;
    let mut rng = rng(7);
    let mut calls = Vec::new();
    let mut now = 0;
    for _ in 0..2_000 {
        let mut take = |most: i64| rng.random_range(1..=most);
        let [out, first, between, second, back] =
            [take(30_000), take(90_000), take(70_000), take(50_000), take(40_000)];
        let received = now + out + AHEAD;
        let answered = received + first + between + second;
        let end = answered - AHEAD + back;
        let call = Call { start: now, end, received, answered, server: first + second, once: false };
        calls.push((call, [out, first + second, between, back]));
        now = end + take(1_000_000);
    }
    let mut known = Constraints::default();
    for (call, _) in &calls {
        known.push_lower(call.start, call.received).expect("in range");
        known.push_upper(call.answered, call.end).expect("in range");
    }
    let mapping = Mapping::new(&known, &[], Assumptions::default());
    let mut resolved = 0;
    for (call, truth) in calls {
        let Apart { out, server, between, back } = call.apart(&mapping).expect("causal");
        for (part, truth) in [out, server, between, back].into_iter().zip(truth) {
            assert!(part.low <= truth && truth <= part.high, "{call:?}: {part:?} {truth}");
            resolved += u32::from(part.is_resolved());
        }
        let middle: i64 = [out, server, between, back].iter().map(|part| part.mid.expect("bounded")).sum();
        assert_eq!(middle, call.end - call.start, "nothing is left over, and nothing counted twice");
        let one_host = Call { received: call.received - AHEAD, answered: call.answered - AHEAD, ..call };
        let exact = one_host.of_one_host().expect("in order");
        assert_eq!([exact.out, exact.server, exact.between, exact.back].map(|part| part.mid), truth.map(Some));
    }
    assert!(resolved > 2_000, "{resolved}");
}

#[test]
fn stamps_in_no_possible_order_give_nothing() {
    let call = Call { start: 0, end: 100, received: 10, answered: 60, server: 50, once: true };
    assert!(call.of_one_host().is_some());
    for wrong in [Call { received: -1, ..call }, Call { answered: 101, ..call }, Call { server: 200, ..call }] {
        assert_eq!(wrong.of_one_host(), None, "{wrong:?}");
    }
    let mut known = Constraints::default();
    known.push_exchange(Exchange { t1: 0, t2: 0, t3: 0, t4: 0 }).expect("in range");
    let mapping = Mapping::new(&known, &[], Assumptions::default());
    assert_eq!(Call { received: -50, ..call }.apart(&mapping), None);
    let mut known = Constraints::default();
    known.push_exchange(Exchange { t1: 0, t2: 5, t3: 5, t4: 10 }).expect("in range");
    let mapping = Mapping::new(&known, &[], Assumptions::default());
    let apart = |start, received, answered, end| once(start, received, answered, end).apart(&mapping);
    assert!(apart(0, 5, 5, 10).is_some());
    // The driver's clock went back, the server's did; the way out, or the server, took what there was not.
    for [start, received, answered, end] in [[5, 5, 5, 4], [0, 6, 5, 10], [20, 5, 5, 30], [0, 0, 100, 50]] {
        assert_eq!(apart(start, received, answered, end), None);
    }
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

/// With one request.
fn once(start: i64, received: i64, answered: i64, end: i64) -> Call {
    Call { start, end, received, answered, server: answered - received, once: true }
}
