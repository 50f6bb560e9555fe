//! What is left of a cell that is over.

use std::time::Duration;

use super::Going;
use crate::progress::RunEvent;
use crate::run::record;
use crate::store::manifest::{CellRecord, CellStatus};
use crate::store::table::TableError;

impl Going {
    /// Closes the files and compares the counts of both sides. Returns what to keep of the cell, how long it took, and what
    /// to tell; `of` is how many cells there are.
    ///
    /// # Errors
    /// When one of them cannot be written.
    pub(in crate::run) fn finish(mut self, of: usize) -> Result<(CellRecord, Duration, RunEvent), TableError> {
        let took = self.began.elapsed();
        self.record.stored = self.incoming.finish()?;
        self.record.wall_s = took.as_secs_f64();
        let unstamped = match self.stamped {
            Some(stamped) => stamped.finish(&mut self.record)?,
            None => None,
        };
        let differing = || record::difference(&self.record, self.end.as_ref());
        let trouble = self.trouble.or_else(differing).or(unstamped);
        self.record.status = match (&trouble, self.interrupted) {
            (None, _) => CellStatus::Complete,
            (Some(_), true) => CellStatus::Interrupted,
            (Some(_), false) => CellStatus::Failed,
        };
        self.record.reason = trouble.unwrap_or_default();
        let event = RunEvent::CellFinished {
            cell: self.name,
            number: self.number,
            of,
            status: self.record.status,
            reason: self.record.reason.clone(),
            samples: self.record.stored,
            failed: self.record.failed,
            p50_ns: self.histogram.quantile_ns(0.5),
            p99_ns: self.histogram.quantile_ns(0.99),
            seconds: self.record.wall_s,
        };
        Ok((self.record, took, event))
    }

    /// What to keep of a cell whose samples cannot be: the file that was begun is removed.
    pub(in crate::run) fn abandon(mut self, reason: &str) -> CellRecord {
        self.record.status = CellStatus::Failed;
        self.record.reason = self.trouble.unwrap_or_else(|| reason.to_owned());
        self.record.failed = 0;
        self.record
    }
}
