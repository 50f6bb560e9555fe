//! Reaching the agents: all of them at once, before anything is measured.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use rpycbench_certs::{Authority, Identity};
use rpycbench_proto::PROTOCOL;
use rpycbench_proto::message::{ConfinementFacts, Measure, Open};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tracing::Instrument;

use super::enrolled::{enrolled, watch};
use super::{Run, RunError, hosts_in_use, identity_life, record};
use crate::contact::Contact;
use crate::conversation::FromAgent;
use crate::local_agent::LocalAgent;
use crate::plan::AgentAddress;
use crate::progress::RunEvent;
use crate::session::{Agent, Session, SessionError};

/// What a conversation begins with.
#[derive(Clone, Debug)]
pub(super) struct Introduction {
    pub(super) identity: Identity,
    pub(super) open: Open,
    /// Where all agents' events go.
    pub(super) events: mpsc::Sender<(usize, FromAgent)>,
}

impl Run<'_> {
    /// Starts or reaches every agent the cells need, has its environment made, and measures the network between them.
    ///
    /// # Errors
    /// When one of them is not there, or not ready.
    pub(super) async fn open(
        &mut self,
        authority: &Authority,
        run_id: &str,
        sender: mpsc::Sender<(usize, FromAgent)>,
    ) -> Result<(), RunError> {
        self.watching.spawn(watch(self.settings.home.clone(), self.watched.clone(), sender.clone()));
        let mut agents = Vec::new();
        for number in hosts_in_use(&self.settings) {
            agents.push((number, self.agent_of(number, authority).await?));
        }
        // At most: what a limit forbids it is to forbid now.
        let all = self.settings.cells.iter().chain(&self.settings.spare);
        let expected = Duration::from_secs_f64(self.left(all.copied()));
        let study = self.settings.plan.name.clone();
        let open = Open { protocol: PROTOCOL, run_id: run_id.to_owned(), study, controller: user_and_host(), expected };
        let identity = authority.controller(&open.run_id, identity_life(&self.settings))?;
        let introduction = self.introduction.insert(Introduction { identity, open, events: sender }).clone();
        self.connect(agents, authority, introduction).await?;
        self.prepare().await?;
        self.collect().await?;
        self.reach_all().await?;
        self.ping_all().await?;
        Ok(self.folder.save(&self.manifest)?)
    }

    /// The agent of a host; that of the controller's own host is started for it.
    async fn agent_of(&mut self, number: usize, authority: &Authority) -> Result<Agent, RunError> {
        let host = self.settings.plan.hosts[number].clone();
        match host.agent {
            AgentAddress::Local => {
                let identity = authority.agent(&host.name, identity_life(&self.settings))?;
                let (state, otlp) = (&self.settings.agent_state, self.settings.otlp.as_deref());
                let local = LocalAgent::start(&identity, state, otlp).await?;
                let address = local.address.clone();
                self.local_agents.push(local);
                Ok(Agent { name: host.name.clone(), host: host.name, address })
            }
            AgentAddress::Remote(address) => {
                let name = enrolled(&self.settings, &host.name, &address)?.name;
                Ok(Agent { host: host.name, name, address })
            }
        }
    }

    /// Opens a session with every agent; the first that cannot be had ends them all.
    async fn connect(
        &mut self,
        agents: Vec<(usize, Agent)>,
        authority: &Authority,
        Introduction { identity, open, events }: Introduction,
    ) -> Result<(), RunError> {
        let began = Instant::now();
        let count = agents.len();
        let contacts = agents.into_iter().map(|(number, agent)| {
            let identity = identity.clone();
            async move { Ok((number, Contact::make(agent, &identity).await?)) }
        });
        let drain = self.shutdown.drain.clone();
        let contacts = drain.run_until_cancelled(all(contacts)).await;
        let mut contacts = contacts.ok_or(RunError::Interrupted)??;
        for (number, contact) in &mut contacts {
            if matches!(self.settings.plan.hosts[*number].agent, AgentAddress::Remote(_)) {
                self.renew(authority, contact).await;
            }
            self.agents.insert(*number, contact.agent.name.clone());
            if let Some(changed) = record::host(&mut self.manifest, &contact.agent, &contact.facts) {
                self.warn(changed);
            }
            self.confined_enough(&contact.agent.host, &contact.facts.confinement)?;
            self.compare_clocks(&contact.agent.host, contact.clock_ahead);
        }
        for (number, contact) in &contacts {
            self.know_clock(*number, contact.channel(), &contact.agent.address).await;
        }
        let sessions = contacts.into_iter().map(|(number, contact)| {
            let (identity, open, events) = (identity.clone(), open.clone(), events.clone());
            async move { Ok((number, Session::open(contact, identity, open, number, events).await?)) }
        });
        self.sessions.extend(all(sessions).await?);
        self.reporter.tell(&RunEvent::Connected { agents: count, seconds: began.elapsed().as_secs_f64() });
        Ok(())
    }
}

/// Does all of it at once, and returns what it gave, or the first error, which ends the rest.
async fn all<T: Send + 'static>(
    work: impl Iterator<Item = impl Future<Output = Result<T, SessionError>> + Send + 'static>,
) -> Result<Vec<T>, RunError> {
    let mut tasks = JoinSet::new();
    for one in work {
        tasks.spawn(one.in_current_span());
    }
    let mut results = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        // A task of this set ends in no other way: it is not cancelled and does not panic.
        let Ok(result) = ended else { continue };
        results.push(result?);
    }
    Ok(results)
}

impl Run<'_> {
    /// Whether a host confines servers and drivers as far as the plan asks for.
    fn confined_enough(&self, host: &str, facts: &ConfinementFacts) -> Result<(), RunError> {
        let wanted = self.settings.plan.confinement;
        if facts.level >= wanted {
            return Ok(());
        }
        let missing = facts.measures.iter().filter(|measure| !measure.in_force);
        let missing: Vec<String> = missing.map(|Measure { name, detail, .. }| format!("{name} ({detail})")).collect();
        let missing = if missing.is_empty() { "anything, as far as it says".to_owned() } else { missing.join(", ") };
        Err(RunError::Confinement { host: host.to_owned(), found: facts.level.name(), wanted: wanted.name(), missing })
    }
}

/// A wall clock that is off by more misleads who compares logs of two hosts.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_secs(2);

impl Run<'_> {
    /// Says which host's wall clock is not this one's. No sample depends on it, so the run goes on.
    fn compare_clocks(&mut self, host: &str, ahead: SignedDuration) {
        if ahead.abs() < CLOCKS_DIFFER {
            return;
        }
        let side = if ahead.is_positive() { "ahead of" } else { "behind" };
        let by = SignedDuration::from_secs_f64(ahead.abs().as_secs_f64().round());
        self.warn(format!(
            "the clock of {host} is {by:#} {side} the controller's: no sample depends on it, logs and certificates do; \
             set it, for instance with an NTP service"
        ));
    }
}

impl Run<'_> {
    /// Says whether this host's wall clock was set amid the run. No sample depends on it, so that the run is as good.
    pub(super) fn compare_clock_with_itself(&mut self, wall: Timestamp, since: Instant) {
        let passed = SignedDuration::try_from(since.elapsed()).unwrap_or(SignedDuration::MAX);
        let ahead = Timestamp::now().duration_since(wall).saturating_sub(passed);
        if ahead.abs() < CLOCKS_DIFFER {
            return;
        }
        let side = if ahead.is_positive() { "ahead" } else { "back" };
        let by = SignedDuration::from_secs_f64(ahead.abs().as_secs_f64().round());
        self.warn(format!(
            "the controller's clock was set {side} by {by:#} amid the run, or this host slept: no sample depends on it, the \
             times of day in the run folder do"
        ));
    }
}

/// Who runs this, as `user@host`, for people who find an agent busy.
fn user_and_host() -> String {
    let user =
        ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok()).unwrap_or_else(|| "somebody".into());
    let host = sysinfo::System::host_name().unwrap_or_else(|_| "an unnamed host".to_owned());
    format!("{user}@{host}")
}
