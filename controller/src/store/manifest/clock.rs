//! The clocks of other hosts.

use serde::{Deserialize, Serialize};

/// What came of asking a host for its clock, from `clock.parquet`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockRecord {
    /// The host's name in the plan.
    pub host: String,
    /// From 0; another for each controller that has had the run.
    pub session: i32,
    /// `udp`, `tcp`, `grpc`: how questions travelled.
    pub transport: String,
    /// `kernel`, `kernel-rx`, `user`: by whom most of them were stamped; empty where none was answered.
    pub stamps: String,
    /// Questions that were answered.
    pub probes: u64,
    /// Questions that were not.
    pub lost: u64,
    /// Answers that the agent has not given, or to what nobody has asked.
    pub forged: u64,
    /// When the first and the last of those was seen, by the controller's CLOCK_MONOTONIC_RAW.
    #[serde(default)]
    pub forged_between_raw_ns: Option<[i64; 2]>,
    /// How far its CLOCK_MONOTONIC_RAW was ahead of the controller's at the last probe, and how far the truth may be from that.
    pub offset_ns: Option<[i64; 2]>,
    /// The same for clocks that do not wander: an estimate.
    pub hull_offset_ns: Option<[i64; 2]>,
    /// How much it gains, in parts in 10⁹.
    pub drift_ppb: Option<i64>,
    /// Whether the bound rests on assumptions that had to be widened: it may be wrong.
    pub assumption_adjusted: bool,
    /// What has happened to it.
    pub events: Vec<ClockEventRecord>,
}

/// Something that has happened to a host's clocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockEventRecord {
    /// `set`: the wall clock was, which no sample depends on. `slept`: the host did.
    pub kind: String,
    /// How far forward, or for how long.
    pub by_ns: i64,
    /// Not before then, by the host's CLOCK_MONOTONIC_RAW.
    pub from_raw_ns: i64,
    /// Not after then.
    pub to_raw_ns: i64,
}
