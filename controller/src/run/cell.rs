//! One cell: start both roles, let the load go, keep the samples, stop both roles.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rpycbench_measure::RunningHistogram;
use rpycbench_proto::message::{CellId, Driven, Exit, Failure};
use rpycbench_proto::{Command, Event};

use super::{Heed, Next, Run, RunError, record};
use crate::plan::Cell;
use crate::progress::RunEvent;
use crate::session::FromAgent;
use crate::store::manifest::{CellRecord, CellStatus};
use crate::store::samples::{CellKey, SamplesWriter};

/// An agent ends a cell's processes within a second; one that takes this long is lost.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// A cell on its way.
struct Going {
    cell: Cell,
    name: String,
    record: CellRecord,
    writer: Option<SamplesWriter>,
    /// The driving host's clock when the run was opened.
    epoch_ns: i64,
    began: Instant,
    phase: &'static str,
    target: Option<SocketAddr>,
    armed: bool,
    done: u64,
    failed: u64,
    batches: u64,
    histogram: RunningHistogram,
    driven: Option<Driven>,
    /// Why the cell is not complete.
    trouble: Option<String>,
    /// Hosts that have not said `Stopped`.
    stopping: Vec<usize>,
    /// Hosts whose agent is gone: they will not say it.
    gone: Vec<usize>,
    /// Why the run cannot go on.
    lost: Option<String>,
}

impl Run<'_> {
    /// Runs one cell and records how it ended. `Some` when the run cannot go on without the agent that was lost.
    ///
    /// # Errors
    /// When samples cannot be written.
    #[tracing::instrument(target = "rpycbench", name = "cell", skip_all, fields(cell = %name))]
    pub(super) async fn run_cell(&mut self, cell: Cell, name: &str) -> Result<Option<String>, RunError> {
        let plan = &self.settings.plan;
        let topology = &plan.topologies[cell.topology];
        let (client, server) = (topology.client, topology.server);
        let record = record::cell(plan, cell);
        let key = CellKey {
            topology: record.topology.clone(),
            server: record.server.clone(),
            workload: record.workload.clone(),
            driver: record.driver.clone(),
            block: record.block,
        };
        let writer = SamplesWriter::create(&self.folder.path().join(&record.samples), key)?;
        let driving = self.manifest.hosts.get(&plan.hosts[client].name);
        let mut going = Going::new(cell, name, record, writer, driving.map_or(0, |host| host.epoch_raw_ns));
        self.start(&going, client, server).await;
        while going.driven.is_none() && going.trouble.is_none() {
            match self.next(Heed::Drain).await {
                Next::Drain => going.trouble = Some("the run was interrupted".to_owned()),
                Next::Tick => self.reporter.tell(&going.progress()),
                Next::From(host, event) => {
                    self.handle(&mut going, host, event)?;
                    if let (Some(target), true, "starting") = (going.target, going.armed, going.phase) {
                        going.phase = "driving";
                        self.send(client, Command::Drive { cell: cell.id, target }).await;
                    }
                }
            }
        }
        going.phase = "stopping";
        going.stopping = vec![client, server];
        going.stopping.sort_unstable();
        going.stopping.dedup();
        going.stopping.retain(|host| !going.gone.contains(host));
        for host in going.stopping.clone() {
            self.send(host, Command::Stop { cell: cell.id }).await;
        }
        let since = Instant::now();
        // Also where the other agent of the cell is gone: what this one has measured is still to come.
        while !going.stopping.is_empty() {
            if let Next::From(host, event) = self.next(Heed::EventsOnly).await {
                self.handle(&mut going, host, event)?;
            }
            if since.elapsed() > STOP_LIMIT {
                going.lost.get_or_insert(format!("an agent did not stop a cell within {STOP_LIMIT:?}"));
                break;
            }
        }
        self.finish(going)
    }

    async fn start(&self, going: &Going, client: usize, server: usize) {
        let (plan, cell) = (&self.settings.plan, going.cell);
        let named = &plan.servers[cell.server];
        let serve = Command::Serve {
            cell: cell.id,
            server: named.server,
            address: self.serve_address(cell.topology),
            placement: plan.placement,
        };
        let arm = Command::Arm {
            cell: cell.id,
            stack: named.server.stack(),
            workload: plan.workloads[cell.workload].workload,
            placement: plan.placement,
        };
        // Both at once: the driver's imports cost no time of their own.
        self.send(server, serve).await;
        self.send(client, arm).await;
    }

    pub(super) async fn send(&self, host: usize, command: Command) {
        if let Some(session) = self.sessions.get(&host) {
            session.send(command).await;
        }
    }

    fn handle(&mut self, going: &mut Going, host: usize, event: FromAgent) -> Result<(), RunError> {
        match event {
            FromAgent::Lost(reason) => {
                going.lose(host, format!("the agent of {} is lost: {reason}", self.settings.plan.hosts[host].name));
            }
            FromAgent::Banned(since) => {
                going.lose(host, format!("the agent of {} was banned on {since}", self.settings.plan.hosts[host].name));
            }
            FromAgent::Event(event) => {
                if let Event::Serving { pinned, .. } | Event::Armed { pinned, .. } = &*event {
                    self.warn_of_placement(host, &pinned.note);
                }
                going.take(host, *event)?;
            }
        }
        if going.phase == "driving" {
            self.reporter.tell(&going.progress());
        }
        Ok(())
    }

    /// Enters, once for each host, that a placement was not possible there.
    fn warn_of_placement(&mut self, host: usize, note: &str) {
        if !note.is_empty() {
            self.warn(format!("placement on {}: {note}", self.settings.plan.hosts[host].name));
        }
    }

    /// Closes the samples, compares the counts of both sides, and enters the cell into the manifest.
    fn finish(&mut self, mut going: Going) -> Result<Option<String>, RunError> {
        let writer = going.writer.take();
        going.record.stored = writer.map_or(Ok(0), SamplesWriter::finish)?;
        going.record.wall_s = going.began.elapsed().as_secs_f64();
        let seen = (going.cell.topology, going.cell.server, going.cell.workload);
        let interrupted = self.shutdown.drain.is_cancelled() && going.driven.is_none();
        going.judge(interrupted);
        if going.record.status == CellStatus::Complete {
            self.seen.insert(seen, going.began.elapsed());
        }
        self.reporter.tell(&RunEvent::CellFinished {
            cell: going.name,
            status: going.record.status,
            reason: going.record.reason.clone(),
            samples: going.record.stored,
            failed: going.record.failed,
            p50_ns: going.histogram.quantile_ns(0.5),
            p99_ns: going.histogram.quantile_ns(0.99),
            seconds: going.record.wall_s,
        });
        self.manifest.cells.push(going.record);
        self.folder.save(&self.manifest)?;
        Ok(going.lost)
    }
}

impl Going {
    fn new(cell: Cell, name: &str, record: CellRecord, writer: SamplesWriter, epoch_ns: i64) -> Self {
        Self {
            cell,
            name: name.to_owned(),
            record,
            writer: Some(writer),
            epoch_ns,
            began: Instant::now(),
            phase: "starting",
            target: None,
            armed: false,
            done: 0,
            failed: 0,
            batches: 0,
            histogram: RunningHistogram::default(),
            driven: None,
            trouble: None,
            stopping: Vec::new(),
            gone: Vec::new(),
            lost: None,
        }
    }

    fn progress(&self) -> RunEvent {
        RunEvent::CellProgress {
            cell: self.name.clone(),
            phase: self.phase,
            done: self.done,
            total: self.record.expected,
            failed: self.failed,
            p50_ns: self.histogram.quantile_ns(0.5),
            p99_ns: self.histogram.quantile_ns(0.99),
            elapsed_s: self.began.elapsed().as_secs_f64(),
        }
    }

    fn take(&mut self, host: usize, event: Event) -> Result<(), RunError> {
        match event {
            Event::Serving { cell, address, pinned, startup_ns } if self.is(cell) => {
                self.target = Some(address);
                self.record.server_startup_ns = Some(startup_ns);
                self.record.server_cpus = pinned.cpus;
            }
            Event::Armed { cell, pinned } if self.is(cell) => {
                self.armed = true;
                self.record.driver_cpus = pinned.cpus;
            }
            Event::Progress { cell, done, failed, histogram } if self.is(cell) => {
                (self.done, self.failed) = (done, failed);
                match RunningHistogram::from_parts(&histogram) {
                    Ok(part) => self.histogram.merge(&part),
                    // Only the running figures suffer; the samples come in full.
                    Err(error) => tracing::warn!(%error, "progress is not readable"),
                }
            }
            Event::Samples { cell, batch, samples } if self.is(cell) => {
                if batch != self.batches {
                    self.trouble = Some(format!("batch {batch} of the samples came where {} was due", self.batches));
                    return Ok(());
                }
                self.batches += 1;
                self.record.failed += samples.failed() as u64;
                if let Some(writer) = &mut self.writer {
                    writer.append(&samples, self.epoch_ns)?;
                }
            }
            Event::Driven(driven) if self.is(driven.cell) => {
                self.done = driven.samples;
                self.record.reported = Some(driven.samples);
                self.record.round_trips_per_call = Some(driven.round_trips_per_call);
                self.record.connections_opened = Some(driven.connections_opened);
                self.driven = Some(driven);
            }
            Event::Stopped { cell, server, driver } if self.is(cell) => {
                self.stopping.retain(|&stopping| stopping != host);
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
            // Late words of a cell that is over.
            _ => {}
        }
        Ok(())
    }

    fn lose(&mut self, host: usize, reason: String) {
        self.trouble.get_or_insert_with(|| reason.clone());
        self.gone.push(host);
        self.stopping.retain(|&stopping| stopping != host);
        self.lost.get_or_insert(reason);
    }

    fn is(&self, cell: CellId) -> bool {
        cell == self.cell.id
    }

    /// Decides whether the cell is complete: nothing went wrong and both sides count the same.
    fn judge(&mut self, interrupted: bool) {
        let record = &mut self.record;
        let trouble = self.trouble.take().or_else(|| match &self.driven {
            Some(driven) if driven.samples != record.stored => {
                Some(format!("the agent counts {} samples, the controller {}", driven.samples, record.stored))
            }
            Some(driven) if driven.samples != driven.expected => {
                Some(format!("the driver took {} of {} samples", driven.samples, driven.expected))
            }
            _ => None,
        });
        record.status = match (&trouble, interrupted) {
            (None, _) => CellStatus::Complete,
            (Some(_), true) => CellStatus::Interrupted,
            (Some(_), false) => CellStatus::Failed,
        };
        record.reason = trouble.unwrap_or_default();
    }
}

/// One line on what went wrong, with the process's own last words.
fn describe(phase: &str, reason: &str, exit: Option<&Exit>) -> String {
    let Some(exit) = exit else { return format!("{phase}: {reason}") };
    let last = exit.stderr.lines().rev().map(str::trim).find(|line| !line.is_empty());
    let said = last.map(|line| format!("; it said: {line}")).unwrap_or_default();
    if exit.asked { format!("{phase}: {reason}{said}") } else { format!("{phase}: {reason} ({exit}{said})") }
}
