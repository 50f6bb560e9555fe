//! One cell: start both roles, let the load go, keep the samples, stop both roles. [`Going`] hears what the agents say and
//! answers with the commands that follow from it; who runs when is not its matter.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use rpycbench_measure::{RunningHistogram, Stamping};
use rpycbench_process::metrics;
use rpycbench_proto::message::{CellId, Consent, End, Exit, Failure, Nonce, Part, Stream};
use rpycbench_proto::{Command, Event};
use tracing::Span;

use super::record;
use super::stamped::Stamped;
use crate::plan::{Cell, Plan};
use crate::progress::RunEvent;
use crate::store::incoming::{Arrived, Incoming, IncomingError};
use crate::store::manifest::{CellRecord, CellStatus, Manifest, SilenceRecord};
use crate::store::table::TableError;

/// An agent ends a cell's processes within a second; one that takes this long is lost.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// How far a cell is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Starting,
    Driving,
    Stopping { since: Instant },
}

impl Phase {
    fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Driving => "driving",
            Self::Stopping { .. } => "stopping",
        }
    }
}

/// A cell on its way.
pub(super) struct Going {
    cell: Cell,
    name: String,
    number: usize,
    /// Places of the hosts that drive and serve.
    client: usize,
    server: usize,
    /// Hosts that have not said `Stopped`, each once.
    hosts: Vec<usize>,
    record: CellRecord,
    stream: Stream,
    incoming: Incoming,
    /// Where the server stamps.
    stamped: Option<Stamped>,
    began: Instant,
    phase: Phase,
    /// Of the whole cell, and of its phase: closed when they are dropped.
    span: Span,
    phase_span: Span,
    target: Option<SocketAddr>,
    /// Of the driver that waits, for the agent that consents.
    armed: Option<Nonce>,
    /// Whether the agent that serves was asked, and what it said.
    asked: bool,
    consent: Option<Consent>,
    done: u64,
    failed: u64,
    histogram: RunningHistogram,
    /// What the stream of samples ended with.
    end: Option<End>,
    /// Why the cell is not complete.
    trouble: Option<String>,
    interrupted: bool,
}

impl Going {
    /// A cell that is about to begin; its files go below `folder`, and `agent` says what the agent of a host is called.
    ///
    /// # Errors
    /// When its files cannot be made.
    pub(super) fn new(
        plan: &Plan,
        cell: Cell,
        number: usize,
        manifest: &Manifest,
        folder: &Path,
        agent: impl Fn(usize) -> String,
    ) -> Result<Self, TableError> {
        let topology = &plan.topologies[cell.topology];
        let mut record = record::cell(plan, cell);
        let before = manifest.attempts.iter().filter(|attempt| attempt.is_another_attempt_of(&record));
        record.attempt += before.map(|attempt| attempt.attempt).max().unwrap_or(0);
        let stream = record::stream(manifest, &record, agent(topology.client), Part::Samples);
        let epoch_ns = record::epoch_of(manifest, &plan.hosts[topology.client].name);
        let stamps = record::stream(manifest, &record, agent(topology.server), Part::Stamps);
        let stamped =
            Stamped::create(&record, folder, stamps, record::epoch_of(manifest, &plan.hosts[topology.server].name))?;
        let incoming = Incoming::create(&folder.join(&record.samples), record::key(&record), stream.clone(), epoch_ns)?;
        let name = plan.cell_name(cell).to_string();
        let span = tracing::info_span!(target: "rpycbench", "cell", cell = %name);
        Ok(Self {
            cell,
            name,
            number,
            client: topology.client,
            server: topology.server,
            hosts: topology.hosts(),
            record,
            stream,
            incoming,
            stamped,
            began: Instant::now(),
            phase: Phase::Starting,
            phase_span: tracing::info_span!(target: "rpycbench", parent: &span, "starting"),
            span,
            target: None,
            armed: None,
            asked: false,
            consent: None,
            done: 0,
            failed: 0,
            histogram: RunningHistogram::default(),
            end: None,
            trouble: None,
            interrupted: false,
        })
    }

    /// The commands that begin it. Both roles at once: the driver's imports cost no time of their own.
    pub(super) fn begin(&self, plan: &Plan, serve_on: IpAddr) -> [(usize, Command); 2] {
        let cell = self.cell;
        let named = &plan.servers[cell.server];
        let name = record::name(&self.record);
        let workload = plan.workloads[cell.workload].workload;
        let (attempt, stamped) = (self.record.attempt, self.stamped.is_some());
        let serve = Command::Serve {
            cell: cell.id,
            server: named.server,
            address: serve_on,
            placement: plan.placement,
            name: name.clone(),
            attempt,
            stamping: stamped.then(|| Stamping::of(named.server.kind, &workload)),
        };
        let arm = Command::Arm {
            cell: cell.id,
            stack: named.server.stack(),
            workload,
            placement: plan.placement,
            name,
            attempt,
            stamped,
        };
        [(self.server, serve), (self.client, arm)]
    }

    pub(super) fn cell(&self) -> Cell {
        self.cell
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it still waits for that host.
    pub(super) fn uses(&self, host: usize) -> bool {
        self.hosts.contains(&host)
    }

    pub(super) fn is_driving(&self) -> bool {
        self.phase == Phase::Driving
    }

    /// Whether nothing is left to wait for.
    pub(super) fn is_over(&self) -> bool {
        self.hosts.is_empty()
    }

    /// Hosts that were told to stop too long ago.
    pub(super) fn stuck(&self) -> Vec<usize> {
        match self.phase {
            Phase::Stopping { since } if since.elapsed() > STOP_LIMIT => self.hosts.clone(),
            _ => Vec::new(),
        }
    }

    /// The user wants the run to end.
    pub(super) fn interrupt(&mut self) {
        self.interrupted = self.end.is_none();
        if self.interrupted {
            self.trouble.get_or_insert_with(|| "the run was interrupted".to_owned());
        }
    }

    /// Nothing was heard of the agent of a host for a while; `name` is the host's.
    pub(super) fn was_silent(&mut self, host: usize, name: &str, time: Duration) {
        if self.uses(host) {
            self.record.silences.push(SilenceRecord { host: name.to_owned(), seconds: time.as_secs_f64() });
        }
    }

    /// A host that is gone says nothing more.
    pub(super) fn lose(&mut self, host: usize, reason: &str) {
        self.hosts.retain(|&waiting| waiting != host);
        self.trouble.get_or_insert_with(|| reason.to_owned());
    }

    /// The commands that follow from what was heard, each with the host it is for.
    pub(super) fn advance(&mut self) -> Vec<(usize, Command)> {
        let id = self.cell.id;
        let has_driven = self.end.as_ref().is_some_and(|end| end.driven.is_some());
        let has_ended = has_driven || self.trouble.is_some();
        match (self.phase, self.target, self.armed) {
            (Phase::Stopping { .. }, ..) => Vec::new(),
            _ if has_ended => {
                self.enter(Phase::Stopping { since: Instant::now() });
                self.hosts.iter().map(|&host| (host, Command::Stop { cell: id })).collect()
            }
            (Phase::Starting, Some(target), Some(nonce)) => match self.consent.take() {
                Some(consent) => {
                    self.enter(Phase::Driving);
                    vec![(self.client, Command::Drive { cell: id, target, consent: Some(consent) })]
                }
                None if self.asked => Vec::new(),
                None => {
                    self.asked = true;
                    vec![(self.server, Command::Agree { cell: id, nonce })]
                }
            },
            _ => Vec::new(),
        }
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        // A span ends when it is let go, and this one has to before the next begins.
        self.phase_span = Span::none();
        self.phase_span = match phase {
            Phase::Starting => tracing::info_span!(target: "rpycbench", parent: &self.span, "starting"),
            Phase::Driving => tracing::info_span!(target: "rpycbench", parent: &self.span, "driving"),
            Phase::Stopping { .. } => tracing::info_span!(target: "rpycbench", parent: &self.span, "stopping"),
        };
    }

    /// How far it is, for who watches.
    pub(super) fn progress(&self) -> RunEvent {
        RunEvent::CellProgress {
            cell: self.name.clone(),
            phase: self.phase.name(),
            done: self.done,
            total: self.record.expected,
            failed: self.failed,
            p50_ns: self.histogram.quantile_ns(0.5),
            p99_ns: self.histogram.quantile_ns(0.99),
            elapsed_s: self.began.elapsed().as_secs_f64(),
        }
    }

    /// Takes in what an agent says, if that is its to say.
    ///
    /// # Errors
    /// When samples cannot be written.
    pub(super) fn take(&mut self, host: usize, event: Event) -> Result<(), TableError> {
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

    /// Where its samples and stamps come from, and what they are known by there.
    pub(super) fn sources(&self) -> Vec<(usize, Stream)> {
        let stamps = self.stamped.as_ref().map(|stamped| (self.server, stamped.stream().clone()));
        std::iter::once((self.client, self.stream.clone())).chain(stamps).collect()
    }

    /// Closes the files and compares the counts of both sides. Returns what to keep of the cell, how long it took, and what
    /// to tell; `of` is how many cells there are.
    ///
    /// # Errors
    /// When one of them cannot be written.
    pub(super) fn finish(mut self, of: usize) -> Result<(CellRecord, Duration, RunEvent), TableError> {
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
    pub(super) fn abandon(mut self, reason: &str) -> CellRecord {
        self.record.status = CellStatus::Failed;
        self.record.reason = self.trouble.unwrap_or_else(|| reason.to_owned());
        self.record.failed = 0;
        self.record
    }
}

/// One line on what went wrong, with the process's own last words.
fn describe(phase: &str, reason: &str, exit: Option<&Exit>) -> String {
    let Some(exit) = exit else { return format!("{phase}: {reason}") };
    let last = exit.stderr.lines().rev().map(str::trim).find(|line| !line.is_empty());
    let said = last.map(|line| format!("; it said: {line}")).unwrap_or_default();
    if exit.asked { format!("{phase}: {reason}{said}") } else { format!("{phase}: {reason} ({exit}{said})") }
}
