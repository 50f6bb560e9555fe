//! What agents have kept of a run that is taken up again: their samples are fetched, so that none that was taken is lost. A
//! stream whose driver reached its end is its cell, which need not run again; any other is an attempt that does not count.

use rpycbench_proto::message::{CellId, End, Kept, Stream};
use rpycbench_proto::{Command, Event};

use super::resume::aside;
use super::{Run, RunError, record};
use crate::progress::RunEvent;
use crate::store::incoming::{Arrived, Incoming, IncomingError};
use crate::store::manifest::{CellRecord, CellStatus, Manifest};

/// What is to become of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is the cell.
    Cell,
    /// It is an attempt that does not count.
    Attempt,
    /// All of it is here already.
    Known,
}

impl Run<'_> {
    /// Fetches what the agents have kept of this run. Cells that thereby are complete are not run again.
    ///
    /// # Errors
    /// When an agent cannot be asked, or what it has cannot be written.
    pub(super) async fn collect(&mut self) -> Result<(), RunError> {
        if self.manifest.resumed.is_empty() {
            return Ok(());
        }
        let hosts: Vec<usize> = self.sessions.keys().copied().collect();
        for host in hosts {
            self.send(host, Command::Collect).await;
            let Event::Kept { streams } = self.answer().await? else { continue };
            for kept in streams {
                self.take_in(host, kept).await?;
            }
        }
        Ok(())
    }

    async fn take_in(&mut self, host: usize, kept: Kept) -> Result<(), RunError> {
        let Kept { stream, samples, .. } = &kept;
        let plan = &self.settings.plan;
        let named = |record: &CellRecord| record::name(record) == stream.cell;
        let wanted = self.settings.cells.iter().find(|&&cell| named(&record::cell(plan, cell))).copied();
        let Some(cell) = wanted else {
            if self.manifest.cells.iter().any(named) {
                self.send(host, Command::Stored { stream: kept.stream }).await;
            }
            return Ok(());
        };
        let record = CellRecord { attempt: stream.attempt, ..record::cell(plan, cell) };
        let fate = fate(&self.manifest, &record, &kept);
        if fate != Fate::Known {
            let message = format!("{}: {samples} samples that its agent has kept are fetched", stream.cell);
            self.reporter.tell(&RunEvent::Warning { message });
            let record = self.fetch(host, cell.id, record, stream.clone(), fate).await?;
            self.enter(record)?;
        }
        self.send(host, Command::Stored { stream: kept.stream }).await;
        Ok(())
    }

    /// Fetches a stream into the file of its cell, or aside.
    async fn fetch(
        &mut self,
        host: usize,
        id: CellId,
        mut record: CellRecord,
        stream: Stream,
        fate: Fate,
    ) -> Result<CellRecord, RunError> {
        if fate == Fate::Attempt {
            record.samples = aside(&record);
        }
        let path = self.folder.make_way(&record.samples)?;
        let epoch_ns = record::epoch_of(&self.manifest, &self.settings.plan.hosts[host].name);
        let mut incoming = Incoming::create(&path, record::key(&record), stream.clone(), epoch_ns)?;
        self.send(host, Command::HandOver { cell: id, stream }).await;
        let (mut ended, mut damage): (Option<End>, Option<String>) = (None, None);
        loop {
            match self.answer().await? {
                Event::Segment { cell, sealed } if cell == id => match incoming.take(&sealed) {
                    Ok(Arrived::Begun(cpus)) => record.driver_cpus = cpus,
                    Ok(Arrived::Rows(_, failed)) => record.failed += failed,
                    Ok(Arrived::Ended(end)) => ended = Some(end),
                    Err(IncomingError::Samples(error)) => return Err(error.into()),
                    Err(error) => damage = damage.or(Some(error.to_string())),
                },
                Event::HandedOver { cell, trouble } if cell == id => {
                    damage = damage.or((!trouble.is_empty()).then_some(trouble));
                    break;
                }
                _ => {}
            }
        }
        record.stored = incoming.finish()?;
        record.collected = true;
        let trouble = match &ended {
            Some(end) => {
                record::end(&mut record, end);
                record::difference(&record, end)
            }
            None => Some("the run was cut short before its samples were complete".to_owned()),
        };
        let trouble = damage.or(trouble);
        record.status = if trouble.is_none() { CellStatus::Complete } else { CellStatus::Interrupted };
        record.reason = trouble.unwrap_or_default();
        Ok(record)
    }

    /// Enters what was fetched: a cell that is complete, or an attempt.
    fn enter(&mut self, mut record: CellRecord) -> Result<(), RunError> {
        if record.status != CellStatus::Complete {
            // Where it was said to be whole, and is not.
            self.folder.rename(&record.samples, &aside(&record))?;
            record.samples = aside(&record);
        }
        // What the controller had of it is less.
        let less = self.manifest.attempts.extract_if(.., |other| other.is_same_attempt_as(&record));
        for other in less.filter(|other| other.samples != record.samples) {
            self.folder.remove(&other.samples)?;
        }
        if record.status == CellStatus::Complete {
            self.settings.cells.retain(|&cell| !record::cell(&self.settings.plan, cell).is_another_attempt_of(&record));
            self.manifest.cells.push(record);
        } else {
            self.manifest.attempts.push(record);
        }
        Ok(self.folder.save(&self.manifest)?)
    }
}

/// What becomes of a stream of a cell that is not complete here.
fn fate(manifest: &Manifest, record: &CellRecord, kept: &Kept) -> Fate {
    let known = manifest.attempts.iter().find(|other| other.is_same_attempt_as(record));
    match known {
        _ if kept.whole => Fate::Cell,
        Some(known) if known.stored >= kept.samples => Fate::Known,
        _ => Fate::Attempt,
    }
}
