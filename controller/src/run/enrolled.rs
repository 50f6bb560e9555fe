//! What a run does about agents of other hosts: only those that are enrolled and not banned, their certificates renewed.

use std::time::Duration;

use rpycbench_certs::Authority;
use tokio::sync::mpsc;

use super::{Run, RunError, Settings, hosts_in_use};
use crate::contact::Contact;
use crate::conversation::FromAgent;
use crate::home::{Home, KnownAgent};
use crate::plan::AgentAddress;
use crate::renewal::{good_until, renew_when_due};

/// How often the records of a run's agents are read: a ban ends their part of it within a second, and four small files a second
/// are nothing to a host that measures.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// An agent whose ban takes it from the run: its host's place in the plan, and its own name.
pub(super) type Watched = (usize, String);

/// The agent of a host in the plan.
///
/// # Errors
/// When none is enrolled there, or it is banned.
pub(super) fn enrolled(settings: &Settings, host: &str, address: &str) -> Result<KnownAgent, RunError> {
    let host = host.to_owned();
    let Some(known) = settings.home.agent_at(address)? else {
        return Err(RunError::NotEnrolled { host, address: address.to_owned() });
    };
    match known.banned {
        Some(since) => Err(RunError::Banned { host, name: known.name, address: known.address, since }),
        None => Ok(known),
    }
}

/// Every agent of another host that the run needs.
///
/// # Errors
/// When one of them is not enrolled, or banned.
pub(super) fn all_enrolled(settings: &Settings) -> Result<Vec<Watched>, RunError> {
    let mut all = Vec::new();
    for number in hosts_in_use(settings) {
        let host = &settings.plan.hosts[number];
        if let AgentAddress::Remote(address) = &host.agent {
            all.push((number, enrolled(settings, &host.name, address)?.name));
        }
    }
    Ok(all)
}

/// Tells the run of each of these agents that is banned from now on.
pub(super) async fn watch(home: Home, mut agents: Vec<Watched>, events: mpsc::Sender<(usize, FromAgent)>) {
    while !agents.is_empty() {
        let mut left = Vec::with_capacity(agents.len());
        for (number, name) in agents {
            // A record that cannot be read says nothing: only a ban ends a run.
            match home.agent(&name).ok().flatten().and_then(|known| known.banned) {
                Some(since) => drop(events.send((number, FromAgent::Banned(since))).await),
                None => left.push((number, name)),
            }
        }
        agents = left;
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

impl Run<'_> {
    /// Renews an agent's certificate where that is due. A run does not fail for it: the present one is still good.
    pub(super) async fn renew(&mut self, authority: &Authority, contact: &mut Contact) {
        if let Err(error) = renew_when_due(&self.settings.home, authority, contact).await {
            let until = contact.certificate.and_then(good_until).map(|until| until.to_string()).unwrap_or_default();
            let host = &contact.agent.host;
            self.warn(format!("host {host}: the agent's certificate, good until {until}, was not renewed: {error}"));
        }
    }

    /// The agent of that host was banned while the run was using it.
    pub(super) fn banned(&self, number: usize, since: String) -> RunError {
        let host = &self.settings.plan.hosts[number];
        let address = match &host.agent {
            AgentAddress::Local => String::new(),
            AgentAddress::Remote(address) => address.clone(),
        };
        let watched = self.watched.iter().find(|(watched, _)| *watched == number);
        let name = watched.map(|(_, name)| name.clone()).unwrap_or_default();
        RunError::Banned { host: host.name.clone(), name, address, since }
    }
}
