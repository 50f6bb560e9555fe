//! One cell: start both roles, let the load go, keep the samples, stop both roles. [`Going`] hears what the agents say and
//! answers with the commands that follow from it; who runs when is not its matter.

mod finish;
mod heard;

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::{Duration, Instant};

use rpycbench_measure::{RunningHistogram, Stamping};
use rpycbench_proto::Command;
use rpycbench_proto::message::{Consent, End, Nonce, Part, Stream};
use tracing::Span;

use super::record;
use super::stamped::Stamped;
use crate::plan::{Cell, Plan};
use crate::progress::RunEvent;
use crate::store::incoming::Incoming;
use crate::store::manifest::{CellRecord, Manifest, SilenceRecord};
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

    /// Where its samples and stamps come from, and what they are known by there.
    pub(super) fn sources(&self) -> Vec<(usize, Stream)> {
        let stamps = self.stamped.as_ref().map(|stamped| (self.server, stamped.stream().clone()));
        std::iter::once((self.client, self.stream.clone())).chain(stamps).collect()
    }
}
