//! Commands and events as checked types. What each means, and in which state it may come, is drawn in the .proto.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rpycbench_measure::histogram::HistogramParts;
use rpycbench_measure::{ClientPairing, Confinement, Placement, Server, Stack, Stamping, Workload};

/// A cell within its run: one topology × server × workload × driver × block.
pub type CellId = u32;

/// What the plan calls a cell.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct CellName {
    /// The topology.
    pub topology: String,
    /// The server.
    pub server: String,
    /// The workload.
    pub workload: String,
    /// From 1.
    pub block: u32,
}

impl std::fmt::Display for CellName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { topology, server, workload, block } = self;
        write!(f, "{topology}/{server}/{workload}/b{block}")
    }
}

/// What an agent has made up to know a consent by that was given for it, and just now.
pub type Nonce = [u8; 32];

/// An agent's word that another may send packets to an address of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Consent {
    /// Of who consents, as PEM.
    pub certificate: String,
    /// Over what it consents to.
    pub signature: Vec<u8>,
}

/// From the controller to an agent.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Takes the agent for a run.
    Open(Open),
    /// Makes the Python environment for these libraries.
    Prepare {
        /// The families needed by any cell.
        stacks: Vec<Stack>,
    },
    /// Answers datagrams until the run ends.
    Echo {
        /// The address of this host to bind.
        address: IpAddr,
        /// Of the agent that will ping.
        nonce: Nonce,
    },
    /// Measures the network alone.
    Ping {
        /// An address that is echoing.
        target: SocketAddr,
        /// Datagrams, one after the other.
        count: u32,
        /// Of whose address it is.
        consent: Option<Consent>,
    },
    /// Listens on those of the ports that are free, each until it was called once.
    Listen {
        /// The address of this host to bind.
        address: IpAddr,
        /// 0 is any.
        ports: Vec<u16>,
        /// Of the agent that will call.
        nonce: Nonce,
    },
    /// Opens a TCP connection to every port, one after the other.
    Reach {
        /// The host that listens.
        address: IpAddr,
        /// Where.
        ports: Vec<u16>,
        /// Of whose address it is.
        consent: Option<Consent>,
    },
    /// Starts a server under test.
    Serve {
        /// The cell.
        cell: CellId,
        /// What to start.
        server: Server,
        /// The address of this host to bind.
        address: IpAddr,
        /// Which CPUs it may use.
        placement: Placement,
        /// What its stamps are known by.
        name: CellName,
        /// From 1.
        attempt: u32,
        /// `None`: it is not to stamp.
        stamping: Option<Stamping>,
    },
    /// Starts a driver process up to the point where only the target is missing.
    Arm {
        /// The cell.
        cell: CellId,
        /// The client library.
        stack: Stack,
        /// The load.
        workload: Workload,
        /// Which CPUs it may use.
        placement: Placement,
        /// What its samples are known by.
        name: CellName,
        /// From 1.
        attempt: u32,
        /// Whether the driver notes which of the server's stamps belong to which sample.
        stamped: bool,
    },
    /// Asks whether a cell's server may be driven at.
    Agree {
        /// The cell.
        cell: CellId,
        /// Of the agent that will drive.
        nonce: Nonce,
    },
    /// Lets the armed driver go.
    Drive {
        /// The cell.
        cell: CellId,
        /// The server.
        target: SocketAddr,
        /// Of the agent that serves.
        consent: Option<Consent>,
    },
    /// Ends both roles of a cell.
    Stop {
        /// The cell.
        cell: CellId,
    },
    /// Asks what the agent keeps of the run.
    Collect,
    /// Asks for a stream that it keeps.
    HandOver {
        /// What its segments are to be told as.
        cell: CellId,
        /// Which.
        stream: Stream,
    },
    /// A stream is on the controller's disk and need not be kept.
    Stored {
        /// Which.
        stream: Stream,
    },
}

/// What a run says of itself when it takes an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Open {
    /// [`crate::PROTOCOL`] of the controller.
    pub protocol: u32,
    /// The run.
    pub run_id: String,
    /// Its study's name, for who asks meanwhile.
    pub study: String,
    /// Who runs it, as `user@host`.
    pub controller: String,
    /// How long it is expected to take.
    pub expected: Duration,
}

/// From an agent to the controller.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The agent belongs to the run.
    Opened {
        /// The host's CLOCK_MONOTONIC_RAW at that moment.
        epoch_ns: i64,
        /// For who consents to be pinged or reached by this agent.
        nonce: Nonce,
    },
    /// The Python environment is being made.
    Preparing {
        /// The step, in words.
        what: String,
        /// Steps done.
        done: u32,
        /// Steps in all.
        total: u32,
    },
    /// The Python environment is there.
    Prepared(PythonFacts),
    /// Datagrams are answered.
    Echoing {
        /// Where.
        address: SocketAddr,
        /// What the address is on.
        link: Link,
        /// To be pinged there.
        consent: Consent,
    },
    /// The network was measured.
    Pinged {
        /// Against whom.
        target: SocketAddr,
        /// Round trips of 64 bytes in the order they were sent, without those that were lost.
        round_trip_ns: Vec<i64>,
        /// Datagrams without an answer.
        lost: u32,
        /// What they left by.
        link: Link,
    },
    /// Ports are listened on.
    Listening {
        /// On this address.
        address: IpAddr,
        /// Those that it could listen on.
        ports: Vec<u16>,
        /// To be called there.
        consent: Consent,
    },
    /// Every port was reached.
    Reached,
    /// A server under test answers.
    Serving {
        /// The cell.
        cell: CellId,
        /// Where.
        address: SocketAddr,
        /// Its CPUs.
        pinned: Pinned,
        /// From the order to start it until a real exchange of its protocol had succeeded.
        startup_ns: u64,
    },
    /// A driver waits for its target.
    Armed {
        /// The cell.
        cell: CellId,
        /// Its CPUs.
        pinned: Pinned,
        /// For who consents to be driven at.
        nonce: Nonce,
    },
    /// A cell's server may be driven at.
    Agreed {
        /// The cell.
        cell: CellId,
        /// To be driven at.
        consent: Consent,
    },
    /// How far a driver is.
    Progress {
        /// The cell.
        cell: CellId,
        /// Samples taken so far.
        done: u64,
        /// Those of them that failed.
        failed: u64,
        /// Durations of the ok samples since the last progress.
        histogram: HistogramParts,
    },
    /// A piece of a stream.
    Segment {
        /// The cell.
        cell: CellId,
        /// Of which of its streams.
        part: Part,
        /// To be opened by [`crate::segment::Chain`].
        sealed: Vec<u8>,
    },
    /// What the agent keeps of the run.
    Kept {
        /// In no order.
        streams: Vec<Kept>,
    },
    /// A stream that was kept was sent as far as it goes.
    HandedOver {
        /// What it was told as.
        cell: CellId,
        /// Empty, or why not all of it can be read.
        trouble: String,
    },
    /// Both roles of a cell are over and none of its processes is left.
    Stopped {
        /// The cell.
        cell: CellId,
        /// How the server ended, if this agent ran it.
        server: Option<Exit>,
        /// How the driver ended, if this agent ran it.
        driver: Option<Exit>,
    },
    /// A role of a cell, or the run, came to a bad end.
    Failed(Failure),
}

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

/// The CPUs a role was pinned to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pinned {
    /// Empty: not pinned.
    pub cpus: Vec<u32>,
    /// Why the placement asked for was not possible, or empty.
    pub note: String,
}

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

/// A bad end, with what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// `None`: the run as a whole.
    pub cell: Option<CellId>,
    /// What was being done.
    pub phase: String,
    /// Why it failed, one line.
    pub reason: String,
    /// How the process ended, where one did.
    pub exit: Option<Exit>,
}
