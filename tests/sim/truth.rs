//! What really happened: the samples that were taken, and what of them must be found again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rpycbench_measure::{Samples, Stamps};

/// A cell and the attempt at it.
pub(crate) type Attempt = (u32, u32);

/// How far a stream was kept by its agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Rows that were written.
    pub(crate) rows: u64,
    /// Whether the driver came to its end, and that is on the disk.
    pub(crate) whole: bool,
    /// The power was cut before it was flushed: what was written may be lost.
    pub(crate) risked: bool,
}

/// By attempt.
#[derive(Clone, Debug, Default)]
pub(crate) struct Truth(Arc<Mutex<BTreeMap<Attempt, Taken>>>);

impl Truth {
    pub(crate) fn note(&self, attempt: Attempt, change: impl FnOnce(&mut Taken)) {
        change(self.all().entry(attempt).or_default());
    }

    pub(crate) fn risk_what_is_not_whole(&self) {
        self.all().values_mut().filter(|taken| !taken.whole).for_each(|taken| taken.risked = true);
    }

    pub(crate) fn taken(&self) -> BTreeMap<Attempt, Taken> {
        self.all().clone()
    }

    fn all(&self) -> std::sync::MutexGuard<'_, BTreeMap<Attempt, Taken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The row of that number: no two attempts have one in common.
pub(crate) fn row((cell, attempt): Attempt, number: u64) -> (i64, i64) {
    let start = i64::from(cell) * 1_000_000_000 + i64::from(attempt) * 10_000_000 + number.cast_signed() * 1000;
    (start, start + 100 + number.cast_signed() % 7)
}

pub(crate) fn rows(attempt: Attempt, numbers: std::ops::Range<u64>) -> Samples {
    let mut samples = Samples::default();
    for number in numbers {
        let (start, end) = row(attempt, number);
        samples.client.push(0);
        samples.seq.push(number as u32);
        samples.start_ns.push(start);
        samples.end_ns.push(end);
        samples.error.push(0);
        samples.bytes_out.push(8);
        samples.bytes_in.push(8);
    }
    samples
}

/// What a server has stamped of these rows: each lies within its call.
pub(crate) fn stamps(attempt: Attempt, numbers: std::ops::Range<u64>) -> Stamps {
    let mut stamps = Stamps::default();
    for number in numbers {
        let (start, end) = row(attempt, number);
        stamps.push(40_000 + (number % 3) as u16, start + 1, (number % 5 != 0).then_some(end - 1));
    }
    stamps
}
