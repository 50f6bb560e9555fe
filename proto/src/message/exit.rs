//! How a process of a cell has ended.

/// How a process ended and what it and its descendants used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exit {
    /// Exit code, unless a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// True where it was told to end.
    pub asked: bool,
    /// The last 64 KiB of its stderr.
    pub stderr: String,
    /// CPU time in user mode.
    pub user_cpu_ns: u64,
    /// CPU time in the kernel.
    pub system_cpu_ns: u64,
    /// The largest resident set of any one process.
    pub peak_memory_bytes: u64,
    /// CPU time while the load ran: of a server from when it was ready until it was told to end, of a driver from its target until
    /// its last word.
    pub load_cpu_ns: u64,
    /// What the role's CPUs did in that time; `None` where that is not known.
    pub cpu_use: Option<CpuUse>,
}

/// What the CPUs that a role may use did while the load ran, read once before it and once after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuUse {
    /// Between the two readings.
    pub wall_ns: u64,
    /// How many they are; times are sums over them.
    pub cpus: u32,
    /// Whoever used them.
    pub busy_ns: u64,
    /// The hypervisor gave to others what was wanted here.
    pub stolen_ns: u64,
    /// Of the fastest of them, in kHz; `None` where the kernel does not tell.
    pub khz_before: Option<u64>,
    /// Likewise, after the load.
    pub khz_after: Option<u64>,
    /// How often they were slowed down by heat; `None` where the kernel does not tell.
    pub throttled: Option<u64>,
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.code, self.signal) {
            (_, Some(signal)) => write!(f, "ended by signal {signal}"),
            (Some(code), None) => write!(f, "exited with code {code}"),
            (None, None) => write!(f, "ended in an unknown way"),
        }
    }
}
