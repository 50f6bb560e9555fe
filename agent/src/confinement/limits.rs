//! How much memory, how many processes and files a confined role may have.

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};
use sysinfo::{MemoryRefreshKind, RefreshKind, System};

/// As many as the agent's unit allows itself: a thousand clients and what serves each of them fit in.
const PROCESSES: u64 = 4096;
/// A client is a connection, and a driver has a thousand at most.
const OPEN_FILES: u64 = 65536;
/// Neither role writes files; what a library may want to spool in memory fits in.
const FILE_BYTES: u64 = 64 << 20;
/// Address space of this many thread stacks is reserved, not used, and must not count as memory.
const THREADS: u64 = 1024;
/// What glibc gives a thread where the soft limit says nothing.
const STACK_BYTES: u64 = 8 << 20;

/// What one role may use, with all its processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Memory of all its processes together.
    pub memory_bytes: u64,
    /// Processes and threads.
    pub processes: u64,
    /// Open files of each process.
    pub open_files: u64,
    /// The largest file it may write. A driver's samples or a server's stamps are one and come on top.
    pub file_bytes: u64,
}

impl Default for Limits {
    /// Half of the host's memory, so that a server and a driver on one host leave nothing of each other's.
    fn default() -> Self {
        let wanted = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
        let memory = System::new_with_specifics(wanted).map_or(u64::MAX, |system| system.total_memory());
        Self { memory_bytes: memory / 2, processes: PROCESSES, open_files: OPEN_FILES, file_bytes: FILE_BYTES }
    }
}

/// What the kernel counts in a better way, and rlimits therefore leave alone.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CountedElsewhere {
    pub(super) memory: bool,
    pub(super) processes: bool,
}

impl Limits {
    /// Sets what rlimits can say of this process and those it forks. `own_user`: the user has no processes but the role's.
    pub(super) fn apply(&self, elsewhere: CountedElsewhere, own_user: bool) -> nix::Result<()> {
        lower(Resource::RLIMIT_CORE, 0)?;
        lower(Resource::RLIMIT_FSIZE, self.file_bytes)?;
        lower(Resource::RLIMIT_NOFILE, self.open_files)?;
        if !elsewhere.memory {
            lower(Resource::RLIMIT_DATA, self.data_bytes())?;
        }
        // It counts all of a user's processes: for a user with others it would be a limit on them.
        if !elsewhere.processes && own_user {
            lower(Resource::RLIMIT_NPROC, self.processes)?;
        }
        Ok(())
    }

    /// Private memory of one process, with the reserve for thread stacks.
    pub(super) fn data_bytes(&self) -> u64 {
        let stack = match getrlimit(Resource::RLIMIT_STACK) {
            Ok((soft, _)) if soft != RLIM_INFINITY => soft,
            _ => STACK_BYTES,
        };
        self.memory_bytes.saturating_add(stack.saturating_mul(THREADS.min(self.processes)))
    }
}

/// Lowers soft and hard limit; one that is lower already stays.
fn lower(resource: Resource, limit: u64) -> nix::Result<()> {
    let (soft, hard) = getrlimit(resource)?;
    setrlimit(resource, soft.min(limit), hard.min(limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_default_two_roles_fit_into_the_host() {
        let Limits { memory_bytes, processes, .. } = Limits::default();
        let all = System::new_with_specifics(RefreshKind::everything()).expect("a system").total_memory();
        assert!(memory_bytes > 0 && memory_bytes * 2 <= all, "{memory_bytes} of {all}");
        assert!(processes > 2 * 1000, "a thousand clients on either side");
    }

    #[test]
    fn stacks_that_are_only_reserved_do_not_count_as_memory() {
        let few = Limits { memory_bytes: 1 << 20, processes: 10, open_files: 10, file_bytes: 0 };
        let many = Limits { processes: 2000, ..few };
        assert!(few.data_bytes() > few.memory_bytes);
        assert!(many.data_bytes() > few.data_bytes());
    }
}
