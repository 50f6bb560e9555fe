//! Ends what is left when a keeper was killed: at once by its agent, or by the next agent where that was killed too.
//!
//! Who belongs to them: whoever has their marker, the keepers in the journal, and everyone below either. What was forked has
//! the marker, also after its parents have gone; what has taken on other variables is found only below one who still lives, or
//! by its control group (`confinement/group.rs`).

use std::collections::HashSet;
use std::ffi::OsStr;
use std::time::{Duration, Instant};

use procfs::process::Process;
use rpycbench_process::precise::{Seen, Signal, signal};

use super::mark;

/// Far longer than killing takes, unless somebody forks faster than this looks; then the next agent goes on.
const LIMIT: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// A process that is just becoming another has no variables to be seen for a moment: who is found nowhere is looked for twice.
const LOOKS: u32 = 2;

/// Ends all of an agent, whose marker is before the dot, or of one child, whose mark is all of it; false where some are
/// still there.
pub(super) fn end(marker: &str, listed: &[Seen]) -> bool {
    for entry in listed.iter().filter(|entry| is_stale(entry)) {
        tracing::warn!(pid = entry.pid, "stale entry: the keeper has ended, and its number is another process's now");
    }
    let since = Instant::now();
    let (mut empty, mut ended) = (0, HashSet::new());
    loop {
        let found = find(marker, listed);
        empty = if found.is_empty() { empty + 1 } else { 0 };
        if empty == LOOKS {
            if !ended.is_empty() {
                tracing::info!(processes = ended.len(), "a keeper was killed and has left processes: they are ended");
            }
            return true;
        }
        if since.elapsed() > LIMIT {
            let left: Vec<i32> = found.iter().map(|process| process.pid).collect();
            tracing::warn!(
                ?left,
                "what a killed keeper has left does not end; the next start of the agent tries again"
            );
            return false;
        }
        for process in &found {
            ended.insert(process.pid);
            if let Err(error) = signal(process, Signal::KILL) {
                tracing::warn!(%error, pid = process.pid, "cannot end a process that a killed keeper has left");
            }
        }
        std::thread::park_timeout(LOOK_AGAIN);
    }
}

/// Whether the number is taken by another.
fn is_stale(entry: &Seen) -> bool {
    let now = Process::new(entry.pid).ok().and_then(|process| Seen::of(&process));
    now.is_some_and(|now| now != *entry)
}

/// A process at one look.
struct Look {
    process: Process,
    parent: i32,
    theirs: bool,
}

/// Everyone who belongs to it and lives.
fn find(marker: &str, listed: &[Seen]) -> Vec<Process> {
    let own = std::process::id().cast_signed();
    let all = procfs::process::all_processes().into_iter().flatten().flatten();
    let mut looks: Vec<Look> = all.filter(|it| it.pid != own).filter_map(|it| look(it, marker, listed)).collect();
    loop {
        // One whose number could have passed on since it was looked at has no children that are known for sure.
        let parents: HashSet<i32> =
            looks.iter().filter(|it| it.theirs && it.process.stat().is_ok()).map(|it| it.process.pid).collect();
        let mut grown = false;
        for look in looks.iter_mut().filter(|look| !look.theirs && parents.contains(&look.parent)) {
            look.theirs = true;
            grown = true;
        }
        if !grown {
            break;
        }
    }
    looks.into_iter().filter(|look| look.theirs).map(|look| look.process).collect()
}

fn look(process: Process, marker: &str, listed: &[Seen]) -> Option<Look> {
    let stat = process.stat().ok().filter(|stat| !matches!(stat.state, 'Z' | 'X'))?;
    let named = listed.contains(&Seen { pid: stat.pid, started: stat.starttime });
    // What cannot be read belongs to another user.
    let marked = || {
        let variables = process.environ().unwrap_or_default();
        let found = variables.get(OsStr::new(mark::VARIABLE)).and_then(|path| mark::in_path(path));
        found.is_some_and(|found| mark::is_of(found, marker))
    };
    let theirs = named || marked();
    Some(Look { parent: stat.ppid, theirs, process })
}
