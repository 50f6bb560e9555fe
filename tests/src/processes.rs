//! Which processes a run has left.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use procfs::process::Process;
use rpycbench_process::precise::{self, Seen, Signal};

/// A living process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Living {
    /// Its number.
    pub pid: i32,
    /// Its command line.
    pub command: String,
    /// When it was started, which tells it from a later process of its number.
    started: u64,
}

impl Living {
    /// Sends it a signal; false where it has ended.
    ///
    /// # Panics
    /// When that is not allowed.
    pub fn signal(&self, signal: Signal) -> bool {
        let process = Process::new(self.pid).ok();
        let same = process.filter(|it| Seen::of(it).is_some_and(|seen| seen.started == self.started));
        same.is_some_and(|process| precise::signal(&process, signal).expect("processes of a test can be signalled"))
    }
}

/// Living processes whose command line mentions `path`. Every process of a run does: its binaries, keepers and Python
/// interpreters are started with paths below the run's own home.
pub fn mentioning(path: &Path) -> Vec<Living> {
    let wanted = path.display().to_string();
    procfs::process::all_processes()
        .map(|all| {
            all.filter_map(|process| look(&process.ok()?)).filter(|living| living.command.contains(&wanted)).collect()
        })
        .unwrap_or_default()
}

/// Living processes of a host of a virtual LAN, by its network namespace.
pub fn within(namespace: &Path) -> Vec<Living> {
    let Ok(wanted) = std::fs::metadata(namespace).map(|it| it.ino()) else { return Vec::new() };
    let is_within = |process: &Process| {
        std::fs::metadata(format!("/proc/{}/ns/net", process.pid())).is_ok_and(|it| it.ino() == wanted)
    };
    procfs::process::all_processes()
        .map(|all| all.flatten().filter(is_within).filter_map(|process| look(&process)).collect())
        .unwrap_or_default()
}

fn look(process: &Process) -> Option<Living> {
    let stat = process.stat().ok().filter(|stat| stat.state != 'Z')?;
    Some(Living { pid: stat.pid, command: process.cmdline().ok()?.join(" "), started: stat.starttime })
}
