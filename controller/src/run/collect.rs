//! What agents have kept of a run that is taken up again: their samples are fetched, so that none that was taken is lost. A
//! stream whose driver reached its end is its cell, which need not run again; any other is an attempt that does not count. So is
//! one whose server was to stamp, and whose stamps cannot be had.

use rpycbench_proto::message::{CellId, End, Kept, Part, Stream};
use rpycbench_proto::{Command, Event};

use super::resume::{name_aside, put_aside};
use super::{Run, RunError, record};
use crate::plan::Cell;
use crate::progress::RunEvent;
use crate::store::incoming::{Arrived, Incoming, IncomingError};
use crate::store::manifest::{CellRecord, CellStatus, Manifest};
use crate::store::table::CellKey;

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

/// A stream and the place of the host whose agent keeps it.
type KeptBy = (usize, Kept);

/// What has come of a stream.
struct Fetched {
    stored: u64,
    failed: u64,
    cpus: Vec<u32>,
    end: Option<End>,
    /// Why not all of it could be read.
    damage: Option<String>,
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
        let (mut samples, mut stamps) = (Vec::new(), Vec::new());
        for host in hosts {
            self.send(host, Command::Collect).await;
            let Event::Kept { streams } = self.answer_of(host).await? else { continue };
            for kept in streams.into_iter().filter(|kept| self.may_keep(host, &kept.stream)) {
                match kept.stream.part {
                    Part::Samples => samples.push((host, kept)),
                    Part::Stamps => stamps.push((host, kept)),
                }
            }
        }
        for (host, kept) in samples {
            self.take_in(host, kept, &stamps).await?;
        }
        // By now they are with their samples, or there are no samples that they could belong to.
        for (host, kept) in stamps {
            if self.wanted(&kept.stream).is_some() || self.has(&kept.stream) {
                self.send(host, Command::Stored { stream: kept.stream }).await;
            }
        }
        Ok(())
    }

    /// Whether the agent of a host has that part in this run. What it keeps of others is not this run's to take.
    fn may_keep(&self, host: usize, stream: &Stream) -> bool {
        let host = &self.settings.plan.hosts[host].name;
        let topology = self.manifest.topologies.iter().find(|topology| topology.name == stream.cell.topology);
        let keeps = topology.map(|topology| match stream.part {
            Part::Samples => &topology.client,
            Part::Stamps => &topology.server,
        });
        stream.run_id == self.manifest.run_id && keeps == Some(host)
    }

    /// The cell of a stream, if it is to run.
    fn wanted(&self, stream: &Stream) -> Option<Cell> {
        let plan = &self.settings.plan;
        let named = |&&cell: &&Cell| record::name(&record::cell(plan, cell)) == stream.cell;
        self.settings.cells.iter().find(named).copied()
    }

    /// Whether the cell of a stream is entered here.
    fn has(&self, stream: &Stream) -> bool {
        self.manifest.cells.iter().any(|record| record::name(record) == stream.cell)
    }

    async fn take_in(&mut self, host: usize, kept: Kept, stamps: &[KeptBy]) -> Result<(), RunError> {
        let Kept { stream, samples, .. } = &kept;
        let Some(cell) = self.wanted(stream) else {
            if self.has(stream) {
                self.send(host, Command::Stored { stream: kept.stream }).await;
            }
            return Ok(());
        };
        let record = CellRecord { attempt: stream.attempt, ..record::cell(&self.settings.plan, cell) };
        let of_attempt = |kept: &Kept| (&kept.stream.cell, kept.stream.attempt) == (&stream.cell, stream.attempt);
        let stamps = stamps.iter().find(|(_, kept)| record.stamps.is_some() && of_attempt(kept));
        let fate = fate(&self.manifest, &record, &kept, stamps.map(|(_, kept)| kept));
        if fate != Fate::Known {
            let message = format!("{}: {samples} samples that its agent has kept are fetched", stream.cell);
            self.reporter.tell(&RunEvent::Warning { message });
            let record = self.fetch(cell.id, record, (host, stream), stamps, fate).await?;
            self.enter(record)?;
        }
        self.send(host, Command::Stored { stream: kept.stream }).await;
        Ok(())
    }

    /// Fetches samples, and stamps where there are to be some, into the files of their cell, or aside.
    async fn fetch(
        &mut self,
        id: CellId,
        mut record: CellRecord,
        (host, stream): (usize, &Stream),
        stamps: Option<&KeptBy>,
        fate: Fate,
    ) -> Result<CellRecord, RunError> {
        if fate == Fate::Attempt {
            name_aside(&mut record);
        }
        let key = record::key(&record);
        let samples = self.fetch_stream(host, id, &record.samples, &key, stream).await?;
        (record.stored, record.failed, record.driver_cpus) = (samples.stored, samples.failed, samples.cpus);
        record.collected = true;
        let trouble = match &samples.end {
            Some(end) => {
                record::end(&mut record, end);
                record::difference(&record, Some(end))
            }
            None => Some("the run was cut short before its samples were complete".to_owned()),
        };
        let trouble = samples.damage.or(trouble);
        let (mut end, mut damage) = (None, None);
        if let (Some(of_cell), Some((host, kept))) = (&mut record.stamps, stamps) {
            let fetched = self.fetch_stream(*host, id, &of_cell.file, &key, &kept.stream).await?;
            of_cell.stored = fetched.stored;
            if let Some(end) = &fetched.end {
                record::end_of_stamps(of_cell, end);
            }
            (end, damage) = (fetched.end, fetched.damage);
        }
        let trouble = trouble.or(damage).or_else(|| record::missing_stamps(&record, end.as_ref()));
        record.status = if trouble.is_none() { CellStatus::Complete } else { CellStatus::Interrupted };
        record.reason = trouble.unwrap_or_default();
        Ok(record)
    }

    /// Fetches a stream into a file.
    async fn fetch_stream(
        &mut self,
        host: usize,
        id: CellId,
        file: &str,
        key: &CellKey,
        stream: &Stream,
    ) -> Result<Fetched, RunError> {
        let path = self.folder.make_way(file)?;
        let epoch_ns = record::epoch_of(&self.manifest, &self.settings.plan.hosts[host].name);
        let mut incoming = Incoming::create(&path, key.clone(), stream.clone(), epoch_ns)?;
        self.send(host, Command::HandOver { cell: id, stream: stream.clone() }).await;
        let mut fetched = Fetched { stored: 0, failed: 0, cpus: Vec::new(), end: None, damage: None };
        loop {
            match self.answer_of(host).await? {
                Event::Segment { cell, part, sealed } if cell == id && part == stream.part => {
                    match incoming.take(&sealed) {
                        Ok(Arrived::Begun(cpus)) => fetched.cpus = cpus,
                        Ok(Arrived::Rows(_, failed)) => fetched.failed += failed,
                        Ok(Arrived::Ended(end)) => fetched.end = Some(end),
                        Err(IncomingError::Table(error)) if !error.is_of_the_agent() => return Err(error.into()),
                        Err(error) => fetched.damage = fetched.damage.or(Some(error.to_string())),
                    }
                }
                Event::HandedOver { cell, trouble } if cell == id => {
                    fetched.damage = fetched.damage.or((!trouble.is_empty()).then_some(trouble));
                    fetched.stored = incoming.finish()?;
                    return Ok(fetched);
                }
                _ => {}
            }
        }
    }

    /// Enters what was fetched: a cell that is complete, or an attempt.
    fn enter(&mut self, mut record: CellRecord) -> Result<(), RunError> {
        if record.status != CellStatus::Complete {
            // Where it was said to be whole, and is not.
            put_aside(&self.folder, &mut record)?;
        }
        // What the controller had of it is less.
        let less = self.manifest.attempts.extract_if(.., |other| other.is_same_attempt_as(&record));
        for other in less {
            for file in other.files().filter(|file| record.files().all(|kept| kept != *file)) {
                self.folder.remove(file)?;
            }
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

/// What becomes of a stream of samples of a cell that is not complete here; `stamps` are those of its server that are kept.
fn fate(manifest: &Manifest, record: &CellRecord, kept: &Kept, stamps: Option<&Kept>) -> Fate {
    let has_stamps = record.stamps.is_none() || stamps.is_some_and(|stamps| stamps.whole);
    let known = manifest.attempts.iter().find(|other| other.is_same_attempt_as(record));
    match known {
        _ if kept.whole && has_stamps => Fate::Cell,
        Some(known) if known.stored >= kept.samples => Fate::Known,
        _ => Fate::Attempt,
    }
}
