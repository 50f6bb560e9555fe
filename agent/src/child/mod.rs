//! Child processes that cannot outlive the agent.
//!
//! ```text
//! agent ──spawns──► keeper ──spawns──► exec ──becomes──► the process ──► its descendants
//!   └── stdin pipe ──┘ its end means: stop everything
//! ```
//!
//! - The **keeper** ([`keeper`]) is this binary again, single-threaded and a child-subreaper: orphans below it become its
//!   children, so that nothing can slip away by forking twice. When the pipe from the agent ends, because the agent let go
//!   or was killed, it ends everything below it, and then reports how the process ended and what it used.
//! - **exec** ([`exec`]) is this binary once more; it sets what has to be set from inside (a death signal should the keeper
//!   be killed, CPU affinity, [`crate::confinement`]) and becomes the process. No code runs between fork and exec, hence no `unsafe`.
//! - The **journal** ([`Journal`]) is for when agent and keepers are killed together: the next agent ends what is left.

pub mod exec;
mod handle;
mod journal;
pub mod keeper;
mod mark;
mod remains;

pub use handle::{Child, End, SpawnError};
pub use journal::Journal;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::confinement::{Exceeded, Sandbox};

/// What to start and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// Absolute path.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// The folder it starts in.
    pub folder: PathBuf,
    /// `Some`: exactly these variables; `None`: the agent's own.
    pub environment: Option<Vec<(String, String)>>,
    /// CPUs it may use; empty for all.
    pub cpus: Vec<u32>,
    /// What it is kept from; `None`: nothing, it is one of the agent's own tools.
    pub sandbox: Option<Sandbox>,
}

/// The keeper's last word, as one JSON line on stdout.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exited {
    /// Exit code, unless a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// CPU time in user mode, with descendants.
    pub user_cpu_ns: u64,
    /// CPU time in the kernel, with descendants.
    pub system_cpu_ns: u64,
    /// The largest resident set of any one process.
    pub peak_memory_bytes: u64,
    /// What they were denied, as far as the kernel counts it.
    pub exceeded: Exceeded,
}
