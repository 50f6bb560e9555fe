//! The samples and stamps of an attempt at a cell, on their way.

use rpycbench_measure::ClientPairing;

use super::CellName;

/// What of an attempt at a cell a stream holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// What a driver has taken.
    #[default]
    Samples,
    /// What a server has stamped.
    Stamps,
}

impl Part {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Samples => "samples",
            Self::Stamps => "stamps",
        }
    }
}

/// The samples of one attempt at a cell, or the stamps of its server.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stream {
    /// The run.
    pub run_id: String,
    /// The agent that drove, or served, by the name in its certificate.
    pub agent: String,
    /// The cell.
    pub cell: CellName,
    /// From 1.
    pub attempt: u32,
    /// Which of the two.
    pub part: Part,
}

/// What a stream begins with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Begin {
    /// Whose samples or stamps follow.
    pub stream: Stream,
    /// The driver's CPUs.
    pub cpus: Vec<u32>,
}

/// What a stream ends with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct End {
    /// Rows before it.
    pub samples: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// Absent where the driver did not reach its end, and for stamps.
    pub driven: Option<Driven>,
    /// Absent where the server did not end as it was told, and for samples.
    pub stamped: Option<Stamped>,
}

impl End {
    /// Whether what it ends is all there was to be.
    pub fn is_whole(&self) -> bool {
        self.driven.is_some() || self.stamped.is_some()
    }
}

/// What a driver tells that reached its end.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Driven {
    /// Rows the workload asked for.
    pub expected: u64,
    /// Network round trips the caller waits for, measured.
    pub round_trips_per_call: f64,
    /// Connections opened during the measured part.
    pub connections_opened: u64,
    /// Which of the server's stamps belong to whom, by client; none where the server did not stamp.
    pub clients: Vec<ClientPairing>,
}

/// What is told of a server that was stamped to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamped {
    /// Every row it could be asked for is taken: there may have been requests without one.
    pub full: bool,
}

/// A stream that an agent has not been told to let go of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Whose.
    pub stream: Stream,
    /// Rows that can be read.
    pub samples: u64,
    /// Whether it has its end, and its driver or server had too.
    pub whole: bool,
}
