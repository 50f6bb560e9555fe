//! One direction between two hosts: what becomes of a packet, and when.

use std::collections::VecDeque;
use std::iter::Sum;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::prctl;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use tun_rs::SyncDevice;

use super::attacker::{Attack, Attacker};

/// What waits for a limited rate at most: a thousand full packets, the usual queue of a network card.
const RATE_BUFFER_BITS: u64 = 1000 * 1500 * 8;
/// Packets on their way at most, so that a sender that never waits does not fill the memory: 30 MB of full packets.
const ON_THEIR_WAY: usize = 20_000;
/// A sleep is ended this much early and the rest is spun away: about what the machine takes to wake a thread.
const WAKING: Duration = Duration::from_micros(50);

/// What becomes of the packets of one direction.
#[derive(Debug, Clone, Default)]
pub(super) struct Conditions {
    pub(super) delay: Duration,
    pub(super) jitter: Duration,
    pub(super) loss: f64,
    pub(super) bits_per_s: Option<u64>,
    pub(super) cut: bool,
    /// All that passes, by TCP or UDP port of either end.
    pub(super) only: Option<u16>,
    pub(super) no_datagrams: bool,
    pub(super) attack: Option<Attack>,
}

/// What became of packets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Packets {
    /// They arrived.
    pub passed: u64,
    /// By [`Link::loss`](super::Link::loss).
    pub lost: u64,
    /// By [`Link::cut`](super::Link::cut).
    pub cut: u64,
    /// The buffer was full, or the host did not take them.
    pub refused: u64,
    /// They have been sent and have not arrived yet.
    pub on_their_way: u64,
}

impl Packets {
    /// They did not arrive, for whatever reason.
    pub fn dropped(self) -> u64 {
        self.lost + self.cut + self.refused
    }
}

impl Sum for Packets {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            passed: sum.passed + one.passed,
            lost: sum.lost + one.lost,
            cut: sum.cut + one.cut,
            refused: sum.refused + one.refused,
            on_their_way: sum.on_their_way + one.on_their_way,
        })
    }
}

pub(super) struct Line {
    output: Arc<SyncDevice>,
    state: Mutex<State>,
    changed: Condvar,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.state();
        out.debug_struct("Line").field("conditions", &state.conditions).field("packets", &state.packets).finish()
    }
}

struct State {
    conditions: Conditions,
    dice: ChaCha8Rng,
    /// When the limited rate has let through what came before.
    free: Instant,
    /// In the order in which they came: the first holds up those behind it.
    on_their_way: VecDeque<Waiting>,
    /// Without those on their way.
    packets: Packets,
    attacker: Attacker,
    closed: bool,
}

struct Waiting {
    due: Instant,
    packet: Vec<u8>,
}

impl Line {
    pub(super) fn new(output: Arc<SyncDevice>, seed: u64) -> Self {
        let state = State {
            conditions: Conditions::default(),
            dice: ChaCha8Rng::seed_from_u64(seed),
            free: Instant::now(),
            on_their_way: VecDeque::new(),
            packets: Packets::default(),
            attacker: Attacker::default(),
            closed: false,
        };
        Self { output, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Sends a packet on its way, which ends here if it need not wait, and what somebody may send with it.
    pub(super) fn carry(&self, packet: &[u8]) {
        let now = Instant::now();
        let mut state = self.state();
        let was_empty = state.on_their_way.is_empty();
        let State { conditions: Conditions { attack, .. }, attacker, dice, .. } = &mut *state;
        let (before, after) = (Attacker::before(*attack, packet, dice), attacker.after(*attack, packet, dice));
        let theirs_first = before.as_deref().into_iter().chain([packet]);
        for packet in theirs_first.chain(after.iter().map(Vec::as_slice)) {
            self.send(&mut state, packet, now);
        }
        let is_next = was_empty && !state.on_their_way.is_empty();
        drop(state);
        if is_next {
            self.changed.notify_one();
        }
    }

    fn send(&self, state: &mut State, packet: &[u8], now: Instant) {
        match state.admit(packet, now) {
            Some(due) if due <= now && state.on_their_way.is_empty() => self.hand_over(state, packet),
            Some(due) => state.on_their_way.push_back(Waiting { due, packet: packet.to_vec() }),
            None => {}
        }
    }

    /// Hands packets over when they are due, until the line is closed.
    pub(super) fn deliver(&self) {
        // Else the kernel ends a sleep up to 50 µs late, to save power. Where it will not, delays are that much off.
        let _ = prctl::set_timerslack(1);
        let mut state = self.state();
        while !state.closed {
            let Some(next) = state.on_their_way.front() else {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let due = next.due;
            let left = due.saturating_duration_since(Instant::now());
            if left > WAKING {
                let waited = self.changed.wait_timeout(state, left - WAKING);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            } else if !left.is_zero() {
                drop(state);
                while Instant::now() < due {
                    std::hint::spin_loop();
                }
                state = self.state();
            } else if let Some(Waiting { packet, .. }) = state.on_their_way.pop_front() {
                self.hand_over(&mut state, &packet);
            }
        }
    }

    /// Makes [`Line::deliver`] return.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.changed.notify_one();
    }

    pub(super) fn change(&self, change: impl Fn(&mut Conditions)) {
        let mut state = self.state();
        change(&mut state.conditions);
        if state.conditions.cut {
            state.packets.cut += state.on_their_way.len() as u64;
            state.on_their_way.clear();
        }
    }

    pub(super) fn packets(&self) -> Packets {
        let state = self.state();
        Packets { on_their_way: state.on_their_way.len() as u64, ..state.packets }
    }

    /// Under the lock: no other packet may come in between.
    fn hand_over(&self, state: &mut State, packet: &[u8]) {
        match self.output.send(packet) {
            Ok(_) => state.packets.passed += 1,
            Err(_) => state.packets.refused += 1,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// When a packet is due at the other end, apart from those before it; none when it never is, which is counted.
    fn admit(&mut self, packet: &[u8], now: Instant) -> Option<Instant> {
        let Conditions { delay, jitter, loss, bits_per_s, cut, only, no_datagrams, attack: _ } = self.conditions;
        if cut || only.is_some_and(|port| !has_port(packet, port)) || (no_datagrams && protocol(packet) == UDP) {
            self.packets.cut += 1;
            return None;
        }
        if loss > 0.0 && self.dice.random_bool(loss) {
            self.packets.lost += 1;
            return None;
        }
        let mut sent = now;
        if let Some(bits_per_s) = bits_per_s {
            let taking = |bits: u64| Duration::from_secs_f64(bits as f64 / bits_per_s as f64);
            let begun = self.free.max(now);
            if begun - now > taking(RATE_BUFFER_BITS) {
                self.packets.refused += 1;
                return None;
            }
            sent = begun + taking(8 * packet.len() as u64);
            self.free = sent;
        }
        if self.on_their_way.len() == ON_THEIR_WAY {
            self.packets.refused += 1;
            return None;
        }
        let longer = if jitter.is_zero() { jitter } else { self.dice.random_range(Duration::ZERO..=jitter) };
        Some(sent + delay + longer)
    }
}

/// What an IPv4 header says to carry.
const TCP: u8 = 6;
pub(super) const UDP: u8 = 17;

pub(super) fn protocol(packet: &[u8]) -> u8 {
    packet.get(9).copied().unwrap_or_default()
}

/// Whether an IPv4 packet of TCP or UDP comes from or goes to that port.
fn has_port(packet: &[u8], port: u16) -> bool {
    let header = usize::from(packet.first().copied().unwrap_or_default() & 0x0f) * 4;
    let ports = packet.get(header..header + 4).unwrap_or_default();
    let carried = [TCP, UDP].contains(&protocol(packet));
    carried && ports.chunks(2).any(|bytes| bytes == port.to_be_bytes())
}
