//! What an agent says.

use std::net::{IpAddr, SocketAddr};

use rpycbench_measure::histogram::HistogramParts;

use super::{CellId, Consent, Exit, Kept, Link, Nonce, Part, PythonFacts};

/// From an agent to the controller.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The agent belongs to the run.
    Opened {
        /// The host's CLOCK_MONOTONIC_RAW at that moment.
        epoch_ns: i64,
        /// For who consents to be pinged or reached by this agent.
        nonce: Nonce,
    },
    /// The Python environment is being made.
    Preparing {
        /// The step, in words.
        what: String,
        /// Steps done.
        done: u32,
        /// Steps in all.
        total: u32,
    },
    /// The Python environment is there.
    Prepared(PythonFacts),
    /// Datagrams are answered.
    Echoing {
        /// Where.
        address: SocketAddr,
        /// What the address is on.
        link: Link,
        /// To be pinged there.
        consent: Consent,
    },
    /// The network was measured.
    Pinged {
        /// Against whom.
        target: SocketAddr,
        /// Round trips of 64 bytes in the order they were sent, without those that were lost.
        round_trip_ns: Vec<i64>,
        /// Datagrams without an answer.
        lost: u32,
        /// What they left by.
        link: Link,
    },
    /// Ports are listened on.
    Listening {
        /// On this address.
        address: IpAddr,
        /// Those that it could listen on.
        ports: Vec<u16>,
        /// To be called there.
        consent: Consent,
    },
    /// Every port was reached.
    Reached,
    /// A server under test answers.
    Serving {
        /// The cell.
        cell: CellId,
        /// Where.
        address: SocketAddr,
        /// Its CPUs.
        pinned: Pinned,
        /// From the order to start it until a real exchange of its protocol had succeeded.
        startup_ns: u64,
    },
    /// A driver waits for its target.
    Armed {
        /// The cell.
        cell: CellId,
        /// Its CPUs.
        pinned: Pinned,
        /// For who consents to be driven at.
        nonce: Nonce,
    },
    /// A cell's server may be driven at.
    Agreed {
        /// The cell.
        cell: CellId,
        /// To be driven at.
        consent: Consent,
    },
    /// How far a driver is.
    Progress {
        /// The cell.
        cell: CellId,
        /// Samples taken so far.
        done: u64,
        /// Those of them that failed.
        failed: u64,
        /// Durations of the ok samples since the last progress.
        histogram: HistogramParts,
    },
    /// A piece of a stream.
    Segment {
        /// The cell.
        cell: CellId,
        /// Of which of its streams.
        part: Part,
        /// To be opened by [`crate::segment::Chain`].
        sealed: Vec<u8>,
    },
    /// What the agent keeps of the run.
    Kept {
        /// In no order.
        streams: Vec<Kept>,
    },
    /// A stream that was kept was sent as far as it goes.
    HandedOver {
        /// What it was told as.
        cell: CellId,
        /// Empty, or why not all of it can be read.
        trouble: String,
    },
    /// Both roles of a cell are over and none of its processes is left.
    Stopped {
        /// The cell.
        cell: CellId,
        /// How the server ended, if this agent ran it.
        server: Option<Exit>,
        /// How the driver ended, if this agent ran it.
        driver: Option<Exit>,
    },
    /// A role of a cell, or the run, came to a bad end.
    Failed(Failure),
}

/// The CPUs a role was pinned to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pinned {
    /// Empty: not pinned.
    pub cpus: Vec<u32>,
    /// Why the placement asked for was not possible, or empty.
    pub note: String,
}

/// A bad end, with what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// `None`: the run as a whole.
    pub cell: Option<CellId>,
    /// What was being done.
    pub phase: String,
    /// Why it failed, one line.
    pub reason: String,
    /// How the process ended, where one did.
    pub exit: Option<Exit>,
}
