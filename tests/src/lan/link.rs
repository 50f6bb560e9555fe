//! The handle by which a test changes what becomes of packets.

use std::time::Duration;

use super::attacker::Attack;
use super::line::{Conditions, Line, Packets};

/// One way between two hosts, or both. What is set holds from the next packet on, until it is set again.
#[derive(Debug, Clone)]
pub struct Link<'lan> {
    lines: Vec<&'lan Line>,
}

impl<'lan> Link<'lan> {
    pub(super) fn new(lines: [&'lan Line; 1]) -> Self {
        Self { lines: lines.into() }
    }

    pub(super) fn and(mut self, other: Self) -> Self {
        self.lines.extend(other.lines);
        self
    }

    /// Every packet takes at least this long.
    pub fn delay(&self, delay: Duration) -> &Self {
        self.change(|conditions| conditions.delay = delay)
    }

    /// Every packet takes up to this much longer than the delay, evenly distributed. None overtakes another: one with a
    /// small share waits for those before it.
    pub fn jitter(&self, jitter: Duration) -> &Self {
        self.change(|conditions| conditions.jitter = jitter)
    }

    /// This share of packets is lost, each by its own throw of the dice.
    ///
    /// # Panics
    /// When it is not within 0 and 1.
    pub fn loss(&self, share: f64) -> &Self {
        assert!((0.0..=1.0).contains(&share), "a share of {share} cannot be lost");
        self.change(|conditions| conditions.loss = share)
    }

    /// No more than this passes, IP headers counted; what is too much waits, and what finds the buffer full is dropped.
    ///
    /// # Panics
    /// When it is zero: cut the link instead.
    pub fn rate(&self, bits_per_s: u64) -> &Self {
        assert!(bits_per_s > 0, "a rate of zero: cut the link instead");
        self.change(|conditions| conditions.bits_per_s = Some(bits_per_s))
    }

    /// Nothing passes any more; what is on its way is lost too.
    pub fn cut(&self) -> &Self {
        self.change(|conditions| conditions.cut = true)
    }

    /// Only TCP and UDP from or to that port pass, as behind a firewall; the rest counts as cut.
    pub fn only(&self, port: u16) -> &Self {
        self.change(|conditions| conditions.only = Some(port))
    }

    /// No UDP passes, as behind many firewalls; it counts as cut.
    pub fn no_datagrams(&self) -> &Self {
        self.change(|conditions| conditions.no_datagrams = true)
    }

    /// Somebody is on the way, who sends datagrams of their own; they count like any other packet.
    pub fn attack(&self, attack: Attack) -> &Self {
        self.change(|conditions| conditions.attack = Some(attack))
    }

    /// Undoes [`Link::cut`]; delay and the rest are as they were.
    pub fn mend(&self) -> &Self {
        self.change(|conditions| conditions.cut = false)
    }

    /// No delay, jitter, loss, limit or attack, and not cut: as it was made.
    pub fn perfect(&self) -> &Self {
        self.change(|conditions| *conditions = Conditions::default())
    }

    /// What became of packets since the LAN was made.
    pub fn packets(&self) -> Packets {
        self.lines.iter().map(|line| line.packets()).sum()
    }

    fn change(&self, change: impl Fn(&mut Conditions)) -> &Self {
        for line in &self.lines {
            line.change(&change);
        }
        self
    }
}
