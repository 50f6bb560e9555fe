//! What a tree of processes is and has used, from `/proc`.

use procfs::process::{Process, Stat};

/// A process with all its descendants at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    /// CPU time so far, of the living and of the dead they have waited for; in steps of the kernel's tick.
    pub(crate) cpu_ns: u64,
    /// Living processes.
    pub(crate) processes: u64,
    /// Their threads.
    pub(crate) threads: u64,
}

/// Whether `pid` is a living descendant of `root`.
pub(crate) fn is_below(root: i32, pid: i32) -> bool {
    let mut pid = pid;
    while pid > 1 {
        let Some(stat) = Process::new(pid).ok().and_then(|process| process.stat().ok()) else { return false };
        if stat.ppid == root {
            return true;
        }
        pid = stat.ppid;
    }
    false
}

/// The processes below `root`, `root` itself left out of the counts but not of the CPU time.
pub(crate) fn tree(root: i32) -> Tree {
    let stats: Vec<Stat> = procfs::process::all_processes()
        .map(|all| all.filter_map(|process| process.ok()?.stat().ok()).collect())
        .unwrap_or_default();
    let mut members = vec![root];
    let mut tree = Tree::default();
    let mut next = 0;
    while let Some(&parent) = members.get(next) {
        next += 1;
        members.extend(stats.iter().filter(|stat| stat.ppid == parent && stat.state != 'Z').map(|stat| stat.pid));
    }
    let tick_ns = 1_000_000_000 / procfs::ticks_per_second().max(1);
    for stat in stats.iter().filter(|stat| members.contains(&stat.pid)) {
        let dead = u64::try_from(stat.cutime + stat.cstime).unwrap_or_default();
        tree.cpu_ns += (stat.utime + stat.stime + dead) * tick_ns;
        if stat.pid != root {
            tree.processes += 1;
            tree.threads += u64::try_from(stat.num_threads).unwrap_or_default();
        }
    }
    tree
}
