//! Commands and events as checked types. What each means, and in which state it may come, is drawn in the .proto.

mod command;
mod event;
mod exit;
mod host;
mod stream;

pub use command::{Command, Open};
pub use event::{Event, Failure, Pinned};
pub use exit::{CpuUse, Exit};
pub use host::{CertificateState, ConfinementFacts, HostFacts, Link, Measure, PythonFacts};
pub use stream::{Begin, Driven, End, Kept, Part, Stamped, Stream};

/// A cell within its run: one topology × server × workload × driver × block.
pub type CellId = u32;

/// What the plan calls a cell.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CellName {
    /// The topology.
    pub topology: String,
    /// The server.
    pub server: String,
    /// The workload.
    pub workload: String,
    /// From 1.
    pub block: u32,
}

impl std::fmt::Display for CellName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { topology, server, workload, block } = self;
        write!(f, "{topology}/{server}/{workload}/b{block}")
    }
}

/// What an agent has made up to know a consent by that was given for it, and just now.
pub type Nonce = [u8; 32];

/// An agent's word that another may send packets to an address of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consent {
    /// Of who consents, as PEM.
    pub certificate: String,
    /// Over what it consents to.
    pub signature: Vec<u8>,
}
