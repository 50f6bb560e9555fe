//! The agent's side of a run: the state machine drawn in `agent.proto`, and the only `select!`.

mod admission;
mod consent;
mod keep;
mod network;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use rpycbench_certs::Identity;
use rpycbench_measure::Stack;
use rpycbench_probe::clock;
use rpycbench_proto::message::{CellId, Event, Exit, Failure, Open, Part};
use rpycbench_proto::{Command, PROTOCOL};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_stream::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use consent::{Armed, Words};

use crate::child::Journal;

use crate::confinement::Confinement;
use crate::drive::{self, Drive};
use crate::holder::Hold;
use crate::limits::{Denial, Limits};
use crate::ping::RoundTrips;
use crate::python::environment::{Environment, EnvironmentError, Step};
use crate::serve::{self, Serve};
use crate::spool::Spool;

/// The conversation broke its rules, or could not begin.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The other side speaks another version.
    #[error("the controller speaks protocol {theirs}, this agent {PROTOCOL}: install the same version on both")]
    Protocol {
        /// The controller's.
        theirs: u32,
    },
    /// A command came in a state where it makes no sense.
    #[error("unexpected command: {0}")]
    Unexpected(String),
    /// A command did not parse.
    #[error("{0}")]
    Malformed(String),
    /// The host's limits forbid it.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// The host has no usable clock.
    #[error("no CLOCK_MONOTONIC_RAW on this host: {0}")]
    Clock(nix::Error),
}

/// What a run is allowed, and has to work with.
pub(crate) struct Terms {
    /// The run that it has attached to.
    pub(crate) run_id: String,
    /// Where environments are kept.
    pub(crate) state: PathBuf,
    /// What the host's administrator allows.
    pub(crate) limits: Arc<Limits>,
    /// What the agent signs with, and whose consent it believes.
    pub(crate) identity: Identity,
    /// What servers and drivers are kept from.
    pub(crate) confinement: Confinement,
    /// Where samples are kept.
    pub(crate) spool: Spool,
    /// The agent's name, as in its certificate.
    pub(crate) agent: String,
    /// Where processes are written down.
    pub(crate) journal: Journal,
}

/// Follows the controller's commands until it closes the stream, the stream breaks or `stop`; then every process that the
/// run started is ended before this returns.
///
/// # Errors
/// When the controller breaks the rules of the conversation.
pub(crate) async fn run(
    terms: Terms,
    hold: &Hold,
    commands: impl Stream<Item = Result<Command, String>>,
    events: mpsc::Sender<Event>,
    stop: CancellationToken,
) -> Result<(), RunError> {
    let overrun = admission::overrun(terms.limits.clone());
    tokio::pin!(commands, overrun);
    let mut run = Run {
        terms,
        events,
        environment: None,
        cells: HashMap::new(),
        tasks: JoinSet::new(),
        background: JoinSet::new(),
        opened: None,
        words: Words::new(),
        hold,
    };
    let outcome = loop {
        tokio::select! {
            command = commands.next() => match command {
                None => break Ok(()),
                Some(Err(reason)) => break Err(RunError::Malformed(reason)),
                Some(Ok(command)) => if let Err(error) = run.obey(command).await { break Err(error) },
            },
            Some(ended) = run.tasks.join_next() => if let Ok(ended) = ended { run.settle(ended).await },
            () = stop.cancelled() => break Ok(()),
            denial = &mut overrun => break Err(denial.into()),
        }
    };
    for cell in run.cells.values() {
        cell.stop.cancel();
    }
    // Reports of what is ended now have no reader; without this they would wait for one.
    drop(run.events);
    while run.tasks.join_next().await.is_some() {}
    outcome
}

/// A failure that belongs to no cell.
fn whole_run(phase: &str, reason: String) -> Event {
    Event::Failed(Failure { cell: None, phase: phase.to_owned(), reason, exit: None })
}

struct Run<'a> {
    terms: Terms,
    events: mpsc::Sender<Event>,
    environment: Option<Environment>,
    cells: HashMap<CellId, Cell>,
    tasks: JoinSet<Ended>,
    /// What answers other hosts; it ends with the run.
    background: JoinSet<()>,
    /// The run's name, once opened.
    opened: Option<String>,
    words: Words,
    hold: &'a Hold,
}

/// A cell this agent has a role in.
#[derive(Default)]
struct Cell {
    stop: CancellationToken,
    /// Where its server answers, once it does.
    serving: Arc<OnceLock<SocketAddr>>,
    armed: Option<Armed>,
    /// Roles that have not ended.
    running: u32,
    /// Bytes of the spool that are set aside for its streams.
    reserved: u64,
    server: Option<Exit>,
    driver: Option<Exit>,
    /// The controller waits for `Stopped`.
    stopping: bool,
}

/// A task of the run that is over.
enum Ended {
    Prepared(Result<Environment, EnvironmentError>),
    Pinged(SocketAddr, std::io::Result<RoundTrips>),
    Called(Result<(), String>),
    HandedOver(CellId, String),
    Server(CellId, Exit),
    Driver(CellId, Exit),
}

impl Run<'_> {
    async fn obey(&mut self, command: Command) -> Result<(), RunError> {
        match command {
            Command::Open(Open { protocol, .. }) if protocol != PROTOCOL => {
                return Err(RunError::Protocol { theirs: protocol });
            }
            Command::Open(Open { run_id, .. }) if run_id != self.terms.run_id => {
                let what = format!("open of run {run_id} on a stream of run {}", self.terms.run_id);
                return Err(RunError::Unexpected(what));
            }
            Command::Open(open) => {
                self.terms.limits.run(open.expected)?;
                self.opened = Some(open.run_id.clone());
                self.hold.enter(open);
                let epoch_ns = clock::raw_ns().map_err(RunError::Clock)?;
                self.send(Event::Opened { epoch_ns, nonce: self.words.nonce }).await;
            }
            other if self.opened.is_none() => return Err(RunError::Unexpected(format!("{other:?} before open"))),
            Command::Prepare { stacks } => self.prepare(stacks),
            Command::Echo { address, nonce } => self.echo(address, &nonce).await,
            Command::Ping { target, count, consent } => self.ping(target, count, consent).await,
            Command::Listen { address, ports, nonce } => self.listen(address, &ports, &nonce).await,
            Command::Reach { address, ports, consent } => self.reach(address, ports, consent).await,
            Command::Agree { cell, nonce } => self.agree(cell, &nonce).await,
            Command::Serve { cell, server, address, placement, name, attempt, stamping } => {
                let allowed = self.terms.limits.server(&server, address).map_err(|denial| denial.to_string());
                if let Err(refusal) = allowed.and_then(|()| self.may_stamp(cell, stamping)) {
                    self.refuse(cell, "serve", refusal).await;
                    return Ok(());
                }
                let environment = self.environment("serve")?;
                let stop = self.enter(cell);
                let up = self.cells.entry(cell).or_default().serving.clone();
                let span = tracing::info_span!(target: "rpycbench", "serve", cell = %name);
                let (stream, spool) = (self.stream(name, attempt, Part::Stamps), self.terms.spool.clone());
                let order = Serve { cell, server, address, placement, stamping, stream, spool, up };
                let serving = serve::serve(order, environment, stop, self.events.clone());
                self.tasks.spawn(async move { Ended::Server(cell, serving.await) }.instrument(span));
            }
            Command::Arm { cell, stack, workload, placement, name, attempt, stamped } => {
                if let Err(refusal) = self.may_arm(cell, &workload) {
                    self.refuse(cell, "drive", refusal).await;
                    return Ok(());
                }
                let environment = self.environment("arm")?;
                let (target, given) = oneshot::channel();
                let stop = self.enter(cell);
                let span = tracing::info_span!(target: "rpycbench", "drive", cell = %name);
                let (limits, armed) = (self.terms.limits.clone(), Armed::new(target));
                let (stream, spool) = (self.stream(name, attempt, Part::Samples), self.terms.spool.clone());
                let nonce = armed.nonce;
                let order = Drive { cell, stack, workload, placement, stream, spool, stamped, limits, nonce };
                let driving = drive::drive(order, environment, given, stop, self.events.clone());
                self.tasks.spawn(async move { Ended::Driver(cell, driving.await) }.instrument(span));
                self.cells.entry(cell).or_default().armed = Some(armed);
            }
            Command::Drive { cell, target, consent } => self.let_go(cell, target, consent).await?,
            Command::Stop { cell } => {
                let entered = self.cells.entry(cell).or_default();
                entered.stopping = true;
                entered.stop.cancel();
                self.leave(cell).await;
            }
            Command::Collect => self.collect().await,
            Command::HandOver { cell, stream } => self.hand_over(cell, stream),
            Command::Stored { stream } => self.forget(&stream),
        }
        Ok(())
    }

    fn prepare(&mut self, stacks: Vec<Stack>) {
        let Terms { state, confinement, journal, .. } = &self.terms;
        let (state, confinement, journal) = (state.clone(), confinement.clone(), journal.clone());
        let events = self.events.clone();
        let span = tracing::info_span!(target: "rpycbench", "prepare");
        let preparing = async move {
            let progress = |Step { what, done, total }: Step| {
                // A step that finds the queue full is not shown; the next one is.
                drop(events.try_send(Event::Preparing { what, done, total }));
            };
            Ended::Prepared(Environment::prepare(&state, &stacks, confinement, journal, progress).await)
        };
        self.tasks.spawn(preparing.instrument(span));
    }

    fn environment(&self, what: &str) -> Result<Environment, RunError> {
        self.environment
            .clone()
            .ok_or_else(|| RunError::Unexpected(format!("{what} before the environment is prepared")))
    }

    /// Adds a role to a cell.
    fn enter(&mut self, cell: CellId) -> CancellationToken {
        let cell = self.cells.entry(cell).or_default();
        cell.running += 1;
        cell.stop.clone()
    }

    async fn settle(&mut self, ended: Ended) {
        match ended {
            Ended::Prepared(Ok(environment)) => {
                let facts = environment.facts.clone();
                self.environment = Some(environment);
                self.send(Event::Prepared(facts)).await;
            }
            Ended::Prepared(Err(error)) => self.send(whole_run("prepare", error.to_string())).await,
            Ended::Pinged(target, Ok(RoundTrips { ns, lost, link })) => {
                self.send(Event::Pinged { target, round_trip_ns: ns, lost, link }).await;
            }
            Ended::Pinged(target, Err(error)) => {
                self.send(whole_run("ping", format!("cannot send to {target}: {error}"))).await;
            }
            Ended::Called(Ok(())) => self.send(Event::Reached).await,
            Ended::Called(Err(reason)) => self.send(whole_run("reach", reason)).await,
            Ended::HandedOver(cell, trouble) => self.send(Event::HandedOver { cell, trouble }).await,
            Ended::Server(cell, exit) => {
                let entered = self.cells.entry(cell).or_default();
                entered.running -= 1;
                entered.server = Some(exit);
                self.leave(cell).await;
            }
            Ended::Driver(cell, exit) => {
                let entered = self.cells.entry(cell).or_default();
                entered.running -= 1;
                entered.driver = Some(exit);
                self.leave(cell).await;
            }
        }
    }

    /// Closes a cell once it was told to stop and its roles have ended.
    async fn leave(&mut self, id: CellId) {
        if self.cells.get(&id).is_some_and(|cell| cell.stopping && cell.running == 0)
            && let Some(cell) = self.cells.remove(&id)
        {
            self.send(Event::Stopped { cell: id, server: cell.server, driver: cell.driver }).await;
        }
    }

    async fn send(&self, event: Event) {
        // Nobody takes it only when the controller is gone, which ends the stream of commands too.
        drop(self.events.send(event).await);
    }
}
