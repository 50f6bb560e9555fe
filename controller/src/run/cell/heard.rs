//! What agents say of a cell.

use std::time::Instant;

use rpycbench_measure::RunningHistogram;
use rpycbench_process::metrics;
use rpycbench_proto::Event;
use rpycbench_proto::message::{CellId, Exit, Failure, Part};

use super::{Going, Phase};
use crate::run::record;
use crate::store::incoming::{Arrived, IncomingError};
use crate::store::table::TableError;

impl Going {
    /// Takes in what an agent says, if that is its to say.
    ///
    /// # Errors
    /// When samples cannot be written.
    pub(in crate::run) fn take(&mut self, host: usize, event: Event) -> Result<(), TableError> {
        let (drives, serves) = (host == self.client, host == self.server);
        match event {
            Event::Serving { cell, address, pinned, startup_ns } if self.is(cell) && serves => {
                self.target = Some(address);
                self.record.server_startup_ns = Some(startup_ns);
                self.record.server_cpus = pinned.cpus;
            }
            Event::Armed { cell, pinned, nonce } if self.is(cell) && drives => {
                self.armed = Some(nonce);
                self.record.driver_cpus = pinned.cpus;
            }
            Event::Agreed { cell, consent } if self.is(cell) && serves => self.consent = Some(consent),
            Event::Progress { cell, done, failed, histogram } if self.is(cell) && drives => {
                (self.done, self.failed) = (done, failed);
                match RunningHistogram::from_parts(&histogram) {
                    Ok(part) => self.histogram.merge(&part),
                    // Only the running figures suffer; the samples come in full.
                    Err(error) => tracing::warn!(%error, "progress is not readable"),
                }
            }
            Event::Segment { cell, part, sealed } if self.is(cell) => {
                self.hears();
                let outcome = match (part, &mut self.stamped) {
                    (Part::Samples, _) if drives => self.incoming.take(&sealed).map(|arrived| self.note(arrived)),
                    (Part::Stamps, Some(stamped)) if serves => stamped.take(&sealed),
                    _ => Ok(()),
                };
                match outcome {
                    Ok(()) => {}
                    Err(IncomingError::Table(error)) if !error.is_of_the_agent() => return Err(error),
                    Err(error) => {
                        self.trouble.get_or_insert_with(|| error.to_string());
                    }
                }
            }
            Event::Stopped { cell, server, driver } if self.is(cell) => {
                self.hosts.retain(|&waiting| waiting != host);
                self.record.server_exit = server.map(record::exit).or(self.record.server_exit.take());
                self.record.driver_exit = driver.map(record::exit).or(self.record.driver_exit.take());
            }
            Event::Failed(Failure { cell: Some(cell), phase, reason, exit }) if self.is(cell) => {
                let trouble = describe(&phase, &reason, exit.as_ref());
                self.trouble.get_or_insert(trouble);
            }
            Event::Failed(Failure { cell: None, phase, reason, .. }) => {
                self.trouble.get_or_insert(format!("{phase}: {reason}"));
            }
            // Late words of a cell that is over, or of who has no such part in it.
            _ => {}
        }
        Ok(())
    }

    /// Who still sends is not stuck.
    fn hears(&mut self) {
        if let Phase::Stopping { since } = &mut self.phase {
            *since = Instant::now();
        }
    }

    fn note(&mut self, arrived: Arrived) {
        match arrived {
            Arrived::Begun(_) => {}
            Arrived::Rows(rows, failed) => {
                self.record.failed += failed;
                metrics::samples(&self.record.topology, &self.record.server, &self.record.workload, rows, failed);
            }
            Arrived::Ended(end) => {
                self.done = end.samples;
                record::end(&mut self.record, &end);
                self.end = Some(end);
            }
        }
    }

    fn is(&self, cell: CellId) -> bool {
        cell == self.cell.id
    }
}

/// One line on what went wrong, with the process's own last words.
fn describe(phase: &str, reason: &str, exit: Option<&Exit>) -> String {
    let Some(exit) = exit else { return format!("{phase}: {reason}") };
    let last = exit.stderr.lines().rev().map(str::trim).find(|line| !line.is_empty());
    let said = last.map(|line| format!("; it said: {line}")).unwrap_or_default();
    if exit.asked { format!("{phase}: {reason}{said}") } else { format!("{phase}: {reason} ({exit}{said})") }
}
