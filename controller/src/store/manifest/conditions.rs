//! What a cell ran beside.

use serde::{Deserialize, Serialize};

use crate::store::words::word;

/// What the CPUs that a role may use did while the load ran: of a server from when it was ready until it was told to end, of a driver
/// from its target until its last word. Read once before that and once after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuUseRecord {
    /// Between the two readings.
    pub wall_ns: u64,
    /// How many they are; times are sums over them.
    pub cpus: u32,
    /// Whoever used them.
    pub busy_ns: u64,
    /// The hypervisor gave to others what was wanted here.
    pub stolen_ns: u64,
    /// Of the fastest of them, in kHz; `null` where the kernel does not tell.
    pub khz_before: Option<u64>,
    /// Likewise, after the load.
    pub khz_after: Option<u64>,
    /// How often they were slowed down by heat; `null` where the kernel does not tell.
    pub throttled: Option<u64>,
}

/// An agent that was not heard of for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SilenceRecord {
    /// The host's name in the plan.
    #[serde(deserialize_with = "word")]
    pub host: String,
    /// How long.
    pub seconds: f64,
}
