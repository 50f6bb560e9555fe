//! Faults that nobody announces: found, or too small to be seen.
//!
//! What cannot be seen: a false bound that stays within the bounds of the other side. By how much it misses the
//! truth is then limited by the noise of delays there, which is what is asserted. "Silent" is a bound that misses the
//! truth while it is called hard.

use rand::RngExt;
use rand::rngs::ChaCha12Rng;
use rpycbench_measure::clock::{Assumptions, Envelope, Event, EventKind, Exchange, Mapping, Quality, RateBounds};

use super::world::{Message, SECOND, Traffic, World, constraints, rng};

/// Jumps beyond the noise of delays: found, cut out, and no bound of any quality misses the truth.
#[test]
fn a_step_beyond_the_noise_is_cut_out() {
    let (mut tried, mut broken) = (0, 0);
    for seed in 0..150 {
        let mut rng = rng(seed);
        let mut world = World::random(&mut rng, 15_000);
        let at = rng.random_range(world.span.start + SECOND / 4..world.span.end - SECOND / 4);
        let by = [-1, 1][rng.random_range(0..2)] * SECOND / 1_000 * rng.random_range(5..5_000);
        world.step(at, by);
        world.span.end -= by.min(0);
        let traffic = Traffic::dense(&world);
        let messages = world.messages(&mut rng, traffic);
        let mapping = Mapping::new(&constraints(&messages), &[], Assumptions::default());
        let is_there = |event: &&Event| event.kind == EventKind::Contradiction;
        let found: Vec<&Event> = mapping.events().iter().filter(is_there).collect();
        // None is seen that has constraints to one side of it only.
        let mut sides = messages.iter().map(|message| agent_times(*message)[0] < at);
        let seen = sides.clone().any(|before| before) && !sides.all(|before| before);
        assert!(!seen || found.iter().any(|it| (it.from..=it.to).contains(&at)), "seed {seed}: {found:?} {at}");
        for _ in 0..500 {
            let y = world.instant(&mut rng);
            let converted = mapping.convert(y);
            if seen {
                assert_eq!(world.missed_by(y, converted.interval), 0, "seed {seed}, instant {y}: {converted:?}");
            }
            tried += 1;
            broken += u32::from(converted.quality == Quality::Broken);
        }
    }
    println!("{tried} instants around steps, {broken} of them without a bound: 0 misses");
    assert!(broken < tried / 10, "{broken} of {tried}");
}

/// Suspends of any length, down to the noise and below. One that is longer than what lies between the truth and any
/// two bounds around it leaves no hard bound that misses, but for instants after which there is no constraint, and they
/// say so.
#[test]
fn a_suspend_within_the_noise_moves_a_bound_by_no_more_than_that() {
    let mut counts = Counts::default();
    let (mut tried, mut past_noise, mut unseen) = (0, 0, 0);
    for seed in 0..250 {
        let mut rng = rng(seed);
        let mut world = World::random(&mut rng, 15_000);
        let at = rng.random_range(world.span.clone());
        let by = rng.random_range(1..10) * 10_i64.pow(rng.random_range(2..8));
        world.step(at, by);
        let traffic = Traffic::dense(&world);
        let messages = world.messages(&mut rng, traffic);
        // Without constraints on both sides of it, nobody could see it.
        let Some(noise) = noise_around(&world, &messages, at) else { continue };
        let is_past = by > noise;
        tried += 1;
        past_noise += u32::from(is_past);
        let mapping = Mapping::new(&constraints(&messages), &[], Assumptions::default());
        for _ in 0..200 {
            let y = world.instant(&mut rng);
            let converted = mapping.convert(y);
            let missed = world.missed_by(y, converted.interval);
            if converted.extrapolated {
                unseen += u32::from(missed > 0);
                continue;
            }
            counts.add(converted.quality, missed);
            let is_silent = converted.quality == Quality::Hard && missed > 0;
            assert!(!is_silent || !is_past, "seed {seed}, instant {y}: {converted:?} missed by {missed}");
            assert!(!is_silent || missed <= i128::from(by) * 1_000_000_000, "seed {seed}, instant {y}");
        }
    }
    println!("suspends of 100 ns to 90 ms: {past_noise} of {tried} past the noise, 0 of them silent");
    counts.print("instants around them");
    println!("{unseen} instants missed beyond the last constraint, as is said of them");
    assert!(past_noise > 60 && past_noise < 200, "{past_noise}");
}

/// The least that a suspend at `at` has to exceed, so that the rate limit cannot explain it: what an upper bound before
/// and a lower one after leave free, and the whole range of rates for the time between.
fn noise_around(world: &World, messages: &[Message], at: i64) -> Option<i64> {
    let bounds = || messages.iter().flat_map(|&message| bounds_of(message));
    let room = |(y, bound, is_lower): (i64, i64, bool)| {
        let truth = if is_lower { world.c_ceil(y) } else { world.c_floor(y) } - y;
        bound.abs_diff(truth) as i64 + 400 * (y - at).abs() / 1_000_000 + 1
    };
    let before = bounds().filter(|&(y, _, is_lower)| !is_lower && y < at).map(room).min();
    let after = bounds().filter(|&(y, _, is_lower)| is_lower && y >= at).map(room).min();
    Some(before? + after?)
}

/// The bounds on φ that a message gives: the instant, the bound, and whether it is a lower one.
fn bounds_of(message: Message) -> Vec<(i64, i64, bool)> {
    match message {
        Message::Both(Exchange { t1, t2, t3, t4 }) => vec![(t2, t1 - t2, true), (t3, t4 - t3, false)],
        Message::Lower(t1, t2) => vec![(t2, t1 - t2, true)],
        Message::Upper(t3, t4) => vec![(t3, t4 - t3, false)],
    }
}

/// One receive stamp too early, by any amount, on either side.
#[test]
fn an_early_receive_stamp_is_found_if_it_is_past_the_other_side() {
    let mut counts = Counts::default();
    let (mut within_noise, mut found) = (0, 0);
    for seed in 0..400 {
        let mut rng = rng(seed);
        let world = World::random(&mut rng, 15_000);
        let traffic = Traffic::dense(&world);
        let messages = world.messages(&mut rng, traffic);
        let early = early_stamp(&world, &mut rng);
        let wide = RateBounds::symmetric(Assumptions::default().rate_limit_ppb);
        let noise = Envelope::build(&constraints(&messages), wide).expect("no fault yet");
        let (is_past, violation) = match early {
            Message::Lower(t1, t2) => (noise.at(t2).high.is_some_and(|high| t1 - t2 > high), t1 - world.c_floor(t2)),
            Message::Upper(t3, t4) => (noise.at(t3).low.is_some_and(|low| t4 - t3 < low), world.c_ceil(t3) - t4),
            Message::Both(_) => continue,
        };
        let with = [messages.as_slice(), &[early]].concat();
        let mapping = Mapping::new(&constraints(&with), &[], Assumptions::default());
        let is_found = !mapping.events().iter().all(|event| matches!(event.kind, EventKind::NoLine(_)));
        assert!(!is_past || is_found, "seed {seed}: {early:?} is {violation} ns past the truth");
        within_noise += u32::from(!is_found);
        found += u32::from(is_found);
        for y in (0..200).map(|_| world.instant(&mut rng)).chain(agent_times(early)) {
            let converted = mapping.convert(y);
            let missed = world.missed_by(y, converted.interval);
            counts.add(converted.quality, missed);
            let is_silent = converted.quality == Quality::Hard && missed > 0;
            assert!(!is_silent || !is_past, "seed {seed}, instant {y}: {converted:?} missed by {missed}");
            // The false bound itself misses by most.
            assert!(!is_silent || missed <= (i128::from(violation) + 1) * 1_000_000_000, "seed {seed}, instant {y}");
        }
    }
    println!("early receive stamps: {found} found, {within_noise} within the noise, 0 past it and silent");
    counts.print("instants around them");
    assert!(found > 100 && within_noise > 100);
}

/// Far past the noise, the stamp is left out, and with it what is between it and what it contradicts.
#[test]
fn a_very_early_receive_stamp_harms_no_bound() {
    for seed in 0..100 {
        let mut rng = rng(seed);
        let world = World::random(&mut rng, 15_000);
        let traffic = Traffic::dense(&world);
        let mut messages = world.messages(&mut rng, traffic);
        let Some(place) = messages.iter().position(|message| matches!(message, Message::Both(_))) else { continue };
        let Message::Both(exchange) = &mut messages[place] else { continue };
        exchange.t2 -= rng.random_range(SECOND / 100..SECOND);
        let mapping = Mapping::new(&constraints(&messages), &[], Assumptions::default());
        for y in (0..300).map(|_| world.instant(&mut rng)).chain(messages.iter().flat_map(|&it| agent_times(it))) {
            let converted = mapping.convert(y);
            assert_eq!(world.missed_by(y, converted.interval), 0, "seed {seed}, instant {y}: {converted:?}");
        }
    }
}

/// The rate changes by 50 ppm and more for good: allowed for by more wander, and said so.
#[test]
fn a_jump_of_the_rate_widens_the_assumptions_and_is_said() {
    let mut counts = Counts::default();
    for seed in 0..100 {
        let mut rng = rng(seed);
        let mut world = World::random(&mut rng, 5_000);
        world.span.end = world.span.start + 40 * SECOND;
        let at = world.span.start + rng.random_range(15..25) * SECOND;
        world.change_rate(at, [-1, 1][rng.random_range(0..2)] * rng.random_range(50_000..150_000));
        let traffic = Traffic::dense(&world);
        let messages = world.messages(&mut rng, traffic);
        let mapping = Mapping::new(&constraints(&messages), &[], Assumptions::default());
        let said = mapping.events().iter().any(|event| matches!(event.kind, EventKind::AssumptionAdjusted(_)));
        let wander = mapping.epochs()[0].wander_ppb();
        let is_doubled = [30_000, 60_000, 120_000, 240_000, 480_000].contains(&wander);
        assert!(said && is_doubled, "seed {seed}: {wander} ppb, {:?}", mapping.events());
        for _ in 0..300 {
            let y = world.instant(&mut rng);
            let converted = mapping.convert(y);
            assert_ne!(converted.quality, Quality::Hard, "seed {seed}");
            assert_eq!(converted.hull, None, "seed {seed}: no line has two slopes");
            counts.add(converted.quality, world.missed_by(y, converted.interval));
        }
    }
    counts.print("instants around jumps of the rate");
}

/// Contradictions one after the other, some of them of the same stamps: time is cut at each, and it all ends.
#[test]
fn stamps_that_make_no_sense_leave_no_bound_that_does() {
    let mut rng = rng(7);
    let nonsense = (0..2_000).map(|_| {
        let (t, t2) = (rng.random_range(0..SECOND), rng.random_range(0..SECOND));
        if rng.random_bool(0.5) { Message::Lower(t + SECOND, t2) } else { Message::Upper(t2, t - SECOND) }
    });
    let messages: Vec<Message> = nonsense.collect();
    let mapping = Mapping::new(&constraints(&messages), &[], Assumptions::default());
    assert!(mapping.events().iter().filter(|event| event.kind == EventKind::Contradiction).count() > 200);
    for y in (0..SECOND).step_by(100_003) {
        let interval = mapping.convert(y).interval;
        assert!(interval.low.zip(interval.high).is_none_or(|(low, high)| low <= high));
    }
}

#[derive(Default)]
struct Counts {
    instants: u64,
    adjusted: u64,
    broken: u64,
    missed_hard: u64,
    missed_adjusted: u64,
    worst: i128,
}

impl Counts {
    fn add(&mut self, quality: Quality, missed: i128) {
        self.instants += 1;
        self.adjusted += u64::from(quality == Quality::AssumptionAdjusted);
        self.broken += u64::from(quality == Quality::Broken);
        if quality == Quality::Hard {
            self.missed_hard += u64::from(missed > 0);
            self.worst = self.worst.max(missed);
        } else {
            self.missed_adjusted += u64::from(missed > 0);
        }
    }

    fn print(&self, of: &str) {
        let Self { instants, adjusted, broken, missed_hard, missed_adjusted, worst } = self;
        let worst = worst / 1_000_000_000;
        println!(
            "{instants} {of}: {adjusted} adjusted ({missed_adjusted} missed), {broken} broken, {missed_hard} hard ones \
             missed within the noise, by {worst} ns at most"
        );
    }
}

/// A message that claims to have arrived before it did, by any amount, so that its bound is false.
fn early_stamp(world: &World, rng: &mut ChaCha12Rng) -> Message {
    let y = rng.random_range(world.span.clone());
    let past = rng.random_range(1..10) * 10_i64.pow(rng.random_range(0..9));
    if rng.random_bool(0.5) {
        Message::Lower(world.c_ceil(y) + past, y)
    } else {
        Message::Upper(y, world.c_floor(y) - past)
    }
}

fn agent_times(message: Message) -> [i64; 2] {
    match message {
        Message::Both(Exchange { t2, t3, .. }) => [t2, t3],
        Message::Lower(_, y) | Message::Upper(y, _) => [y, y],
    }
}
