//! What an agent has started, on disk, for the agent after it: to end what neither this one nor its keepers could.
//!
//! ```text
//! STATE/kept/lock                 held while one looks or begins
//! STATE/kept/MARKER/lock          held as long as the agent lives; inside: the host's boot
//! STATE/kept/MARKER/PID-STARTED   a keeper that runs
//! ```
//!
//! The folder is the intent: it is there before anything is started, and everything that is started has the marker in its
//! environment ([`super::mark`]), with a number for each child, which whatever it forks inherits. The keepers' numbers only add to that. Nothing is synced to
//! the disk: what was written outlives an agent that is killed, no process outlives a host that crashes, and a disk that
//! syncs would disturb what is measured.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::fcntl::{Flock, FlockArg};
use procfs::process::Process;
use rand::RngExt;
use rpycbench_process::precise::Seen;

use super::remains;

/// In the state folder.
const FOLDER: &str = "kept";
const LOCK: &str = "lock";

/// The journal of an agent that lives. The last clone of it takes it off the disk.
#[derive(Clone, Debug)]
pub struct Journal(Arc<Open>);

#[derive(Debug)]
struct Open {
    folder: PathBuf,
    marker: String,
    children: AtomicU64,
    _lock: Flock<File>,
}

/// A keeper's line, until this is dropped.
#[derive(Debug)]
pub(super) struct Entry(Option<PathBuf>);

impl Journal {
    /// Ends what earlier agents of that state folder have left, and begins a journal.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn open(state: &Path) -> io::Result<Self> {
        let kept = state.join(FOLDER);
        let named = |error: io::Error| {
            let kept = kept.display();
            io::Error::new(error.kind(), format!("cannot keep a journal in {kept}: {error}; name another --state"))
        };
        Self::begin(&kept).map_err(named)
    }

    fn begin(kept: &Path) -> io::Result<Self> {
        // The state folder itself is made as others make it: roles may have to pass through it.
        kept.parent().map_or(Ok(()), fs::create_dir_all)?;
        DirBuilder::new().recursive(true).mode(0o700).create(kept)?;
        let _alone = lock(&kept.join(LOCK), FlockArg::LockExclusive)?;
        for journal in fs::read_dir(kept)?.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
            settle(&journal);
        }
        let marker: [u8; 16] = rand::rng().random();
        let marker: String = marker.iter().map(|byte| format!("{byte:02x}")).collect();
        let folder = kept.join(&marker);
        DirBuilder::new().mode(0o700).create(&folder)?;
        let mut lock = lock(&folder.join(LOCK), FlockArg::LockExclusive)?;
        lock.write_all(boot()?.as_bytes())?;
        Ok(Self(Arc::new(Open { folder, marker, children: AtomicU64::new(0), _lock: lock })))
    }

    /// The mark of the next child: `MARKER.NUMBER`.
    pub(super) fn mark(&self) -> String {
        format!("{}.{}", self.0.marker, self.0.children.fetch_add(1, Ordering::Relaxed))
    }

    /// Writes down a child that has not been waited for.
    pub(super) fn enter(&self, keeper: i32) -> Entry {
        let seen = Process::new(keeper).ok().and_then(|process| Seen::of(&process));
        let path = seen.map(|Seen { pid, started }| self.0.folder.join(format!("{pid}-{started}")));
        if let Some(path) = &path
            && let Err(error) = File::create(path)
        {
            // The marker is enough to find it.
            tracing::warn!(%error, path = %path.display(), "a keeper is not in the journal");
        }
        Entry(path)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // Where it cannot be removed the next agent finds nobody.
        drop(fs::remove_dir_all(&self.folder));
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            drop(fs::remove_file(path));
        }
    }
}

/// Ends what the agent of that journal has left, unless it lives, and removes the journal once nobody is left.
fn settle(journal: &Path) {
    // A lock ends with who holds it, in whatever way that ends.
    let Ok(mut lock) = lock(&journal.join(LOCK), FlockArg::LockExclusiveNonblock) else { return };
    let written = io::read_to_string(&mut *lock).unwrap_or_default();
    // Of another boot nobody lives, and numbers mean nothing.
    if boot().is_ok_and(|boot| boot == written) {
        let marker = journal.file_name().unwrap_or_default().to_string_lossy();
        if !remains::end(&marker, &listed(journal)) {
            return;
        }
    }
    if let Err(error) = fs::remove_dir_all(journal) {
        tracing::warn!(%error, journal = %journal.display(), "the journal of an earlier agent cannot be removed");
    }
}

fn listed(journal: &Path) -> Vec<Seen> {
    let names = fs::read_dir(journal).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let parsed = names.filter_map(|name| {
        let (pid, started) = name.to_str()?.split_once('-')?;
        Some(Seen { pid: pid.parse().ok()?, started: started.parse().ok()? })
    });
    parsed.collect()
}

fn lock(path: &Path, how: FlockArg) -> io::Result<Flock<File>> {
    let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
    Flock::lock(file, how).map_err(|(_, error)| error.into())
}

fn boot() -> io::Result<String> {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::super::mark;
    use super::*;

    fn living(marker: Option<&str>) -> Child {
        let mut command = Command::new("cat");
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        if let Some(marker) = marker {
            command.env(mark::VARIABLE, mark::path_with(std::env::var_os(mark::VARIABLE), marker));
        }
        command.spawn().expect("cat starts")
    }

    /// The journal of an agent that was killed.
    fn left(state: &Path, marker: &str, boot: &str, entries: &[Seen]) -> PathBuf {
        let folder = state.join(FOLDER).join(marker);
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join(LOCK), boot).expect("a file");
        for Seen { pid, started } in entries {
            fs::write(folder.join(format!("{pid}-{started}")), "").expect("a file");
        }
        folder
    }

    fn seen(child: &Child) -> Seen {
        Seen::of(&Process::new(child.id().cast_signed()).expect("it lives")).expect("it lives")
    }

    fn ends(mut child: Child) {
        drop(child.stdin.take());
        child.wait().expect("it ends");
    }

    #[test]
    fn what_an_earlier_agent_has_left_is_ended_by_its_marker_or_its_number_and_nobody_else_is() {
        let state = tempfile::tempdir().expect("a folder");
        let marked = living(Some("some-marker.7"));
        let (listed, mut other) = (living(None), living(Some("another-marker.7")));
        let mut innocent = living(None);
        let stale = Seen { started: seen(&innocent).started - 1, ..seen(&innocent) };
        let folder = left(state.path(), "some-marker", &boot().expect("a boot"), &[seen(&listed), stale]);
        let _journal = Journal::open(state.path()).expect("a journal");
        for mut gone in [marked, listed] {
            assert!(!gone.wait().expect("it ends").success());
        }
        assert!(!folder.exists());
        for alive in [&mut innocent, &mut other] {
            assert_eq!(alive.try_wait().expect("a child"), None, "it was none of theirs");
        }
        ends(innocent);
        ends(other);
    }

    #[test]
    fn numbers_of_another_boot_mean_nothing() {
        let state = tempfile::tempdir().expect("a folder");
        let mut innocent = living(None);
        let folder = left(state.path(), "some-marker", "another boot", &[seen(&innocent)]);
        let _journal = Journal::open(state.path()).expect("a journal");
        assert!(!folder.exists());
        assert_eq!(innocent.try_wait().expect("a child"), None);
        ends(innocent);
    }

    #[test]
    fn an_agent_that_lives_keeps_its_processes_and_one_that_ends_leaves_no_journal() {
        let state = tempfile::tempdir().expect("a folder");
        let first = Journal::open(state.path()).expect("a journal");
        let mut child = living(Some(&first.mark()));
        let _entry = first.enter(child.id().cast_signed());
        let second = Journal::open(state.path()).expect("a journal");
        assert_eq!(child.try_wait().expect("a child"), None);
        drop((first, second));
        let left = fs::read_dir(state.path().join(FOLDER)).expect("a folder").flatten();
        assert_eq!(left.map(|entry| entry.file_name()).collect::<Vec<_>>(), [LOCK]);
        ends(child);
    }
}
