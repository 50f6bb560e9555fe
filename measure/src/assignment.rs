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
