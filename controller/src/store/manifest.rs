//! `run.json`: what was run where, and how each cell ended.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::words::{by_words, word};

mod cell;
mod clock;
mod compared;
mod conditions;
mod host;
mod network;
mod precision;
mod stamps;
pub use cell::{CellRecord, CellStatus, ExitRecord};
pub use clock::{ClockEventRecord, ClockRecord};
pub use compared::{ServerRecord, TopologyRecord, WorkloadRecord};
pub use conditions::{CpuUseRecord, SilenceRecord};
pub use host::{HostRecord, MeasureRecord};
pub use network::{LinkRecord, PingRecord};
pub use precision::PrecisionRecord;
pub use stamps::{PairingRecord, StampsRecord};

/// The newest layout of `run.json` this program writes; it reads no newer one.
pub const SCHEMA: u32 = 1;

/// A run and everything a reader needs to judge it, apart from the samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Unique.
    #[serde(deserialize_with = "word")]
    pub run_id: String,
    /// The study's name in the plan.
    #[serde(deserialize_with = "word")]
    pub study: String,
    /// The plan's free text.
    pub description: String,
    /// UTC, RFC 3339.
    #[serde(deserialize_with = "word")]
    pub started: String,
    /// UTC, RFC 3339; empty while the run goes on.
    #[serde(deserialize_with = "word")]
    pub ended: String,
    /// The controller's CLOCK_MONOTONIC_RAW at the start, which instants of its clock are relative to where its own host has no part
    /// in the plan; 0 where an older version ran.
    #[serde(default)]
    pub epoch_raw_ns: i64,
    /// Which start of the controller's host that counts from; empty likewise.
    #[serde(default)]
    pub boot_id: String,
    /// From the first cell's start to the last cell's end.
    pub cells_wall_s: f64,
    /// Version of this program.
    pub version: String,
    /// SHA-256 of the plan's bytes, hexadecimal.
    #[serde(deserialize_with = "word")]
    pub plan_sha256: String,
    /// `separate`, `same` or `free`.
    #[serde(deserialize_with = "word")]
    pub placement: String,
    /// By the names of the plan.
    #[serde(deserialize_with = "by_words")]
    pub hosts: BTreeMap<String, HostRecord>,
    /// In the plan's order.
    pub topologies: Vec<TopologyRecord>,
    /// The network alone, of every pair of hosts that has a topology.
    #[serde(default)]
    pub pings: Vec<PingRecord>,
    /// What carries them, at both ends.
    #[serde(default)]
    pub links: Vec<LinkRecord>,
    /// What is known of the clocks of other hosts than the controller's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clocks: Vec<ClockRecord>,
    /// Hosts whose clock, or the controller's, is another since the run was taken up again: nothing is concluded from what they were
    /// asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_clocks: Vec<String>,
    /// In the plan's order.
    pub servers: Vec<ServerRecord>,
    /// In the plan's order.
    pub workloads: Vec<WorkloadRecord>,
    /// How precise the run was asked to be; absent where it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<PrecisionRecord>,
    /// Of which cells the run was to be only: their names as a pattern; absent where it is of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only: Option<String>,
    /// A published result to set beside this one: `published-study`, or absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// In the order they ran.
    pub cells: Vec<CellRecord>,
    /// Cells that did not come to their end and ran again; none of their samples counts.
    #[serde(default)]
    pub attempts: Vec<CellRecord>,
    /// When the run was taken up again: UTC, RFC 3339.
    #[serde(default)]
    pub resumed: Vec<String>,
    /// What a reader should know before believing the numbers, a sentence each.
    pub warnings: Vec<String>,
}
