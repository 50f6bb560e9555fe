//! An agent that was lost may come back: its host was stopped, or cut off, for longer than the lease, or the agent was started
//! again. The cell that it had stays cut short, for nothing is patched; those that are left to it run.

use std::time::Duration;

use rpycbench_proto::message::Failure;
use rpycbench_proto::{Command, Event};
use tokio::time::{Instant, timeout, timeout_at};

use super::cell::Going;
use super::{Heed, Next, Run, record};
use crate::contact::Contact;
use crate::conversation::FromAgent;
use crate::plan::AgentAddress;
use crate::progress::RunEvent;
use crate::session::{Agent, Session};

/// Who does not come back so soon is not waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(500);

/// Why an agent is gone.
#[derive(Clone, Debug)]
pub(super) struct Loss {
    /// In words that name it.
    pub(super) reason: String,
    since: Instant,
    /// Whether it is worth to call it again.
    may_return: bool,
}

/// What an agent was lost to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost<'a> {
    /// Nothing is heard of it, or it has ended the run.
    Silent(&'a str),
    /// It is heard, and does not what it is told.
    Stuck,
    /// Somebody does not want it, since then.
    Banned(&'a str),
}

impl Run<'_> {
    /// From now on nothing is expected of an agent, unless it comes back.
    pub(super) fn lose(&mut self, host: usize, lost: Lost<'_>, going: &mut [Going]) {
        // A ban is the last word; of other losses the first says most.
        if self.lost.contains_key(&host) && !matches!(lost, Lost::Banned(_)) {
            return;
        }
        let plan = &self.settings.plan.hosts[host];
        let is_remote = matches!(plan.agent, AgentAddress::Remote(_));
        let (how, may_return) = match lost {
            Lost::Silent(reason) => (format!("is lost: {reason}"), is_remote),
            Lost::Stuck => ("is lost: it did not stop a cell in time".to_owned(), false),
            Lost::Banned(since) => (format!("was banned on {since}"), false),
        };
        let reason = format!("the agent of {} {how}", plan.name);
        // Ends the agent's part of the run, should it still hear of it.
        self.sessions.remove(&host);
        // What was learned of its clock stays.
        self.leave_clocks(&[host]);
        for cell in going.iter_mut().filter(|cell| cell.uses(host)) {
            cell.lose(host, &reason);
        }
        self.warn(format!("{reason}; that was {} into the run", self.time()));
        self.lost.insert(host, Loss { reason, since: Instant::now(), may_return });
    }

    /// Whether an agent is lost and may come back.
    pub(super) fn may_return(&self, host: usize) -> bool {
        self.lost.get(&host).is_some_and(|loss| loss.may_return)
    }

    /// Waits for a lost agent, and has it make ready for what is left to it. Where it does not come back, it stays lost.
    pub(super) async fn regain(&mut self, host: usize) {
        if !self.may_return(host) {
            return;
        }
        let since = Instant::now();
        let name = self.settings.plan.hosts[host].name.clone();
        self.reporter.tell(&RunEvent::Warning { message: format!("waiting for the agent of {name} to come back") });
        let drain = self.shutdown.drain.clone();
        let mut trouble = String::new();
        while let Some(left) = PATIENCE.checked_sub(since.elapsed()) {
            match drain.run_until_cancelled(timeout(left, self.reach_again(host))).await {
                // The run is about to end.
                None => return,
                Some(Ok(Ok(()))) => return self.is_back(host),
                Some(Ok(Err(reason))) => trouble = format!(": {reason}"),
                Some(Err(_)) => {}
            }
            // What has begun is no conversation yet, and is not to be heard of when another has.
            if let Some(session) = self.sessions.remove(&host) {
                session.abandon();
            }
            if !self.may_return(host) {
                return;
            }
            self.pause().await;
        }
        if let Some(loss) = self.lost.get_mut(&host) {
            loss.may_return = false;
            loss.reason +=
                &format!("; it did not come back, though it was waited for {} s{trouble}", PATIENCE.as_secs());
        }
    }

    fn is_back(&mut self, host: usize) {
        let Some(Loss { since, .. }) = self.lost.remove(&host) else { return };
        let name = &self.settings.plan.hosts[host].name;
        self.warn(format!(
            "the agent of {name} was had again {} into the run, {:.1} s after it was lost; the cell that it had is cut short, those \
             that were left to it went on",
            self.time(),
            since.elapsed().as_secs_f64()
        ));
    }

    /// Opens another conversation with the agent of a host, and has it make its environment.
    async fn reach_again(&mut self, host: usize) -> Result<(), String> {
        let plan = &self.settings.plan.hosts[host];
        let (AgentAddress::Remote(address), Some(introduction)) = (&plan.agent, self.introduction.clone()) else {
            return Err("it was started for this run".to_owned());
        };
        let agent = Agent { host: plan.name.clone(), name: self.agent_name(host), address: address.clone() };
        let contact = Contact::make(agent, &introduction.identity).await.map_err(|error| error.to_string())?;
        let (channel, address) = (contact.channel(), contact.agent.address.clone());
        let session = Session::open(contact, introduction.identity, introduction.open, host, introduction.events).await;
        let session = session.map_err(|error| error.to_string())?;
        session.send(Command::Prepare { stacks: self.stacks() });
        self.sessions.insert(host, session);
        self.made_ready(host).await?;
        self.earlier_clocks.extend(self.clocks.remove(&host).map(|clock| (host, clock)));
        self.know_clock(host, channel, &address).await;
        Ok(())
    }

    /// Waits until the agent of a host has made its environment; what happens to others meanwhile is taken in.
    async fn made_ready(&mut self, host: usize) -> Result<(), String> {
        let name = self.settings.plan.hosts[host].name.clone();
        loop {
            match self.next(Heed::Drain).await {
                Next::Drain => return Err("the run was interrupted".to_owned()),
                Next::From(from, FromAgent::Event(event)) if from == host => match *event {
                    Event::Opened { epoch_ns, .. } if epoch_ns < record::epoch_of(&self.manifest, &name) => {
                        return Err("its host was started anew, and has another clock".to_owned());
                    }
                    Event::Opened { nonce, .. } => drop(self.nonces.insert(host, nonce)),
                    Event::Prepared(_) => return Ok(()),
                    Event::Failed(Failure { phase, reason, .. }) => return Err(format!("{phase}: {reason}")),
                    _ => {}
                },
                Next::From(from, FromAgent::Lost(reason)) if from == host => return Err(reason),
                Next::From(from, event) => {
                    self.lose_meanwhile(from, &event);
                    if !self.may_return(host) {
                        return Err("it is not wanted any more".to_owned());
                    }
                }
                Next::Tick => {}
            }
        }
    }

    /// Lets a moment pass. Another agent may be lost in it, or one be banned.
    async fn pause(&mut self) {
        let until = Instant::now() + PAUSE;
        while let Ok(next) = timeout_at(until, self.next(Heed::Drain)).await {
            match next {
                Next::Drain => return,
                Next::From(from, event) => self.lose_meanwhile(from, &event),
                Next::Tick => {}
            }
        }
    }

    /// Takes in what happens to agents while no cell goes on.
    fn lose_meanwhile(&mut self, host: usize, event: &FromAgent) {
        match event {
            FromAgent::Lost(reason) => self.lose(host, Lost::Silent(reason), &mut []),
            FromAgent::Banned(since) => self.lose(host, Lost::Banned(since), &mut []),
            FromAgent::Event(_) | FromAgent::Silent(_) => {}
        }
    }
}
