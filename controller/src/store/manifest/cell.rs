//! The cells of a run.

use serde::{Deserialize, Serialize};

use super::{CpuUseRecord, SilenceRecord, StampsRecord};
use crate::store::words::{below, block, word};

/// How far a cell came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CellStatus {
    /// Every sample asked for is here.
    Complete,
    /// Something went wrong; samples may be missing.
    Failed,
    /// The run was told to end while it ran.
    Interrupted,
    /// The run ended before its turn.
    NotRun,
}

/// One cell: topology × server × workload × driver × block.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CellRecord {
    /// Its number within the run.
    pub id: u32,
    /// The topology's name.
    #[serde(deserialize_with = "word")]
    pub topology: String,
    /// The server's name.
    #[serde(deserialize_with = "word")]
    pub server: String,
    /// The workload's name.
    #[serde(deserialize_with = "word")]
    pub workload: String,
    /// `python`.
    #[serde(deserialize_with = "word")]
    pub driver: String,
    /// From 1.
    #[serde(deserialize_with = "block")]
    pub block: u32,
    /// From 1: how many times it was begun.
    #[serde(default = "first")]
    pub attempt: u32,
    /// How far it came.
    pub status: CellStatus,
    /// Why it is not complete, one line; empty when it is.
    pub reason: String,
    /// Samples the workload asks for.
    pub expected: u64,
    /// Samples the driving agent says it sent, if it lived to say so.
    pub reported: Option<u64>,
    /// Samples stored here.
    pub stored: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// Where its samples are, relative to the run folder.
    #[serde(deserialize_with = "below")]
    pub samples: String,
    /// What its server has stamped; absent where it was not asked for stamps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stamps: Option<StampsRecord>,
    /// Whether they were fetched from what the agent had kept when the run was taken up again: nothing is known then of the
    /// server's end.
    #[serde(default)]
    pub collected: bool,
    /// Network round trips the caller waits for, measured.
    pub round_trips_per_call: Option<f64>,
    /// Connections opened during the measured part.
    pub connections_opened: Option<u64>,
    /// From the order to start the server until a real exchange had succeeded.
    pub server_startup_ns: Option<u64>,
    /// The server's CPUs; empty where it was not pinned.
    pub server_cpus: Vec<u32>,
    /// The driver's CPUs; empty where it was not pinned.
    pub driver_cpus: Vec<u32>,
    /// How the server ended.
    pub server_exit: Option<ExitRecord>,
    /// How the driver ended.
    pub driver_exit: Option<ExitRecord>,
    /// Agents that were not heard of for a while meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub silences: Vec<SilenceRecord>,
    /// From the first start to the last stop, as the controller saw it.
    pub wall_s: f64,
}

impl CellRecord {
    /// Its files in the run folder.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let stamps = self.stamps.as_ref().map(|stamps| stamps.file.as_str());
        std::iter::once(self.samples.as_str()).chain(stamps)
    }

    /// Whether both are of the same cell.
    pub fn is_another_attempt_of(&self, other: &Self) -> bool {
        let place =
            |it: &Self| (it.topology.clone(), it.server.clone(), it.workload.clone(), it.driver.clone(), it.block);
        place(self) == place(other)
    }

    /// Whether both are of the same attempt at the same cell.
    pub fn is_same_attempt_as(&self, other: &Self) -> bool {
        self.attempt == other.attempt && self.is_another_attempt_of(other)
    }
}

fn first() -> u32 {
    1
}

/// How a process ended and what it and its descendants used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// Exit code, unless a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// True where it was told to end.
    pub asked: bool,
    /// The last 64 KiB of its stderr.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stderr: String,
    /// CPU time in user mode.
    pub user_cpu_ns: u64,
    /// CPU time in the kernel.
    pub system_cpu_ns: u64,
    /// The largest resident set of any one process.
    pub peak_memory_bytes: u64,
    /// CPU time while the load ran: of a server between ready and told to end, of a driver between its target and its last word.
    pub load_cpu_ns: u64,
    /// What the role's CPUs did in that time; absent where the agent or its kernel does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_use: Option<CpuUseRecord>,
}
