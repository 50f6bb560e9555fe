//! The network alone, before the first cell: how long a datagram takes there and back over each topology.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU16;

use rpycbench_proto::message::{Failure, Nonce};
use rpycbench_proto::{Command, Event};

use super::{Heed, Next, Run, RunError, record};
use crate::conversation::FromAgent;

/// Enough for a 99th percentile of sorts; a tenth of a second on a local network.
const PINGS: u32 = 200;

impl Run<'_> {
    /// The address that the servers of a topology bind: loopback where one host plays both roles, for a topology of one host
    /// is about that host alone, not about its network card.
    pub(super) fn serve_address(&self, topology: usize) -> IpAddr {
        let plan = &self.settings.plan;
        let topology = &plan.topologies[topology];
        if topology.client == topology.server {
            Ipv4Addr::LOCALHOST.into()
        } else {
            plan.hosts[topology.server].serve_on
        }
    }

    /// Has every host that drives open a TCP connection to every host it will drive at, on the ports of the plan's servers.
    ///
    /// # Errors
    /// Which of them cannot, though both agents can be reached.
    pub(super) async fn reach_all(&mut self) -> Result<(), RunError> {
        let plan = &self.settings.plan;
        let pairs: BTreeSet<(usize, usize)> = self
            .settings
            .cells
            .iter()
            .map(|cell| &plan.topologies[cell.topology])
            .filter(|topology| topology.client != topology.server)
            .map(|topology| (topology.client, topology.server))
            .collect();
        // 0: what a server gets that has no port of its own.
        let ports: BTreeSet<u16> = plan.servers.iter().map(|it| it.server.port.map_or(0, NonZeroU16::get)).collect();
        for (client, server) in pairs {
            let address = self.settings.plan.hosts[server].serve_on;
            let (ports, nonce) = (ports.iter().copied().collect(), self.nonce_of(client));
            self.send(server, Command::Listen { address, ports, nonce }).await;
            let Event::Listening { ports, consent, .. } = self.answer_of(server).await? else { continue };
            self.send(client, Command::Reach { address, ports, consent: Some(consent) }).await;
            self.answer_of(client).await.map_err(|error| match error {
                RunError::Network { host, reason } => {
                    let server = &self.settings.plan.hosts[server].name;
                    let reason = format!(
                        "{reason}, where servers of {server} will be; its agent can be reached: let TCP pass between the \
                         two, or give the servers a port that may pass"
                    );
                    RunError::Network { host, reason }
                }
                other => other,
            })?;
        }
        Ok(())
    }

    /// Pings over every topology that has a cell, one after the other.
    ///
    /// # Errors
    /// When a host cannot answer or send at all; datagrams that are lost are counted.
    pub(super) async fn ping_all(&mut self) -> Result<(), RunError> {
        let topologies: BTreeSet<usize> = self.settings.cells.iter().map(|cell| cell.topology).collect();
        for topology in topologies {
            let (client, server) = {
                let topology = &self.settings.plan.topologies[topology];
                (topology.client, topology.server)
            };
            let (address, nonce) = (self.serve_address(topology), self.nonce_of(client));
            self.send(server, Command::Echo { address, nonce }).await;
            let Event::Echoing { address: target, link: serving, consent } = self.answer_of(server).await? else {
                continue;
            };
            self.send(client, Command::Ping { target, count: PINGS, consent: Some(consent) }).await;
            let Event::Pinged { target, round_trip_ns, lost, link: driving } = self.answer_of(client).await? else {
                continue;
            };
            let name = self.settings.plan.topologies[topology].name.clone();
            if lost > 0 {
                let all = u64::from(lost) + round_trip_ns.len() as u64;
                self.warn(format!("{lost} of {all} datagrams over {name} were lost before the first cell"));
            }
            // Those of the run before it was taken up again, if it was.
            record::forget_network(&mut self.manifest, &name);
            for (host, role, link) in [(client, "drives", driving), (server, "serves", serving)] {
                record::link(&mut self.manifest, &name, &self.settings.plan.hosts[host].name, role, link);
            }
            record::ping(&mut self.manifest, name, target, round_trip_ns, lost);
        }
        Ok(())
    }

    /// What an agent knows a consent by. One that has not said it will believe none.
    fn nonce_of(&self, host: usize) -> Nonce {
        self.nonces.get(&host).copied().unwrap_or_default()
    }

    /// The next word of the agent of a host, to whom alone something was said. None of them may speak of trouble.
    pub(super) async fn answer_of(&mut self, asked: usize) -> Result<Event, RunError> {
        loop {
            match self.next(Heed::Drain).await {
                Next::Tick | Next::From(_, FromAgent::Silent(_)) => {}
                Next::Drain => return Err(RunError::Interrupted),
                Next::From(host, FromAgent::Lost(reason)) => return Err(self.unreachable(host, reason)),
                Next::From(host, FromAgent::Banned(since)) => return Err(self.banned(host, since)),
                Next::From(host, FromAgent::Event(event)) => match *event {
                    Event::Failed(Failure { phase, reason, .. }) => {
                        return Err(self.unreachable(host, format!("{phase}: {reason}")));
                    }
                    event if host == asked => return Ok(event),
                    _ => {}
                },
            }
        }
    }

    /// An agent that is gone, or does not do what every run begins with.
    pub(super) fn unreachable(&self, host: usize, reason: String) -> RunError {
        RunError::Network { host: self.settings.plan.hosts[host].name.clone(), reason }
    }
}
