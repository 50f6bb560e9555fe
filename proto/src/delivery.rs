//! Numbers and acknowledgements: what makes each word of a conversation arrive once and in order, over any number of
//! connections.
//!
//! The sender keeps what was not acknowledged in an [`Outbox`] and says it again on a new connection; the receiver's [`Inbox`]
//! takes each number once. Within a connection nothing is lost or overtaken, so a number that is too high is a mistake of the
//! other side, never to be waited for.

use std::collections::VecDeque;
use std::sync::Arc;

/// What was said and not yet acknowledged.
#[derive(Debug)]
pub struct Outbox<T> {
    /// Of the oldest that waits.
    first: u64,
    waiting: VecDeque<Arc<T>>,
}

impl<T> Default for Outbox<T> {
    fn default() -> Self {
        Self { first: 1, waiting: VecDeque::new() }
    }
}

impl<T> Outbox<T> {
    /// Numbers something and keeps it.
    pub fn push(&mut self, item: T) -> (u64, Arc<T>) {
        let number = self.first + self.waiting.len() as u64;
        let item = Arc::new(item);
        self.waiting.push_back(item.clone());
        (number, item)
    }

    /// Lets go of everything up to that number; how much that was. A number that was never given acknowledges nothing.
    pub fn acknowledge(&mut self, number: u64) -> usize {
        let count = number.saturating_add(1).saturating_sub(self.first);
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        if count > self.waiting.len() {
            return 0;
        }
        self.waiting.drain(..count);
        self.first += count as u64;
        count
    }

    /// What is to be said again, with its numbers.
    pub fn waiting(&self) -> impl Iterator<Item = (u64, Arc<T>)> {
        (self.first..).zip(self.waiting.iter().cloned())
    }
}

/// How far the other side's words were taken.
#[derive(Debug, Default)]
pub struct Inbox {
    taken: u64,
}

/// What a number means to who receives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// To be acted on.
    New,
    /// It was acted on before.
    Again,
    /// This one was due instead.
    Gap(u64),
}

impl Inbox {
    /// Takes a number.
    pub fn take(&mut self, number: u64) -> Taken {
        let due = self.taken + 1;
        match number {
            _ if number < due => Taken::Again,
            _ if number > due => Taken::Gap(due),
            _ => {
                self.taken = due;
                Taken::New
            }
        }
    }

    /// Everything up to this number was taken.
    pub fn taken(&self) -> u64 {
        self.taken
    }
}
