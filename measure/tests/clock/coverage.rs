//! The truth is inside, whatever the world, at every instant.

use rand::RngExt;
use rpycbench_measure::clock::{Assumptions, Constraints, EventKind, Exchange, Mapping, Quality, RateBounds};

use super::world::{Message, Traffic, World, constraints, rng};

/// In a world that keeps what is assumed, no bound misses the truth, and nothing is falsified.
#[test]
fn the_truth_is_inside_at_every_instant() {
    let cases = std::env::var("CLOCK_CASES").map_or(1_000_000, |cases| cases.parse().expect("CLOCK_CASES is a number"));
    let (mut tried, mut bounded, mut estimated, mut seed) = (0_u64, 0_u64, 0_u64, 0);
    while tried < cases {
        seed += 1;
        let mut rng = rng(seed);
        let wander = [0, 1_000, 15_000][rng.random_range(0..3)];
        let world = World::random(&mut rng, wander);
        let traffic = Traffic::random(&mut rng);
        let messages = world.messages(&mut rng, traffic);
        let mapping = Mapping::new(&constraints(&messages), &[], Assumptions::default());
        let only_hulls = mapping.events().iter().all(|event| matches!(event.kind, EventKind::NoLine(_)));
        assert!(only_hulls && (wander > 0 || mapping.events().is_empty()), "seed {seed}: {:?}", mapping.events());
        let stamps = messages.iter().map(|message| match message {
            Message::Both(Exchange { t2: stamp, .. }) | Message::Lower(_, stamp) | Message::Upper(stamp, _) => *stamp,
        });
        let others: Vec<i64> = (0..1_000).map(|_| world.instant(&mut rng)).collect();
        for y in stamps.chain(others) {
            let converted = mapping.convert(y);
            assert_eq!(world.missed_by(y, converted.interval), 0, "seed {seed}, instant {y}: {converted:?}");
            assert!(converted.quality == Quality::Hard || mapping.epochs().is_empty());
            bounded += u64::from(converted.interval.width().is_some());
            if let (0, Some(hull)) = (wander, converted.hull) {
                assert_eq!(world.missed_by(y, hull), 0, "seed {seed}, instant {y}: {converted:?}");
                estimated += u64::from(hull.width().is_some());
            }
            tried += 1;
        }
    }
    println!("{tried} instants in {seed} worlds, {bounded} bounded from both sides, {estimated} estimates: 0 misses");
    assert!(bounded > tried / 2 && estimated > tried / 8, "{bounded} bounded, {estimated} estimated of {tried}");
}

/// At its own stamps, the bound is no wider than what the exchange alone says: its round trip without the time
/// at the other host, and the rate's uncertainty over that time.
#[test]
fn the_bound_is_no_wider_than_one_exchange() {
    for seed in 0..200 {
        let mut rng = rng(seed);
        let world = World::random(&mut rng, 15_000);
        let traffic = Traffic::random(&mut rng);
        let messages = world.messages(&mut rng, traffic);
        let mapping = Mapping::new(&constraints(&messages), &[], Assumptions::default());
        for message in messages {
            let Message::Both(Exchange { t1, t2, t3, t4 }) = message else { continue };
            let round_trip = (t4 - t1) - (t3 - t2) + (t3 - t2) * 200 / 1_000_000;
            for y in [t2, t3] {
                let width = mapping.convert(y).interval.width().expect("bounded");
                assert!(width <= round_trip + 3, "seed {seed}: {width} ns of {round_trip} ns");
            }
        }
    }
}

/// Without constraints near, the wander alone widens the bound: 15 ppm to either side of the mean.
#[test]
fn the_bound_widens_with_the_wander_only() {
    let mut known = Constraints::default();
    for t in (0..=60).map(|second| second * 1_000_000_000) {
        if !(20_000_000_000..40_000_000_000).contains(&t) {
            known.push_exchange(Exchange { t1: t, t2: t + 10_000, t3: t + 10_000, t4: t + 20_000 }).expect("in range");
        }
    }
    let mapping = Mapping::new(&known, &[], Assumptions::default());
    let half_width = mapping.convert(29_500_000_000).interval.width().map(|width| width / 2);
    // 10 µs at the ends of the gap, and over 10.5 s of it 15 ppm of wander and 0.33 ppm that the mean is unsure.
    assert!(half_width.is_some_and(|it| (171_000..173_000).contains(&it)), "{half_width:?}");
    let epoch = &mapping.epochs()[0];
    assert!(epoch.rates().min_ppb() < -15_000 && epoch.rates().max_ppb() > 15_000, "{}", epoch.rates());
    assert!(epoch.rates().min_ppb() > -16_000 && epoch.rates().max_ppb() < 16_000, "{}", epoch.rates());
}

/// The rate is inside what is derived of it, in every world.
#[test]
fn the_rate_is_inside_its_bounds() {
    for seed in 0..500 {
        let mut rng = rng(seed);
        let world = World::random(&mut rng, 15_000);
        let traffic = Traffic::random(&mut rng);
        let messages = world.messages(&mut rng, traffic);
        let rates = RateBounds::about_mean(&constraints(&messages), Assumptions::default()).expect("not falsified");
        for _ in 0..50 {
            let y = rng.random_range(world.span.clone());
            let gain = (world.phi(y + 1) - world.phi(y)) as i64;
            assert!((rates.min_ppb()..=rates.max_ppb()).contains(&gain), "seed {seed}: {gain} ppb not in {rates}");
        }
    }
}

/// Events happen between two readings, and readings are cut to the one before: eighths of nanoseconds here.
#[test]
fn readings_that_are_cut_are_moved_outward() {
    let mut rng = rng(1);
    for _ in 0..20_000 {
        let offset = rng.random_range(-4_000_i64..4_000);
        let sent = rng.random_range(-4_000_i64..4_000);
        let arrived = sent + rng.random_range(0..20);
        let answered = arrived + rng.random_range(0..20);
        let received = answered + rng.random_range(0..20);
        let (c, a) = (|eighths: i64| eighths.div_euclid(8), |eighths: i64| (eighths - offset).div_euclid(8));
        let mut known = Constraints::default();
        known.push_exchange(Exchange::from_truncated(c(sent), a(arrived), a(answered), c(received))).expect("in range");
        let mapping = Mapping::new(&known, &[], Assumptions::default());
        let y = a(arrived);
        let interval = mapping.convert(y).interval;
        let truth = y * 8 + offset;
        assert!(interval.low.is_some_and(|low| low * 8 <= truth), "{interval:?} {truth}");
        assert!(interval.high.is_some_and(|high| high * 8 >= truth), "{interval:?} {truth}");
    }
}
