//! Calls taken apart.

use rand::RngExt;
use rpycbench_measure::clock::{Apart, Assumptions, Call, Constraints, Exchange, Mapping, Part, Request};

use super::world::{Message, Traffic, World, constraints, rng};

#[test]
fn a_call_with_one_request_is_split_like_a_request() {
    let mut tried = 0;
    for seed in 0..100 {
        let mut rng = rng(seed);
        let world = World::random(&mut rng, 15_000);
        let traffic = Traffic { delay: 20_000, ..Traffic::random(&mut rng) };
        let messages = world.messages(&mut rng, traffic);
        let mapping = Mapping::new(&constraints(&messages), &[], Assumptions::default());
        for message in messages {
            let Message::Both(Exchange { t1, t2, t3, t4 }) = message else { continue };
            let split = mapping.split(Request { t1, s1: t2, s2: t3, t4 }).expect("causal");
            let call = Call { start: t1, end: t4, received: t2, answered: t3, server: t3 - t2, once: true };
            let Apart { out, server, between, back } = call.apart(&mapping).expect("causal");
            assert_eq!((out, server, back), (split.out, split.server, split.back), "seed {seed}");
            assert_eq!(between, Part { low: 0, mid: Some(0), high: 0 });
            tried += 1;
        }
    }
    assert!(tried > 1_000, "{tried}");
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
}
