//! What an agent is asked to do: which server to run, which load to drive, and where its processes may run.

use std::num::NonZeroU16;

/// A family of libraries that one Python environment has to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stack {
    /// `rpyc` on both sides.
    Rpyc,
    /// Flask on Werkzeug's server, `requests` as the client.
    Http,
}

/// How RPyC's server gives each connection a place to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RpycMode {
    /// `ThreadedServer`: a thread per connection.
    Threaded,
    /// `ForkingServer`: a process per connection.
    Forking,
}

/// How Flask's server gives each connection a place to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlaskMode {
    /// Werkzeug's threaded server, a thread per connection, as `app.run(threaded=True)` starts it.
    Threaded,
}

/// The server under test, with the options its kind has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerKind {
    /// RPyC as shipped: default protocol settings, Nagle's algorithm on.
    Rpyc(RpycMode),
    /// Flask as shipped: Werkzeug's server, which closes the connection after every answer.
    Flask(FlaskMode),
}

/// A server under test and the port it is asked to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Server {
    /// What runs.
    pub kind: ServerKind,
    /// `None`: the system chooses a free port.
    pub port: Option<NonZeroU16>,
}

impl Server {
    /// The libraries it needs, which are also those of the client that speaks to it.
    pub fn stack(&self) -> Stack {
        match self.kind {
            ServerKind::Rpyc(_) => Stack::Rpyc,
            ServerKind::Flask(_) => Stack::Http,
        }
    }
}

/// What the clients of a closed workload are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientModel {
    /// Threads of one process, which share one interpreter lock.
    Threads,
    /// A process each.
    Processes,
}

impl ClientModel {
    /// The word used in plans, results and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Threads => "threads",
            Self::Processes => "processes",
        }
    }
}

/// The shape of one RPyC call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// `conn.root.ping()`: the attribute is fetched each time.
    Attribute,
    /// `p = conn.root.ping` once, then `p()`.
    Bound,
}

impl Call {
    /// The word used in plans, results and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Attribute => "attribute",
            Self::Bound => "bound",
        }
    }
}

/// The load that is driven at a server, and what one sample of it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// One connection after the other. A sample runs from before the socket exists until the connection can carry its
    /// first call; closing it is not part of it.
    Connect {
        /// How many connections are sampled.
        count: u32,
        /// How many come before them, not sampled.
        warmup: u32,
    },
    /// Clients that each send their next request when the answer to the last has come. A sample runs from just before
    /// the library's call to just after it has returned.
    Closed {
        /// Clients at the same time, each with its own connection.
        clients: u32,
        /// Requests of each client.
        requests: u32,
        /// Requests of each client before the measured part, not sampled.
        warmup: u32,
        /// What a client is.
        client_model: ClientModel,
        /// The shape of a call, for RPyC.
        call: Call,
    },
}

impl Workload {
    /// How many samples the workload yields in one block.
    pub fn expected_samples(&self) -> u64 {
        match *self {
            Self::Connect { count, .. } => u64::from(count),
            Self::Closed { clients, requests, .. } => u64::from(clients) * u64::from(requests),
        }
    }
}

/// How many requests a server can stamp: `each` for each of `connections` connections. Threaded servers count them all
/// together; of a forking one each connection has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamping {
    /// In the order in which they are made.
    pub connections: u32,
    /// Requests of one connection.
    pub each: u32,
}

/// Requests of an RPyC connection before its first call and after its last: root, its attributes, method, deletions, goodbye.
const AROUND_CALLS: u64 = 9;
/// All requests of an RPyC connection that makes no call, and one more.
const WITHOUT_CALLS: u64 = 5;
/// Connections that are not the workload's: the agent's readiness probe, the driver's dry runs, and one that nobody knows of.
const OTHERS_FORKING: u64 = 4;
/// Requests of theirs, where they share rows with all others.
const OTHERS_SHARED: u64 = 64;

impl Stamping {
    /// Bytes of a row.
    pub const ROW_BYTES: u64 = 24;
    /// More is not what a server can be asked for.
    pub const MOST: u32 = i32::MAX as u32;

    /// What a server needs to stamp every request of a workload.
    pub fn of(server: ServerKind, workload: &Workload) -> Self {
        let (connections, each) = match *workload {
            Workload::Connect { count, warmup } => (u64::from(count) + u64::from(warmup), WITHOUT_CALLS),
            Workload::Closed { clients, requests, warmup, call, .. } => {
                let of_a_call = match call {
                    // The attribute, the call, and the deletion of the method.
                    Call::Attribute => 3,
                    Call::Bound => 1,
                };
                (u64::from(clients), of_a_call * (u64::from(requests) + u64::from(warmup)) + AROUND_CALLS)
            }
        };
        match (server, *workload) {
            (ServerKind::Rpyc(RpycMode::Forking), _) => Self::at_most(connections + OTHERS_FORKING, each),
            (ServerKind::Rpyc(RpycMode::Threaded), _) => Self::shared(connections.saturating_mul(each)),
            // Nothing is asked on a connection that is only opened.
            (ServerKind::Flask(_), Workload::Connect { .. }) => Self::shared(0),
            (ServerKind::Flask(_), Workload::Closed { clients, requests, warmup, .. }) => {
                Self::shared(u64::from(clients).saturating_mul(u64::from(requests) + u64::from(warmup)))
            }
        }
    }

    /// So many rows for all connections of the workload together.
    fn shared(rows: u64) -> Self {
        Self::at_most(1, rows.saturating_add(OTHERS_SHARED))
    }

    fn at_most(connections: u64, each: u64) -> Self {
        let most = |count: u64| u32::try_from(count).unwrap_or(Self::MOST).min(Self::MOST);
        Self { connections: most(connections), each: most(each) }
    }

    /// How many rows that are.
    pub fn rows(&self) -> u64 {
        u64::from(self.connections) * u64::from(self.each)
    }

    /// How many bytes that are.
    pub fn bytes(&self) -> u64 {
        self.rows().saturating_mul(Self::ROW_BYTES)
    }
}

/// Which CPUs the server and the driver of a cell get where both may be on one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Each role has cores of its own.
    Separate,
    /// Both roles share one CPU.
    Same,
    /// The scheduler decides.
    Free,
}

impl Placement {
    /// The word used in plans, results and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Separate => "separate",
            Self::Same => "same",
            Self::Free => "free",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_a_row_for_each_request_of_its_workload() {
        let closed = |call| {
            let (clients, requests, warmup, client_model) = (3, 100, 10, ClientModel::Threads);
            Workload::Closed { clients, requests, warmup, client_model, call }
        };
        let of = |kind, workload: Workload| {
            let Stamping { connections, each } = Stamping::of(kind, &workload);
            (connections, each)
        };
        let (threaded, forking) = (ServerKind::Rpyc(RpycMode::Threaded), ServerKind::Rpyc(RpycMode::Forking));
        let flask = ServerKind::Flask(FlaskMode::Threaded);
        let connect = Workload::Connect { count: 100, warmup: 5 };
        assert_eq!(of(forking, closed(Call::Attribute)), (7, 339));
        assert_eq!(of(forking, closed(Call::Bound)), (7, 119));
        assert_eq!(of(forking, connect), (109, 5));
        assert_eq!(of(threaded, closed(Call::Attribute)), (1, 3 * 339 + 64));
        assert_eq!(of(threaded, connect), (1, 105 * 5 + 64));
        assert_eq!(of(flask, closed(Call::Attribute)), (1, 330 + 64));
        assert_eq!(of(flask, connect), (1, 64));
    }

    #[test]
    fn a_load_of_any_size_is_a_number() {
        let huge = Stamping::of(
            ServerKind::Rpyc(RpycMode::Forking),
            &Workload::Closed {
                clients: u32::MAX,
                requests: u32::MAX,
                warmup: u32::MAX,
                client_model: ClientModel::Threads,
                call: Call::Attribute,
            },
        );
        assert_eq!(huge, Stamping { connections: Stamping::MOST, each: Stamping::MOST });
        assert_eq!(huge.bytes(), u64::MAX);
    }
}
