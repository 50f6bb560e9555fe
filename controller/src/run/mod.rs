//! A run: the controller's side of the state machine drawn in `agent.proto`, and its only `select!`.

mod cell;
mod clocks;
mod collect;
mod enrolled;
mod error;
mod network;
mod open;
mod precise;
mod prepare;
mod record;
mod regain;
mod resume;
mod schedule;
mod stamped;

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rpycbench_certs::Authority;
use rpycbench_process::{Shutdown, metrics};
use rpycbench_proto::Command;
use rpycbench_proto::message::Nonce;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use enrolled::{Watched, all_enrolled};
use open::Introduction;
use regain::Loss;

use crate::clock::ClockSession;
use crate::conversation::FromAgent;
use crate::home::Home;
use crate::local_agent::LocalAgent;
use crate::plan::{AgentAddress, Cell, Plan};
use crate::progress::{Reporter, RunEvent};
use crate::session::Session;
use crate::store::RunFolder;
use crate::store::manifest::Manifest;

pub(crate) use error::RunError;
pub(crate) use resume::Unfinished;

/// Events of all agents on their way to the one place that handles them.
const EVENT_QUEUE: usize = 64;
/// A run's identities are good for that long at least.
const IDENTITY_LIFE: Duration = Duration::from_secs(24 * 3600);

/// What to run and where to put it.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The plan.
    pub plan: Plan,
    /// Its bytes, which the run folder keeps.
    pub plan_bytes: Vec<u8>,
    /// The pattern of the cells to run, where it is not all of the plan's.
    pub only: Option<String>,
    /// The cells to run, in order.
    pub cells: Vec<Cell>,
    /// Those of blocks that run only where more are needed, in order.
    pub spare: Vec<Cell>,
    /// The run to finish, instead of beginning one.
    pub unfinished: Option<Unfinished>,
    /// The folder that run folders are made in.
    pub out: PathBuf,
    /// What this controller knows: its authorities, its agents.
    pub home: Home,
    /// The state of this host's agent.
    pub agent_state: PathBuf,
    /// Export spans and metrics to this OTLP collector.
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

/// Runs the cells of a plan and leaves samples and `run.json` in a new folder.
///
/// # Errors
/// When the run cannot begin or the disk fails. Cells that fail are not an error: the manifest has them.
#[tracing::instrument(target = "rpycbench", name = "run", skip_all, fields(study = %settings.plan.name))]
pub(crate) async fn run(
    mut settings: Settings,
    reporter: &mut Reporter,
    shutdown: &Shutdown,
) -> Result<Finished, RunError> {
    metrics::start_at_zero();
    let (wall, since) = (Timestamp::now(), Instant::now());
    // Refused before anything is made.
    let watched = all_enrolled(&settings)?;
    let (folder, manifest) = match settings.unfinished.take() {
        Some(unfinished) => unfinished.take_up(&settings.plan, &settings.cells)?,
        None => begin(&settings)?,
    };
    let run_id = manifest.run_id.clone();
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
        began: since,
        sessions: HashMap::new(),
        local_agents: Vec::new(),
        agents: HashMap::new(),
        events,
        reporter,
        shutdown: shutdown.clone(),
        nonces: HashMap::new(),
        clocks: HashMap::new(),
        earlier_clocks: Vec::new(),
        introduction: None,
        lost: HashMap::new(),
        seen: HashMap::new(),
        watched,
        watching: JoinSet::new(),
    };
    let outcome = match run.open(&authority, &run_id, sender).await {
        Ok(()) => run.measure().await,
        Err(error) => {
            run.leave_all_out(&error.to_string());
            Err(error)
        }
    };
    let clocks = run.write_clocks().await;
    run.close().await;
    run.compare_clock_with_itself(wall, since);
    run.manifest.ended = Timestamp::now().to_string();
    let saved = run.folder.save(&run.manifest);
    let (folder, manifest) = (run.folder, run.manifest);
    let outcome = outcome.and(clocks).and(saved.map_err(RunError::from));
    if let Err(source @ (RunError::Folder(_) | RunError::Samples(_))) = outcome {
        return Err(RunError::Cut { source: Box::new(source), folder: folder.path().to_owned() });
    }
    outcome?;
    Ok(Finished { folder, manifest })
}

/// A new run folder.
fn begin(settings: &Settings) -> Result<(RunFolder, Manifest), RunError> {
    let now = Timestamp::now();
    let folder = RunFolder::create(&settings.out, &settings.plan.name, &settings.plan_bytes, now)?;
    let manifest = record::manifest(settings, &uuid::Uuid::now_v7().to_string(), now);
    folder.save(&manifest)?;
    Ok((folder, manifest))
}

/// The authorities that sign this run's identities: those the remote agents know, or some of its own where all agents are
/// started for the run.
fn authority(settings: &Settings, run_id: &str) -> Result<Authority, RunError> {
    let remote = |&host: &usize| matches!(settings.plan.hosts[host].agent, AgentAddress::Remote(_));
    if hosts_in_use(settings).iter().any(remote) {
        Ok(settings.home.authority()?)
    } else {
        Ok(Authority::ephemeral(run_id, identity_life(settings))?)
    }
}

/// How long the run's identities are good: an agent that is called again must still be able to believe them, and cells may take
/// longer than they are expected to.
fn identity_life(settings: &Settings) -> Duration {
    let expected = settings.cells.iter().chain(&settings.spare).map(|&cell| settings.plan.guess(cell));
    IDENTITY_LIFE.max(3 * expected.sum::<Duration>())
}

/// Places of the hosts that any cell to run refers to.
fn hosts_in_use(settings: &Settings) -> Vec<usize> {
    let mut hosts: Vec<usize> =
        settings.cells.iter().flat_map(|cell| settings.plan.topologies[cell.topology].hosts()).collect();
    hosts.sort_unstable();
    hosts.dedup();
    hosts
}

struct Run<'a> {
    settings: Settings,
    folder: RunFolder,
    manifest: Manifest,
    /// When it was, or when it was taken up again.
    began: Instant,
    /// By the host's place in the plan.
    sessions: HashMap<usize, Session>,
    local_agents: Vec<LocalAgent>,
    /// The name in each agent's certificate, by the host's place in the plan.
    agents: HashMap<usize, String>,
    events: mpsc::Receiver<(usize, FromAgent)>,
    reporter: &'a mut Reporter,
    shutdown: Shutdown,
    /// Of the agents of these hosts, for who consents to be pinged or reached by them.
    nonces: HashMap<usize, Nonce>,
    /// Who asks for the clocks of these hosts.
    clocks: HashMap<usize, ClockSession>,
    /// Who has asked for them before their agent was lost.
    earlier_clocks: Vec<(usize, ClockSession)>,
    /// What every agent was told, and is told again when it comes back.
    introduction: Option<Introduction>,
    /// Hosts whose agent is gone.
    lost: HashMap<usize, Loss>,
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
    /// The only place where a run waits for several things at once. [`Heed::EventsOnly`] is for what must be done even when the
    /// user wants the run to end.
    async fn next(&mut self, heed: Heed) -> Next {
        let next = tokio::select! {
            () = self.shutdown.drain.cancelled(), if heed == Heed::Drain => Next::Drain,
            Some((host, event)) = self.events.recv() => {
                metrics::queued(self.events.len() as u64);
                if matches!(event, FromAgent::Lost(_)) {
                    metrics::agent_lost();
                }
                Next::From(host, event)
            }
            () = tokio::time::sleep(TICK) => Next::Tick,
        };
        match &next {
            Next::From(host, FromAgent::Banned(_)) => drop(self.sessions.remove(host)),
            Next::From(host, FromAgent::Silent(time)) => self.was_silent(*host, *time),
            _ => {}
        }
        next
    }

    /// Enters that an agent was not heard for a while amid the run. Driver and server went on, and no sample is lost.
    fn was_silent(&mut self, host: usize, time: Duration) {
        let host = &self.settings.plan.hosts[host].name;
        self.warn(format!(
            "nothing was heard of the agent of {host} for {:.1} s, until {} into the run: it was stopped, or cut off; no sample is \
             lost by that, but what has stopped it may be in their times",
            time.as_secs_f64(),
            self.time()
        ));
    }

    /// How long the run has gone on, for what happens in it.
    fn time(&self) -> String {
        format!("{:.1} s", self.began.elapsed().as_secs_f64())
    }

    /// Enters, once, something that a reader of the results should know.
    fn warn(&mut self, message: String) {
        if !self.manifest.warnings.contains(&message) {
            self.reporter.tell(&RunEvent::Warning { message: message.clone() });
            self.manifest.warnings.push(message);
        }
    }

    fn agent_name(&self, host: usize) -> String {
        self.agents.get(&host).cloned().unwrap_or_default()
    }

    async fn send(&self, host: usize, command: Command) {
        if let Some(session) = self.sessions.get(&host) {
            session.send(command);
        }
    }

    /// Ends every conversation and every agent that was started.
    async fn close(&mut self) {
        // First, so that no conversation waits for a place.
        self.events.close();
        let mut leaving: JoinSet<()> = self.sessions.drain().map(|(_, session)| session.leave()).collect();
        while leaving.join_next().await.is_some() {}
        for agent in self.local_agents.drain(..) {
            agent.stop().await;
        }
    }
}
