//! Which of a server's stamps belong to which sample, told without comparing the clocks of the two hosts.
//!
//! A sample finds its requests by the port that its connection came from, and by their order on that connection. What a port
//! alone does not tell, because it was used again, the order tells: connections of one port never overlap. Where that is not
//! enough to be sure, a sample is left without a pair, and counted.

mod neighbours;
mod requests;

use std::collections::BTreeMap;
use std::fmt;

use crate::stamps::Stamps;
use neighbours::Neighbours;
use requests::Requests;

/// Which of a server's stamps belong to the samples of one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientPairing {
    /// Of the stamps with one peer port, in their order.
    Rows {
        /// Of the client's connection: sample k has the stamps from `first + k * each` on. `None`: each sample has those
        /// from `first` on of the connection that it opened.
        port: Option<u16>,
        /// Requests before.
        first: u64,
        /// Requests of a sample.
        each: u64,
        /// How many of them the caller waited for: they come before the others.
        waited: u64,
    },
    /// It cannot be told, for this reason.
    Unknown(String),
}

/// The samples of one cell, as columns of equal length. Times are those of the driving host's clock.
#[derive(Clone, Copy, Debug)]
pub struct Calls<'a> {
    /// Which client made the call.
    pub client: &'a [u32],
    /// The call's number within its client.
    pub seq: &'a [u32],
    /// Just before the call.
    pub start_ns: &'a [i64],
    /// Just after it.
    pub end_ns: &'a [i64],
    /// Whether it succeeded.
    pub ok: &'a [bool],
    /// The local port of the connection that it opened; may be empty where none has one.
    pub client_port: &'a [Option<u16>],
}

/// What a server did for one sample, on the serving host's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    /// It had the first request.
    pub received_ns: i64,
    /// It had answered the last one that the caller waited for.
    pub answered_ns: i64,
    /// From request to answer, of all that the caller waited for together: what it waited in between is not in it.
    pub server_ns: i64,
}

/// Why a sample has no pair.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Nothing is asked of the server.
    NoRequest,
    /// The call failed, or one that used the same port did.
    Failed,
    /// It used a connection that another call had opened.
    NoConnection,
    /// The server had too few rows: there may be requests without one.
    Full,
    /// Which of the connections from its port was its own is not clear.
    Reused,
    /// The requests on its connection are not those that its driver tells of.
    Missing,
    /// They do not fit into the call.
    Misfit,
    /// The driver cannot tell which they are.
    Unknown(String),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRequest => "nothing is asked of the server",
            Self::Failed => "the call, or another one from the same port, failed",
            Self::NoConnection => "the call opened no connection of its own",
            Self::Full => "the server had rows for fewer requests than it may have had",
            Self::Reused => "it is not clear which connection from its port was its own",
            Self::Missing => "the server has stamped other requests than the driver tells of",
            Self::Misfit => "the server's time does not fit into the call's",
            Self::Unknown(why) => why,
        })
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paired {
    /// For each sample.
    pub served: Vec<Option<Served>>,
    /// How many have none, and why.
    pub unpaired: BTreeMap<Why, u64>,
}

/// Pairs samples with the stamps of their server. `clients` is what the driver tells of each client; `full` that there may
/// have been requests without a row.
///
/// Never wrong as long as rows are missing only at the end of a connection, or `full` is set: a server stamps what it receives,
/// in that order.
pub fn pair(calls: &Calls<'_>, stamps: &Stamps, clients: &[ClientPairing], full: bool) -> Paired {
    let outcomes = match full {
        true => vec![Err(Why::Full); calls.start_ns.len()],
        false => Pairing::new(calls, stamps).outcomes(clients),
    };
    let mut paired = Paired::default();
    for outcome in outcomes {
        paired.served.push(outcome.as_ref().ok().copied());
        if let Err(why) = outcome {
            *paired.unpaired.entry(why).or_default() += 1;
        }
    }
    paired
}

type Outcome = Result<Served, Why>;

struct Pairing<'a> {
    calls: &'a Calls<'a>,
    stamps: &'a Stamps,
    /// Rows with one peer port, in their order.
    by_port: BTreeMap<u16, Vec<usize>>,
}

/// Samples that opened a connection from one port, each with what is asked on it.
type OnPort = Vec<(usize, Requests)>;

impl<'a> Pairing<'a> {
    fn new(calls: &'a Calls<'a>, stamps: &'a Stamps) -> Self {
        let mut by_port: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
        for (row, &port) in stamps.peer_port.iter().enumerate() {
            by_port.entry(port).or_default().push(row);
        }
        Self { calls, stamps, by_port }
    }

    fn outcomes(&self, clients: &[ClientPairing]) -> Vec<Outcome> {
        let untold = || Err(Why::Unknown("the driver did not come to tell".to_owned()));
        let mut outcomes: Vec<Outcome> = (0..self.calls.start_ns.len()).map(|_| untold()).collect();
        let mut of_clients: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut on_ports: BTreeMap<u16, OnPort> = BTreeMap::new();
        for (sample, outcome) in outcomes.iter_mut().enumerate() {
            let client = self.calls.client[sample] as usize;
            let opened = self.calls.client_port.get(sample).copied().flatten();
            *outcome = Err(match (clients.get(client), opened) {
                (None, _) => continue,
                (Some(ClientPairing::Unknown(why)), _) => Why::Unknown(why.clone()),
                (Some(ClientPairing::Rows { waited: 0, .. }), _) => Why::NoRequest,
                (Some(ClientPairing::Rows { port: Some(_), .. }), _) => {
                    of_clients.entry(client).or_default().push(sample);
                    Why::Missing
                }
                (Some(&ClientPairing::Rows { port: None, first, each, waited }), Some(port)) => {
                    on_ports.entry(port).or_default().push((sample, Requests { first, each, waited }));
                    Why::Reused
                }
                (Some(ClientPairing::Rows { port: None, .. }), None) if self.calls.ok[sample] => Why::NoConnection,
                (Some(ClientPairing::Rows { port: None, .. }), None) => Why::Failed,
            });
        }
        for (client, samples) in of_clients {
            if let ClientPairing::Rows { port: Some(port), first, each, waited } = clients[client] {
                self.pair_client(port, Requests { first, each, waited }, &samples, &mut outcomes);
            }
        }
        self.pair_ports(on_ports, &mut outcomes);
        outcomes
    }

    /// Samples of one client, all on its connection.
    fn pair_client(&self, port: u16, requests: Requests, samples: &[usize], outcomes: &mut [Outcome]) {
        let rows = self.by_port.get(&port).map_or(&[][..], Vec::as_slice);
        let Some(own) = requests.of_client(rows, self.stamps, samples.len() as u64) else { return };
        for &sample in samples {
            if let Some(waited) = requests.of_call(own, u64::from(self.calls.seq[sample])) {
                outcomes[sample] = self.served(sample, waited);
            }
        }
    }

    /// Samples that each opened a connection: where a port has as many as samples, they are theirs, in order.
    fn pair_ports(&self, on_ports: BTreeMap<u16, OnPort>, outcomes: &mut [Outcome]) {
        let mut unsure = Vec::new();
        for (port, mut samples) in on_ports {
            samples.sort_by_key(|&(sample, _)| self.calls.start_ns[sample]);
            let failed = samples.iter().any(|&(sample, _)| !self.calls.ok[sample]);
            if failed {
                // Whether the server has heard of one that failed nobody knows.
                samples.iter().for_each(|&(sample, _)| outcomes[sample] = Err(Why::Failed));
            }
            let rows = self.by_port.get(&port).map_or(&[][..], Vec::as_slice);
            let alike = samples.iter().all(|&(_, requests)| requests == samples[0].1);
            let connections = samples.first().filter(|_| alike).and_then(|(_, it)| it.connections(rows, self.stamps));
            match connections {
                Some(connections) if !failed && connections.len() == samples.len() => {
                    for ((sample, requests), connection) in samples.into_iter().zip(connections) {
                        outcomes[sample] = self.served(sample, requests.of_connection(connection));
                    }
                }
                Some(connections) => unsure.push((samples, connections)),
                None => {}
            }
        }
        self.pair_unsure(unsure, outcomes);
    }

    /// What a call has waited for lies, on the server too, after all that calls had waited for that ended before it began, and
    /// before all of those that began after its end. Where only one connection of its port does, it is the call's.
    fn pair_unsure(&self, unsure: Vec<(OnPort, Vec<&[usize]>)>, outcomes: &mut [Outcome]) {
        if unsure.is_empty() {
            return;
        }
        let neighbours = Neighbours::new(self.calls, outcomes);
        // A connection that failed may have left any number of rows: where the others have several, they are not told apart.
        let sound = self.calls.ok.iter().all(|&ok| ok);
        for (samples, connections) in unsure.into_iter().filter(|(samples, _)| sound || samples[0].1.is_one()) {
            for (sample, requests) in samples.into_iter().filter(|&(sample, _)| self.calls.ok[sample]) {
                let (after, before) = neighbours.of(self.calls.start_ns[sample], self.calls.end_ns[sample]);
                let between = |found: &Served| after <= found.received_ns && found.answered_ns <= before;
                let fitting = connections.iter().map(|it| self.served(sample, requests.of_connection(it)));
                let mut fitting = fitting.filter(|it| it.as_ref().is_ok_and(between));
                if let (Some(only), None) = (fitting.next(), fitting.next()) {
                    outcomes[sample] = only;
                }
            }
        }
    }

    /// What a server did for a sample in the rows that it waited for.
    fn served(&self, sample: usize, waited: &[usize]) -> Outcome {
        let (mut first, mut last, mut server_ns) = (None, i64::MIN, 0_i64);
        for &row in waited {
            let received = self.stamps.received_ns[row];
            let answered = self.stamps.answered_ns[row].ok_or(Why::Missing)?;
            if received < last || answered < received {
                return Err(Why::Misfit);
            }
            server_ns = server_ns.saturating_add(answered.saturating_sub(received));
            (first, last) = (first.or(Some(received)), answered);
        }
        let received_ns = first.ok_or(Why::Missing)?;
        let length = self.calls.end_ns[sample].saturating_sub(self.calls.start_ns[sample]);
        // Clocks of two hosts run as fast to within far less than a thousandth.
        if last.saturating_sub(received_ns) > length.saturating_add(length / 1000) {
            return Err(Why::Misfit);
        }
        Ok(Served { received_ns, answered_ns: last, server_ns })
    }
}
