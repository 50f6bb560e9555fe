//! What an agent knows of its host.

use std::collections::BTreeMap;

use rpycbench_measure::Confinement;

/// Libraries of an agent's Python environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PythonFacts {
    /// Version, such as `3.11.7`.
    pub python: String,
    /// `CPython`, `PyPy`.
    pub implementation: String,
    /// Installed distributions and their versions.
    pub packages: BTreeMap<String, String>,
    /// False where the environment was there already.
    pub built: bool,
}

/// Facts about a host that readers of a result need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostFacts {
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
    /// What servers and drivers are kept from.
    pub confinement: ConfinementFacts,
    /// Which start of the host its CLOCK_MONOTONIC_RAW counts from; empty where that is not known.
    pub boot_id: String,
}

/// What servers and drivers on a host are kept from, as the agent has tried it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfinementFacts {
    /// In one word.
    pub level: Confinement,
    /// One by one.
    pub measures: Vec<Measure>,
}

/// One thing that processes are kept from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measure {
    /// `user`, `memory`, `files` …
    pub name: String,
    /// Whether it is done here.
    pub in_force: bool,
    /// How far it goes, or why it is not possible here.
    pub detail: String,
}

/// The interface of a host that carries a topology at that end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Its name; empty where it cannot be told.
    pub interface: String,
    /// `loopback`, `ethernet`, `wireless`, the kernel's own word for a virtual one (`veth`, `tun`, `bridge`, `vlan`,
    /// `bond` …), or empty where it cannot be told.
    pub kind: String,
    /// Driver of the device below it; empty where there is none, or it cannot be told.
    pub driver: String,
    /// Bytes.
    pub mtu: Option<u32>,
    /// What the driver says, in Mbit/s; `None` where it says nothing.
    pub speed_mbit_s: Option<u32>,
    /// Why less is known of it than there is to know, or empty.
    pub note: String,
}

/// The certificate of an enrolled agent, as the agent tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertificateState {
    /// Its first second, since 1970, UTC.
    pub not_before_unix_s: i64,
    /// Its last second.
    pub not_after_unix_s: i64,
    /// A third of its life is over.
    pub renewal_due: bool,
}
