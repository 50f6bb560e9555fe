//! A run: the controller's side of the state machine drawn in `agent.proto`, and its only `select!`.

mod cell;
mod enrolled;
mod network;
mod record;

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rpycbench_certs::Authority;
use rpycbench_measure::Stack;
use rpycbench_process::Shutdown;
use rpycbench_proto::message::{Failure, PythonFacts};
use rpycbench_proto::{Command, Event};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use enrolled::{Watched, all_enrolled, enrolled, watch};

use crate::contact::Contact;
use crate::home::{Home, HomeError};
use crate::local_agent::{LocalAgent, LocalAgentError};
use crate::plan::{AgentAddress, Cell, Plan};
use crate::progress::{Reporter, RunEvent};
use crate::session::{Agent, FromAgent, Session, SessionError};
use crate::store::manifest::{CellStatus, Manifest};
use crate::store::samples::SamplesError;
use crate::store::{FolderError, RunFolder};

/// Events of all agents on their way to the one place that handles them.
const EVENT_QUEUE: usize = 64;
/// A run's identities outlive no sensible run.
const IDENTITY_LIFE: Duration = Duration::from_secs(24 * 3600);

/// What to run and where to put it.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The plan.
    pub plan: Plan,
    /// Its bytes, which the run folder keeps.
    pub plan_bytes: Vec<u8>,
    /// The cells to run, in order.
    pub cells: Vec<Cell>,
    /// The folder that run folders are made in.
    pub out: PathBuf,
    /// What this controller knows: its authorities, its agents.
    pub home: Home,
    /// The state of this host's agent.
    pub agent_state: PathBuf,
    /// Export spans to this OTLP collector.
    pub otlp: Option<String>,
}

/// A run that is over and left a folder behind.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The folder.
    pub folder: RunFolder,
    /// What is in `run.json`.
    pub manifest: Manifest,
}

/// A run that could not begin, or could not go on. What there was is kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// The disk.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The disk, while samples were written.
    #[error(transparent)]
    Samples(#[from] SamplesError),
    /// This host's agent.
    #[error(transparent)]
    LocalAgent(#[from] LocalAgentError),
    /// An agent.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// What this controller knows.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Identities.
    #[error(transparent)]
    Certificates(#[from] rpycbench_certs::CertError),
    /// The agent of a host in the plan is not known.
    #[error(
        "host {host}: no agent is enrolled at {address}: enrol it with `rpycbench-controller enrol {address} --code CODE`"
    )]
    NotEnrolled {
        /// The host's name in the plan.
        host: String,
        /// Its agent.
        address: String,
    },
    /// The agent of a host in the plan shall not be used.
    #[error(
        "host {host}: its agent {name} was banned on {since}; `rpycbench-controller enrol {address} --code CODE` with a new code lifts that"
    )]
    Banned {
        /// The host's name in the plan.
        host: String,
        /// The agent's own name.
        name: String,
        /// Where it is.
        address: String,
        /// UTC, RFC 3339.
        since: String,
    },
    /// A host could not get ready.
    #[error("host {host}: {reason}")]
    Prepare {
        /// The host's name in the plan.
        host: String,
        /// Why.
        reason: String,
    },
    /// The disk failed after cells had been kept.
    #[error("{source}; the cells before it are kept in {}; free some space there or name another folder in --out, then run again", .folder.display())]
    Cut {
        /// What went wrong.
        source: Box<Self>,
        /// The run folder.
        folder: PathBuf,
    },
    /// Told to end before the first cell.
    #[error("interrupted before the first cell; nothing was measured")]
    Interrupted,
}

/// Runs the cells of a plan and leaves samples and `run.json` in a new folder.
///
/// # Errors
/// When the run cannot begin or the disk fails. Cells that fail are not an error: the manifest has them.
#[tracing::instrument(target = "rpycbench", name = "run", skip_all, fields(study = %settings.plan.name))]
pub(crate) async fn run(
    settings: Settings,
    reporter: &mut Reporter,
    shutdown: &Shutdown,
) -> Result<Finished, RunError> {
    // Refused before anything is made.
    let watched = all_enrolled(&settings)?;
    let now = Timestamp::now();
    let run_id = uuid::Uuid::now_v7().to_string();
    let folder = RunFolder::create(&settings.out, &settings.plan.name, &settings.plan_bytes, now)?;
    let manifest = record::manifest(&settings, &run_id, now);
    folder.save(&manifest)?;
    reporter.tell(&RunEvent::RunStarted {
        run_id: run_id.clone(),
        study: settings.plan.name.clone(),
        cells: settings.cells.len(),
        folder: folder.path().to_owned(),
    });
    let authority = authority(&settings, &run_id)?;
    let (sender, events) = mpsc::channel(EVENT_QUEUE);
    let mut run = Run {
        settings,
        folder,
        manifest,
        sessions: HashMap::new(),
        local_agents: Vec::new(),
        events,
        reporter,
        shutdown: shutdown.clone(),
        seen: HashMap::new(),
        watched,
        watching: JoinSet::new(),
    };
    let outcome = match run.open(&authority, &run_id, sender).await {
        Ok(()) => run.measure().await,
        Err(error) => Err(error),
    };
    run.close().await;
    run.manifest.ended = Timestamp::now().to_string();
    let saved = run.folder.save(&run.manifest);
    let (folder, manifest) = (run.folder, run.manifest);
    let outcome = outcome.and(saved.map_err(RunError::from));
    if let Err(source @ (RunError::Folder(_) | RunError::Samples(_))) = outcome {
        return Err(RunError::Cut { source: Box::new(source), folder: folder.path().to_owned() });
    }
    outcome?;
    Ok(Finished { folder, manifest })
}

/// The authorities that sign this run's identities: those the remote agents know, or some of its own where all agents are
/// started for the run.
fn authority(settings: &Settings, run_id: &str) -> Result<Authority, RunError> {
    let remote = |&host: &usize| matches!(settings.plan.hosts[host].agent, AgentAddress::Remote(_));
    if hosts_in_use(settings).iter().any(remote) {
        Ok(settings.home.authority()?)
    } else {
        Ok(Authority::ephemeral(run_id, IDENTITY_LIFE)?)
    }
}

/// Places of the hosts that any cell to run refers to.
fn hosts_in_use(settings: &Settings) -> Vec<usize> {
    let mut hosts: Vec<usize> = settings
        .cells
        .iter()
        .flat_map(|cell| {
            let topology = &settings.plan.topologies[cell.topology];
            [topology.client, topology.server]
        })
        .collect();
    hosts.sort_unstable();
    hosts.dedup();
    hosts
}

struct Run<'a> {
    settings: Settings,
    folder: RunFolder,
    manifest: Manifest,
    /// By the host's place in the plan.
    sessions: HashMap<usize, Session>,
    local_agents: Vec<LocalAgent>,
    events: mpsc::Receiver<(usize, FromAgent)>,
    reporter: &'a mut Reporter,
    shutdown: Shutdown,
    /// How long cells of each topology, server and workload have taken.
    seen: HashMap<(usize, usize, usize), Duration>,
    /// Agents that a ban would take from the run.
    watched: Vec<Watched>,
    /// Ends with the run.
    watching: JoinSet<()>,
}

/// What the run waits for.
enum Next {
    From(usize, FromAgent),
    /// The user wants the run to end.
    Drain,
    /// Nothing happened for a while.
    Tick,
}

/// Whether the user's wish to end is listened to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Heed {
    Drain,
    EventsOnly,
}

/// Often enough for a clock on a terminal.
const TICK: Duration = Duration::from_millis(500);

impl Run<'_> {
    /// The only place where this process waits for several things at once. `heed` is false for what must be done even when
    /// the user wants the run to end.
    async fn next(&mut self, heed: Heed) -> Next {
        let next = tokio::select! {
            () = self.shutdown.drain.cancelled(), if heed == Heed::Drain => Next::Drain,
            Some((host, event)) = self.events.recv() => Next::From(host, event),
            () = tokio::time::sleep(TICK) => Next::Tick,
        };
        if let Next::From(host, FromAgent::Banned(_)) = &next
            && let Some(session) = self.sessions.remove(host)
        {
            session.cut();
        }
        next
    }

    /// Starts or reaches every agent the cells need and has its environment made.
    async fn open(
        &mut self,
        authority: &Authority,
        run_id: &str,
        sender: mpsc::Sender<(usize, FromAgent)>,
    ) -> Result<(), RunError> {
        let controller = authority.controller(run_id, IDENTITY_LIFE)?;
        self.watching.spawn(watch(self.settings.home.clone(), self.watched.clone(), sender.clone()));
        for number in hosts_in_use(&self.settings) {
            let host = self.settings.plan.hosts[number].clone();
            let agent = match &host.agent {
                AgentAddress::Local => {
                    let identity = authority.agent(&host.name, IDENTITY_LIFE)?;
                    let (state, otlp) = (&self.settings.agent_state, self.settings.otlp.as_deref());
                    let local = LocalAgent::start(&identity, state, otlp).await?;
                    let address = local.address.clone();
                    self.local_agents.push(local);
                    Agent { host: host.name.clone(), name: host.name.clone(), address }
                }
                AgentAddress::Remote(address) => {
                    let name = enrolled(&self.settings, &host.name, address)?.name;
                    Agent { host: host.name.clone(), name, address: address.clone() }
                }
            };
            let mut contact = Contact::make(agent, &controller).await?;
            if matches!(host.agent, AgentAddress::Remote(_)) {
                self.renew(authority, &mut contact).await;
            }
            record::host(&mut self.manifest, &contact.agent, &contact.facts);
            let session = Session::open(contact, run_id, number, sender.clone()).await?;
            self.sessions.insert(number, session);
        }
        self.prepare().await?;
        self.ping_all().await?;
        Ok(self.folder.save(&self.manifest)?)
    }

    /// Enters, once, something that a reader of the results should know.
    fn warn(&mut self, message: String) {
        if !self.manifest.warnings.contains(&message) {
            self.reporter.tell(&RunEvent::Warning { message: message.clone() });
            self.manifest.warnings.push(message);
        }
    }

    async fn prepare(&mut self) -> Result<(), RunError> {
        let began = Instant::now();
        let mut stacks: Vec<Stack> =
            self.settings.cells.iter().map(|cell| self.settings.plan.servers[cell.server].server.stack()).collect();
        stacks.sort_unstable();
        stacks.dedup();
        for session in self.sessions.values() {
            session.send(Command::Prepare { stacks: stacks.clone() }).await;
        }
        let mut waiting = self.sessions.len();
        while waiting > 0 {
            match self.next(Heed::Drain).await {
                Next::Tick => {}
                Next::Drain => return Err(RunError::Interrupted),
                Next::From(number, FromAgent::Lost(reason)) => return Err(self.not_ready(number, reason)),
                Next::From(number, FromAgent::Banned(since)) => return Err(self.banned(number, since)),
                Next::From(number, FromAgent::Event(event)) => {
                    let host = self.settings.plan.hosts[number].name.clone();
                    match *event {
                        Event::Opened { epoch_ns } => record::epoch(&mut self.manifest, &host, epoch_ns),
                        Event::Preparing { what, done, total } => {
                            self.reporter.tell(&RunEvent::Preparing { host, what, done, total });
                        }
                        Event::Prepared(facts) => {
                            waiting -= 1;
                            let PythonFacts { python, built, .. } = facts.clone();
                            record::python(&mut self.manifest, &host, facts);
                            let seconds = began.elapsed().as_secs_f64();
                            self.reporter.tell(&RunEvent::Prepared { host, python, built, seconds });
                        }
                        Event::Failed(Failure { reason, .. }) => return Err(self.not_ready(number, reason)),
                        other => return Err(self.not_ready(number, format!("unexpected answer {other:?}"))),
                    }
                }
            }
        }
        Ok(())
    }

    fn not_ready(&self, number: usize, reason: String) -> RunError {
        RunError::Prepare { host: self.settings.plan.hosts[number].name.clone(), reason }
    }

    /// Runs the cells one after the other, until one cannot be kept or the user has had enough.
    async fn measure(&mut self) -> Result<(), RunError> {
        let cells = self.settings.cells.clone();
        let began = Instant::now();
        for (place, &cell) in cells.iter().enumerate() {
            let name = self.settings.plan.cell_name(cell).to_string();
            let left_s = cells[place..].iter().map(|&cell| self.expected(cell).as_secs_f64()).sum();
            let expected_s = self.expected(cell).as_secs_f64();
            let (number, of) = (place + 1, cells.len());
            self.reporter.tell(&RunEvent::CellStarted { cell: name.clone(), number, of, expected_s, left_s });
            let outcome = self.run_cell(cell, &name).await;
            self.manifest.cells_wall_s = began.elapsed().as_secs_f64();
            let lost = match outcome {
                Ok(lost) => lost,
                Err(error) => {
                    self.mark_rest(&cells[place + 1..], "the run could not go on");
                    return Err(error);
                }
            };
            if let Some(reason) = lost {
                self.mark_rest(&cells[place + 1..], &reason);
                break;
            }
            if self.shutdown.drain.is_cancelled() {
                self.mark_rest(&cells[place + 1..], "the run was interrupted");
                break;
            }
        }
        Ok(())
    }

    fn expected(&self, cell: Cell) -> Duration {
        let seen = self.seen.get(&(cell.topology, cell.server, cell.workload));
        seen.copied().unwrap_or_else(|| self.settings.plan.guess(cell))
    }

    fn mark_rest(&mut self, cells: &[Cell], reason: &str) {
        for cell in cells {
            let mut record = record::cell(&self.settings.plan, *cell);
            record.status = CellStatus::NotRun;
            reason.clone_into(&mut record.reason);
            self.manifest.cells.push(record);
        }
    }

    /// Ends every conversation and every agent that was started.
    async fn close(&mut self) {
        self.sessions.clear();
        self.events.close();
        for agent in self.local_agents.drain(..) {
            agent.stop().await;
        }
    }
}
