//! `run.json`: what was run where, and how each cell ended.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::words::{below, block, by_words, perhaps_word, word};

mod conditions;
mod precision;
mod stamps;
pub use conditions::{CpuUseRecord, SilenceRecord};
pub use precision::PrecisionRecord;
pub use stamps::{PairingRecord, StampsRecord};

/// The newest layout of `run.json` this program writes and the only one it reads.
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

/// A host of the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HostRecord {
    /// The agent's address.
    pub agent: String,
    /// The host's CLOCK_MONOTONIC_RAW that its sample times are relative to.
    pub epoch_raw_ns: i64,
    /// The host's own name for itself.
    pub hostname: String,
    /// Operating system and version.
    pub os: String,
    /// Kernel release.
    pub kernel: String,
    /// Machine architecture.
    pub arch: String,
    /// CPU model.
    pub cpu_model: String,
    /// CPUs the scheduler sees.
    pub logical_cpus: u32,
    /// Cores, or 0 where unknown.
    pub physical_cores: u32,
    /// Memory.
    pub memory_bytes: u64,
    /// `none`, the hypervisor's name, or empty where it cannot be told.
    pub virtualization: String,
    /// How far servers and drivers were confined: `full`, `partial`, `rlimits` or `none`; empty where an older version ran.
    #[serde(default)]
    pub confinement: String,
    /// Of what that consists, and what was not possible.
    #[serde(default)]
    pub confinement_measures: Vec<MeasureRecord>,
    /// Version of the Python under test.
    pub python: String,
    /// `CPython`, `PyPy`.
    pub python_implementation: String,
    /// Distributions of the environment and their versions.
    pub packages: BTreeMap<String, String>,
}

/// One thing that servers and drivers of a host were kept from, or could not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MeasureRecord {
    /// `user`, `memory`, `files` …
    pub name: String,
    /// Whether it was done.
    pub in_force: bool,
    /// How far it went, or why it was not possible.
    pub detail: String,
}

/// A topology of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopologyRecord {
    /// Its name.
    #[serde(deserialize_with = "word")]
    pub name: String,
    /// The host that drives.
    #[serde(deserialize_with = "word")]
    pub client: String,
    /// The host that serves.
    #[serde(deserialize_with = "word")]
    pub server: String,
    /// The topology its differences are taken against.
    #[serde(default, deserialize_with = "perhaps_word")]
    pub baseline: Option<String>,
}

/// Round trips of single UDP datagrams of 64 bytes, measured by the agents before the first cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PingRecord {
    /// The topology's name.
    #[serde(deserialize_with = "word")]
    pub topology: String,
    /// The address that answered.
    pub address: String,
    /// Datagrams that were answered.
    pub count: u32,
    /// Datagrams that were not.
    pub lost: u32,
    /// Shortest.
    pub min_ns: Option<f64>,
    /// Median.
    pub p50_ns: Option<f64>,
    /// 99th percentile.
    pub p99_ns: Option<f64>,
    /// Longest.
    pub max_ns: Option<f64>,
}

/// One end of a topology: the interface that carries it there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRecord {
    /// The topology's name.
    #[serde(deserialize_with = "word")]
    pub topology: String,
    /// The host's name in the plan.
    #[serde(deserialize_with = "word")]
    pub host: String,
    /// `drives` or `serves`.
    #[serde(deserialize_with = "word")]
    pub role: String,
    /// Its name on that host; empty where it cannot be told.
    pub interface: String,
    /// `loopback`, `ethernet`, `wireless`, the kernel's own word for a virtual one (`veth`, `tun`, `bridge`, `vlan`,
    /// `bond` …), or empty where it cannot be told.
    pub kind: String,
    /// Driver of the device below it; empty where there is none, or it cannot be told.
    pub driver: String,
    /// Bytes.
    pub mtu: Option<u32>,
    /// What the driver says; `null` where it says nothing.
    pub speed_mbit_s: Option<u32>,
    /// Why less is known of it than there is to know, or empty.
    pub note: String,
}

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

/// A server of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerRecord {
    /// Its name.
    #[serde(deserialize_with = "word")]
    pub name: String,
    /// `rpyc`, `flask`.
    #[serde(deserialize_with = "word")]
    pub kind: String,
    /// `threaded`, `forking`.
    #[serde(deserialize_with = "word")]
    pub mode: String,
    /// The server that it is the same as in all but its name; absent where it is one of the plan's own.
    #[serde(default, deserialize_with = "perhaps_word", skip_serializing_if = "Option::is_none")]
    pub twin_of: Option<String>,
}

/// A workload of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadRecord {
    /// Its name.
    #[serde(deserialize_with = "word")]
    pub name: String,
    /// `connect`, `closed`.
    #[serde(deserialize_with = "word")]
    pub kind: String,
    /// Clients at the same time.
    pub clients: u32,
    /// Calls (or connections) of each client in each block.
    pub requests: u32,
    /// Those before the measured part, of each client.
    pub warmup: u32,
    /// `threads`, `processes`.
    #[serde(deserialize_with = "word")]
    pub client_model: String,
    /// `attribute`, `bound`; of RPyC's calls.
    #[serde(deserialize_with = "word")]
    pub call: String,
    /// `python`.
    #[serde(deserialize_with = "word")]
    pub driver: String,
}

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
