//! The hosts of a run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A host of the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HostRecord {
    /// The agent's address.
    pub agent: String,
    /// The host's CLOCK_MONOTONIC_RAW that its sample times are relative to.
    pub epoch_raw_ns: i64,
    /// Which start of the host that counts from; empty where an older version ran, or the kernel does not tell.
    #[serde(default)]
    pub boot_id: String,
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
