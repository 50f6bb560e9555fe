//! Two clocks of which everything is known, and the messages between their hosts.

use std::ops::Range;

use rand::rngs::ChaCha12Rng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rpycbench_measure::clock::{Constraints, Exchange, Interval};

pub(crate) const SECOND: i64 = 1_000_000_000;

/// φ(y) in 10⁻⁹ ns: lines between instants at which the rate of A changes.
#[derive(Debug, Clone)]
pub(crate) struct World {
    pieces: Vec<Piece>,
    /// Instants of A that belong to it.
    pub(crate) span: Range<i64>,
    /// Instants that A left out, as it was stepped past them.
    pub(crate) skipped: Vec<Range<i64>>,
}

#[derive(Debug, Clone, Copy)]
struct Piece {
    from: i64,
    phi: i128,
    rate_ppb: i64,
}

/// What messages a world has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traffic {
    pub(crate) exchanges: usize,
    /// Of a message, the least, ns.
    pub(crate) delay: i64,
    /// The most, ns.
    pub(crate) delay_max: i64,
    /// The share of messages that are lost, and of those that are told twice.
    pub(crate) loss: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Message {
    Both(Exchange),
    Lower(i64, i64),
    Upper(i64, i64),
}

pub(crate) fn rng(seed: u64) -> ChaCha12Rng {
    ChaCha12Rng::seed_from_u64(seed)
}

impl World {
    /// Offset up to ±10¹² ns, mean rate so that no rate is beyond ±200 ppm, and rates that are at most `wander_ppb`
    /// apart.
    pub(crate) fn random(rng: &mut ChaCha12Rng, wander_ppb: i64) -> Self {
        let start = rng.random_range(-1_000 * SECOND..1_000 * SECOND);
        let span = start..start + rng.random_range(SECOND..60 * SECOND);
        let lowest = rng.random_range(-200_000..=200_000 - wander_ppb);
        let mut pieces: Vec<Piece> = Vec::new();
        let (mut from, mut phi) =
            (start, i128::from(rng.random_range(-1_000 * SECOND..=1_000 * SECOND)) * 1_000_000_000);
        while from < span.end {
            // Often one of the two ends: the worst that is allowed.
            let rate_ppb = match rng.random_range(0..4) {
                0 => lowest,
                1 => lowest + wander_ppb,
                _ => rng.random_range(lowest..=lowest + wander_ppb),
            };
            pieces.push(Piece { from, phi, rate_ppb });
            let lasts = rng.random_range(SECOND / 20..5 * SECOND);
            phi += i128::from(rate_ppb) * i128::from(lasts);
            from += lasts;
        }
        Self { pieces, span, skipped: Vec::new() }
    }

    /// φ jumps by `by` ns at the instant `at`: up when A's host is suspended, down when A is stepped forward.
    pub(crate) fn step(&mut self, at: i64, by: i64) {
        let (before, rate_ppb) = (self.phi(at), self.piece(at).rate_ppb);
        let resumes = at - by.min(0);
        self.pieces.retain(|piece| !(at..=resumes).contains(&piece.from));
        if by < 0 {
            // C stands still while A leaps: no instant of A in between is ever read.
            self.skipped.push(at..resumes);
            self.pieces.push(Piece { from: at, phi: before, rate_ppb: -1_000_000_000 });
        }
        self.pieces.push(Piece { from: resumes, phi: before + i128::from(by) * 1_000_000_000, rate_ppb });
        self.join_after(resumes);
    }

    /// The rate changes for good, by so many ppb at the instant `at`.
    pub(crate) fn change_rate(&mut self, at: i64, by_ppb: i64) {
        self.pieces.push(Piece { from: at, phi: self.phi(at), rate_ppb: self.piece(at).rate_ppb });
        for piece in self.pieces.iter_mut().filter(|piece| piece.from >= at) {
            piece.rate_ppb += by_ppb;
        }
        self.join_after(at);
    }

    /// Every piece begins where the one before it ends.
    fn join_after(&mut self, at: i64) {
        self.pieces.sort_by_key(|piece| piece.from);
        for index in 1..self.pieces.len() {
            let (before, from) = (self.pieces[index - 1], self.pieces[index].from);
            if from > at {
                let gained = i128::from(before.rate_ppb) * i128::from(from - before.from);
                self.pieces[index].phi = before.phi + gained;
            }
        }
    }

    /// φ in 10⁻⁹ ns.
    pub(crate) fn phi(&self, y: i64) -> i128 {
        let piece = self.piece(y);
        piece.phi + i128::from(piece.rate_ppb) * (i128::from(y) - i128::from(piece.from))
    }

    /// The time of C in 10⁻⁹ ns.
    pub(crate) fn c(&self, y: i64) -> i128 {
        self.phi(y) + i128::from(y) * 1_000_000_000
    }

    pub(crate) fn exists(&self, y: i64) -> bool {
        !self.skipped.iter().any(|skipped| skipped.contains(&y))
    }

    /// The last whole nanosecond that C had shown.
    pub(crate) fn c_floor(&self, y: i64) -> i64 {
        i64::try_from(self.c(y).div_euclid(1_000_000_000)).expect("in range")
    }

    /// The first one that it had not.
    pub(crate) fn c_ceil(&self, y: i64) -> i64 {
        i64::try_from(-(-self.c(y)).div_euclid(1_000_000_000)).expect("in range")
    }

    /// Any instant of A, also a little before and after.
    pub(crate) fn instant(&self, rng: &mut ChaCha12Rng) -> i64 {
        let margin = (self.span.end - self.span.start) / 10;
        loop {
            let y = rng.random_range(self.span.start - margin..self.span.end + margin);
            if self.exists(y) {
                return y;
            }
        }
    }

    /// Messages in any order: evenly spread, in bursts, or somewhere; lost, doubled and kept back.
    pub(crate) fn messages(&self, rng: &mut ChaCha12Rng, traffic: Traffic) -> Vec<Message> {
        let mut messages = Vec::new();
        let length = self.span.end - self.span.start;
        let step = length / traffic.exchanges as i64;
        for index in 0..traffic.exchanges as i64 {
            let t2 = match rng.random_range(0..3) {
                0 => self.span.start + index % 10 * (length / 10) + rng.random_range(0..SECOND / 100),
                _ => self.span.start + index * step + rng.random_range(0..=step / 2),
            };
            let t3 =
                t2 + if rng.random_bool(0.9) { rng.random_range(0..50_000) } else { rng.random_range(0..SECOND / 10) };
            if !self.exists(t2) || !self.exists(t3) {
                continue;
            }
            let exchange = Exchange {
                t1: self.c_floor(t2) - traffic.sample_delay(rng),
                t2,
                t3,
                t4: self.c_ceil(t3) + traffic.sample_delay(rng),
            };
            let lost = [rng.random_bool(traffic.loss), rng.random_bool(traffic.loss)];
            let message = match lost {
                [true, true] => continue,
                [false, true] => Message::Lower(exchange.t1, t2),
                [true, false] => Message::Upper(t3, exchange.t4),
                [false, false] => Message::Both(exchange),
            };
            messages.push(message);
            if rng.random_bool(traffic.loss) {
                messages.push(message);
            }
        }
        messages.shuffle(rng);
        messages
    }

    /// By how much an interval of the time of C at `y` misses it, in 10⁻⁹ ns; 0 if it does not.
    pub(crate) fn missed_by(&self, y: i64, interval: Interval) -> i128 {
        let truth = self.c(y);
        let below = interval.low.map_or(0, |low| i128::from(low) * 1_000_000_000 - truth);
        let above = interval.high.map_or(0, |high| truth - i128::from(high) * 1_000_000_000);
        below.max(above).max(0)
    }

    fn piece(&self, y: i64) -> Piece {
        let after = self.pieces.partition_point(|piece| piece.from <= y);
        self.pieces[after.saturating_sub(1)]
    }
}

impl Traffic {
    pub(crate) fn random(rng: &mut ChaCha12Rng) -> Self {
        Self {
            exchanges: rng.random_range(1..200),
            delay: [0, 1, 500, 20_000, 1_000_000][rng.random_range(0..5)],
            delay_max: SECOND,
            loss: [0.0, 0.05, 0.5][rng.random_range(0..3)],
        }
    }

    /// Ten exchanges a second and more, with delays that leave no room for doubt about a jump by milliseconds.
    pub(crate) fn dense(world: &World) -> Self {
        let seconds = (world.span.end - world.span.start) / SECOND + 1;
        Self { exchanges: 20 * seconds as usize, delay: 20_000, delay_max: 400_000, loss: 0.05 }
    }

    /// Pareto's distribution: without a mean.
    fn sample_delay(self, rng: &mut ChaCha12Rng) -> i64 {
        let above = self.delay as f64 * (rng.random_range(1e-9..1.0_f64).powf(-1.2) - 1.0);
        (self.delay + above as i64 / 8).min(self.delay_max)
    }
}

pub(crate) fn constraints(messages: &[Message]) -> Constraints {
    let mut constraints = Constraints::default();
    for &message in messages {
        match message {
            Message::Both(exchange) => constraints.push_exchange(exchange),
            Message::Lower(t1, t2) => constraints.push_lower(t1, t2),
            Message::Upper(t3, t4) => constraints.push_upper(t3, t4),
        }
        .expect("stamps are in range");
    }
    constraints
}
