//! Mappings: invariances, known breaks, and what is refused.

use rand::RngExt;
use rand::seq::SliceRandom;
use rpycbench_measure::clock::{
    Assumptions, Break, Constraints, Converted, EventKind, Exchange, Interval, Mapping, Quality, STAMP_MAX_NS,
    StampError,
};

use super::world::{Message, SECOND, Traffic, World, constraints, rng};

/// With a break around every one of them, steps and suspends of any size move no bound past the truth.
#[test]
fn known_breaks_keep_the_truth_inside() {
    let (mut tried, mut broken) = (0, 0);
    for seed in 0..300 {
        let mut rng = rng(seed);
        let mut world = World::random(&mut rng, 15_000);
        let mut breaks = Vec::new();
        for _ in 0..rng.random_range(1..4) {
            let at = world.instant(&mut rng);
            let by = rng.random_range(-1..=1) * 10_i64.pow(rng.random_range(0..11)) * rng.random_range(1..10);
            world.step(at, by);
            let seen = rng.random_range(0..SECOND);
            breaks.push(Break::between(at - by.min(0) + rng.random_range(0..SECOND), at - seen));
        }
        let traffic = Traffic::random(&mut rng);
        let messages = world.messages(&mut rng, traffic);
        let mapping = Mapping::new(&constraints(&messages), &breaks, Assumptions::default());
        for _ in 0..500 {
            let y = world.instant(&mut rng);
            let converted = mapping.convert(y);
            assert_eq!(world.missed_by(y, converted.interval), 0, "seed {seed}, instant {y}: {converted:?}");
            assert_ne!(converted.quality, Quality::AssumptionAdjusted, "seed {seed}");
            tried += 1;
            broken += u32::from(converted.quality == Quality::Broken);
        }
    }
    println!("{tried} instants, {broken} of them in breaks: 0 misses");
    assert!(broken < tried / 2, "{broken} of {tried}");
}

#[test]
fn an_instant_in_a_break_has_no_bound_and_is_in_no_epoch() {
    let known = probes(0..10);
    let breaks = [Break::at(4 * SECOND), Break::between(7 * SECOND + 1, 6 * SECOND), Break::at(6 * SECOND + 5)];
    let mapping = Mapping::new(&known, &breaks, Assumptions::default());
    let epoch = |y| mapping.convert(y).epoch;
    assert_eq!([epoch(i64::MIN), epoch(4 * SECOND - 1), epoch(4 * SECOND)], [Some(0), Some(0), None]);
    assert_eq!([epoch(4 * SECOND + 1), epoch(6 * SECOND - 1), epoch(6 * SECOND)], [Some(1), Some(1), None]);
    assert_eq!([epoch(7 * SECOND + 1), epoch(7 * SECOND + 2), epoch(i64::MAX)], [None, Some(2), Some(2)]);
    let broken = mapping.convert(4 * SECOND);
    assert_eq!((broken.interval.low, broken.interval.high, broken.mid, broken.hull), (None, None, None, None));
    assert_eq!(broken.quality, Quality::Broken);
    let events: Vec<_> = mapping.events().iter().map(|event| (event.from, event.to, event.kind)).collect();
    let expected = [(4 * SECOND, 4 * SECOND, EventKind::Break), (6 * SECOND, 7 * SECOND + 1, EventKind::Break)];
    assert_eq!(events, expected);
}

#[test]
fn of_one_direction_alone_a_bound_has_one_end() {
    let mut known = Constraints::default();
    known.push_lower(0, 1_000).expect("in range");
    let converted = Mapping::new(&known, &[], Assumptions::default()).convert(1_000);
    assert_eq!((converted.interval.low, converted.interval.high, converted.mid), (Some(0), None, None));
    assert_eq!((converted.epoch, converted.quality), (Some(0), Quality::Hard));
}

#[test]
fn of_nothing_nothing_is_known() {
    let mapping = Mapping::new(&Constraints::default(), &[], Assumptions::default());
    assert_eq!(mapping.convert(0).quality, Quality::Broken);
    assert!(mapping.epochs().is_empty() && mapping.events().is_empty());
}

#[test]
fn before_the_first_stamp_and_after_the_last_is_said_to_be_so() {
    let mapping = Mapping::new(&probes(0..10), &[], Assumptions::default());
    let extrapolated = |y| mapping.convert(y).extrapolated;
    let [first, last] = mapping.epochs()[0].observed();
    assert_eq!([first - 1, first, last, last + 1].map(extrapolated), [true, false, false, true]);
}

/// Where an end would be out of range, it is none or moved outward, and nothing overflows.
#[test]
fn the_ends_of_time_have_bounds_too() {
    for offset in [-STAMP_MAX_NS, STAMP_MAX_NS] {
        let mut known = Constraints::default();
        known.push_lower(offset, -offset).expect("in range");
        known.push_upper(-offset, offset).expect("in range");
        known.push_lower(offset / 2, offset / 2).expect("in range");
        let mapping = Mapping::new(&known, &[], Assumptions::default());
        for y in [i64::MIN, -STAMP_MAX_NS - 1, -STAMP_MAX_NS, 0, STAMP_MAX_NS, STAMP_MAX_NS + 1, i64::MAX] {
            let Converted { interval, .. } = mapping.convert(y);
            assert!(interval.low.zip(interval.high).is_none_or(|(low, high)| low <= high), "{y}: {interval:?}");
        }
    }
}

#[test]
fn stamps_out_of_range_or_order_are_refused() {
    let mut known = Constraints::default();
    let beyond = STAMP_MAX_NS + 1;
    assert_eq!(known.push_lower(beyond, 0), Err(StampError::OutOfRange(beyond)));
    assert_eq!(known.push_upper(0, -beyond), Err(StampError::OutOfRange(-beyond)));
    let exchange = |t1, t2, t3, t4| Exchange { t1, t2, t3, t4 };
    assert_eq!(known.push_exchange(exchange(0, 0, 0, i64::MIN)), Err(StampError::OutOfRange(i64::MIN)));
    assert_eq!(known.push_exchange(exchange(5, 0, 0, 3)), Err(StampError::Backwards { earlier: 5, later: 3 }));
    assert_eq!(known.push_exchange(exchange(0, 5, 3, 9)), Err(StampError::Backwards { earlier: 5, later: 3 }));
    assert!(known.is_empty());
    known.push_exchange(exchange(0, 5, 5, 0)).expect("equal stamps are in order");
    known.push_exchange(Exchange::from_truncated(0, 5, 5, 0)).expect("so are equal readings");
    assert_eq!(known.len(), 4);
    let error = StampError::Backwards { earlier: 5, later: 4 }.to_string();
    assert_eq!(error, "stamp 4 ns was taken after stamp 5 ns of the same clock");
}

/// In worlds with all kinds of faults.
#[test]
fn neither_order_nor_repetition_nor_the_epochs_of_the_clocks_matter() {
    for seed in 0..100 {
        let mut rng = rng(seed);
        let mut world = World::random(&mut rng, 40_000);
        let at = world.instant(&mut rng);
        world.step(at, rng.random_range(-SECOND / 50..SECOND / 50));
        let traffic = Traffic::dense(&world);
        let messages = world.messages(&mut rng, traffic);
        let breaks = [Break::at(world.instant(&mut rng))];
        let one = Mapping::new(&constraints(&messages), &breaks, Assumptions::default());

        let mut shuffled = [messages.as_slice(), &messages[..messages.len() / 3]].concat();
        shuffled.shuffle(&mut rng);
        let shuffled = Mapping::new(&constraints(&shuffled), &breaks, Assumptions::default());
        assert_eq!(one.events(), shuffled.events(), "seed {seed}");
        for _ in 0..100 {
            let y = world.instant(&mut rng);
            assert_eq!(one.convert(y), shuffled.convert(y), "seed {seed}, instant {y}");
        }

        const FAR: i64 = 1_800_000_000_000_000_000;
        for [a, c] in [[FAR, FAR], [0, FAR], [-FAR, 0], [12_345, -FAR]] {
            let messages: Vec<Message> = messages.iter().map(|&message| moved(message, a, c)).collect();
            // Of one instant, as those above: where it is, is not to be seen from outside.
            let breaks = [Break::at(one_break(&one) + a)];
            let other = Mapping::new(&constraints(&messages), &breaks, Assumptions::default());
            for _ in 0..25 {
                let y = world.instant(&mut rng);
                let (here, there) = (one.convert(y), other.convert(y + a));
                let expected = Converted {
                    interval: here.interval.plus(c),
                    mid: here.mid.map(|mid| mid + c),
                    hull: here.hull.map(|hull| hull.plus(c)),
                    ..here
                };
                assert_eq!(there, expected, "seed {seed}, instant {y}, moved by {a} and {c}");
            }
        }
    }
}

fn one_break(mapping: &Mapping) -> i64 {
    mapping.events().iter().find(|event| event.kind == EventKind::Break).expect("a break").from
}

fn moved(message: Message, a: i64, c: i64) -> Message {
    match message {
        Message::Both(Exchange { t1, t2, t3, t4 }) => {
            Message::Both(Exchange { t1: t1 + c, t2: t2 + a, t3: t3 + a, t4: t4 + c })
        }
        Message::Lower(t1, t2) => Message::Lower(t1 + c, t2 + a),
        Message::Upper(t3, t4) => Message::Upper(t3 + a, t4 + c),
    }
}

/// Whatever A reads, of what it may read, C is ahead by what it is said to be.
#[test]
fn how_far_a_clock_is_ahead_holds_at_every_instant_of_a_reading() {
    let mut rose = 0;
    for seed in 0..300 {
        let mut rng = rng(seed);
        let world = World::random(&mut rng, 15_000);
        let traffic = Traffic::random(&mut rng);
        let messages = world.messages(&mut rng, traffic);
        let mapping = Mapping::new(&constraints(&messages), &[], Assumptions::default());
        for _ in 0..50 {
            let from = world.instant(&mut rng);
            let to = from + rng.random_range(0..SECOND);
            let ahead = mapping.ahead(Interval::new(from, to));
            for y in [from, to].into_iter().chain((0..20).map(|_| rng.random_range(from..=to))) {
                let interval = ahead.plus(y);
                assert_eq!(world.missed_by(y, interval), 0, "seed {seed}, {y} of {from} to {to}: {ahead:?}");
            }
            let of = |y: i64| mapping.convert(y).interval.plus(-y);
            assert_eq!(mapping.ahead(Interval::new(from, from)), of(from), "of one instant nothing is lost");
            let middle = of(from.midpoint(to)).high;
            rose += u32::from(middle > of(from).high.max(of(to).high));
        }
    }
    assert!(rose > 50, "{rose}: the ends alone would not do");
}

#[test]
fn how_far_a_clock_is_ahead_is_not_told_across_a_break_nor_of_a_reading_without_an_end() {
    let mapping = Mapping::new(&probes(0..20), &[Break::at(10 * SECOND + 1)], Assumptions::default());
    let ahead = |from: i64, to: i64| mapping.ahead(Interval::new(from, to));
    assert_ne!(ahead(9 * SECOND, 10 * SECOND), Interval::UNKNOWN);
    assert_eq!(ahead(9 * SECOND, 11 * SECOND), Interval::UNKNOWN);
    assert_eq!(ahead(10 * SECOND + 1, 11 * SECOND), Interval::UNKNOWN);
    assert_eq!(mapping.ahead(Interval { low: None, high: Some(SECOND) }), Interval::UNKNOWN);
}

/// One a second, of equal clocks.
fn probes(seconds: std::ops::Range<i64>) -> Constraints {
    let exchange = |second| {
        let t = second * SECOND;
        Message::Both(Exchange { t1: t, t2: t + 10_000, t3: t + 15_000, t4: t + 25_000 })
    };
    constraints(&seconds.map(exchange).collect::<Vec<_>>())
}
