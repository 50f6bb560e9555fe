//! What is said about an agent's clock, as checked types: see `clock.proto`.

/// From the controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// Begins a session.
    Open {
        /// Leaves aside what the kernel stamps.
        user_stamps: bool,
    },
    /// Asks for the answers that were not told yet, and that none be told after them.
    Tell,
    /// Asks over the stream itself.
    Question {
        /// 1, 2, 3 … within the session.
        number: u64,
    },
}

/// From the agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Telling {
    /// The session has begun.
    Probing {
        /// Known to both sides and nobody else.
        session: [u8; 16],
        /// Where datagrams are answered, if they are.
        port: Option<u16>,
    },
    /// Questions that were answered, in order; none where all are told that were answered when that was asked for.
    Answers(Vec<Answer>),
    /// Something has happened to the agent's clocks.
    Break(ClockBreak),
}

/// A question that was answered. Times are the agent's CLOCK_MONOTONIC_RAW.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The question's.
    pub number: u64,
    /// What it was told apart by; 0 for one over the stream.
    pub asked: u64,
    /// What its answer is told apart by; likewise.
    pub answered: u64,
    /// When it had come; never early.
    pub received_ns: i64,
    /// When the answer went; never late.
    pub sent_ns: i64,
    /// Whether the kernel has stamped its coming.
    pub received_by_kernel: bool,
    /// Whether the kernel has stamped the answer's going.
    pub sent_by_kernel: bool,
}

/// Something that has happened to a host's clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockBreak {
    /// Whether the host slept; else the wall clock was set.
    pub slept: bool,
    /// For how long, or how far forward.
    pub by_ns: i64,
    /// Not before then, by its CLOCK_MONOTONIC_RAW.
    pub from_ns: i64,
    /// Not after then.
    pub to_ns: i64,
}
