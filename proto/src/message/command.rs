//! What a controller says.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rpycbench_measure::{Placement, Server, Stack, Stamping, Workload};

use super::{CellId, CellName, Consent, Nonce, Stream};

/// From the controller to an agent.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Takes the agent for a run.
    Open(Open),
    /// Makes the Python environment for these libraries.
    Prepare {
        /// The families needed by any cell.
        stacks: Vec<Stack>,
    },
    /// Answers datagrams until the run ends.
    Echo {
        /// The address of this host to bind.
        address: IpAddr,
        /// Of the agent that will ping.
        nonce: Nonce,
    },
    /// Measures the network alone.
    Ping {
        /// An address that is echoing.
        target: SocketAddr,
        /// Datagrams, one after the other.
        count: u32,
        /// Of whose address it is.
        consent: Option<Consent>,
    },
    /// Listens on those of the ports that are free, each until it was called once.
    Listen {
        /// The address of this host to bind.
        address: IpAddr,
        /// 0 is any.
        ports: Vec<u16>,
        /// Of the agent that will call.
        nonce: Nonce,
    },
    /// Opens a TCP connection to every port, one after the other.
    Reach {
        /// The host that listens.
        address: IpAddr,
        /// Where.
        ports: Vec<u16>,
        /// Of whose address it is.
        consent: Option<Consent>,
    },
    /// Starts a server under test.
    Serve {
        /// The cell.
        cell: CellId,
        /// What to start.
        server: Server,
        /// The address of this host to bind.
        address: IpAddr,
        /// Which CPUs it may use.
        placement: Placement,
        /// What its stamps are known by.
        name: CellName,
        /// From 1.
        attempt: u32,
        /// `None`: it is not to stamp.
        stamping: Option<Stamping>,
    },
    /// Starts a driver process up to the point where only the target is missing.
    Arm {
        /// The cell.
        cell: CellId,
        /// The client library.
        stack: Stack,
        /// The load.
        workload: Workload,
        /// Which CPUs it may use.
        placement: Placement,
        /// What its samples are known by.
        name: CellName,
        /// From 1.
        attempt: u32,
        /// Whether the driver notes which of the server's stamps belong to which sample.
        stamped: bool,
    },
    /// Asks whether a cell's server may be driven at.
    Agree {
        /// The cell.
        cell: CellId,
        /// Of the agent that will drive.
        nonce: Nonce,
    },
    /// Lets the armed driver go.
    Drive {
        /// The cell.
        cell: CellId,
        /// The server.
        target: SocketAddr,
        /// Of the agent that serves.
        consent: Option<Consent>,
    },
    /// Ends both roles of a cell.
    Stop {
        /// The cell.
        cell: CellId,
    },
    /// Asks what the agent keeps of the run.
    Collect,
    /// Asks for a stream that it keeps.
    HandOver {
        /// What its segments are to be told as.
        cell: CellId,
        /// Which.
        stream: Stream,
    },
    /// A stream is on the controller's disk and need not be kept.
    Stored {
        /// Which.
        stream: Stream,
    },
}

/// What a run says of itself when it takes an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Open {
    /// [`crate::PROTOCOL`] of the controller.
    pub protocol: u32,
    /// The run.
    pub run_id: String,
    /// Its study's name, for who asks meanwhile.
    pub study: String,
    /// Who runs it, as `user@host`.
    pub controller: String,
    /// How long it is expected to take.
    pub expected: Duration,
}
