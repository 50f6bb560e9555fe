//! Keeps one process and its descendants: none of them is left when the keeper is.

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::SignalFd;
use nix::sys::time::TimeVal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpid};

use super::{Exited, Launch, exec};
use crate::confinement::{Exceeded, Group, Sandbox};

/// The hidden subcommand that ends up here.
pub const COMMAND: &str = "__keep";

/// How long processes have between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_millis(500);
/// How often those that must be dead are looked at, until they are.
const KILL_INTERVAL: Duration = Duration::from_millis(10);

/// Starts the process and stays until it and all its descendants are gone, then writes [`Exited`] to stdout.
///
/// Ends everything when stdin has no writer any more, at SIGTERM, or when the process itself has ended.
///
/// # Errors
/// When the launch is malformed or the process cannot be started.
pub fn keep(launch: &str) -> io::Result<()> {
    // Malformed input is found here, before anything runs.
    let mut launch: Launch = serde_json::from_str(launch)?;
    let group = match &mut launch.sandbox {
        Some(Sandbox { parents, limits, groups, .. }) => {
            let group = Group::make(parents, limits)?;
            *groups = group.folders().to_vec();
            Some(group)
        }
        None => None,
    };
    let outcome = keep_in(group.as_ref(), &serde_json::to_string(&launch)?);
    let mut exceeded = Exceeded::default();
    if let Some(group) = group {
        exceeded = group.exceeded();
        // Nobody is in it, unless the process could not be watched to its end.
        group.kill();
        group.remove();
    }
    report(outcome?, exceeded)
}

/// Starts the process and returns how it ended, once nobody below this one is left.
fn keep_in(group: Option<&Group>, launch: &str) -> io::Result<Option<WaitStatus>> {
    prctl::set_child_subreaper(true)?;
    let mut watched = SigSet::empty();
    watched.add(Signal::SIGCHLD);
    watched.add(Signal::SIGTERM);
    watched.add(Signal::SIGINT);
    watched.thread_block()?;
    let signals = SignalFd::new(&watched)?;
    let process = Command::new(std::env::current_exe()?)
        .args([exec::COMMAND, &getpid().to_string(), launch])
        .spawn()
        .map(|child| Pid::from_raw(child.id().cast_signed()))?;
    let mut kept = Kept { process, group, ended: None, stopping: None };
    while !kept.reap()? {
        kept.wait(&signals)?;
    }
    Ok(kept.ended)
}

/// The process and how far its end is.
struct Kept<'a> {
    process: Pid,
    /// Where all of them are, if the kernel can tell.
    group: Option<&'a Group>,
    ended: Option<WaitStatus>,
    /// Since when everything is being ended.
    stopping: Option<Instant>,
}

impl Kept<'_> {
    /// Takes note of whoever has ended; true when nobody is left.
    fn reap(&mut self) -> io::Result<bool> {
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) => return Ok(false),
                Ok(status) if status.pid() == Some(self.process) => {
                    self.ended = Some(status);
                    self.stopping.get_or_insert_with(Instant::now);
                }
                Ok(_) | Err(Errno::EINTR) => {}
                Err(Errno::ECHILD) => return Ok(true),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sleeps until something happens, and acts on it.
    fn wait(&mut self, signals: &SignalFd) -> io::Result<()> {
        let stdin = io::stdin();
        let timeout = match self.stopping {
            None => PollTimeout::NONE,
            Some(since) => {
                self.press(since);
                PollTimeout::try_from(KILL_INTERVAL).unwrap_or(PollTimeout::ZERO)
            }
        };
        // No flag for stdin: only the hang-up is wanted, the data belongs to the process. Once stopping, it is of no
        // more interest and would wake the poll for ever.
        let mut fds = vec![PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        if self.stopping.is_none() {
            fds.push(PollFd::new(stdin.as_fd(), PollFlags::empty()));
        }
        match poll(&mut fds, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let hung_up = fds.get(1).is_some_and(|stdin| stdin.any().unwrap_or(true));
        let signalled = fds[0].any().unwrap_or(false);
        let told = signalled && signals.read_signal()?.is_some_and(|signal| signal.ssi_signo != Signal::SIGCHLD as u32);
        if (hung_up || told) && self.stopping.is_none() {
            self.stopping = Some(Instant::now());
            if self.ended.is_none() {
                // Fails only where it has just ended, which is what is wanted.
                let _ = kill(self.process, Signal::SIGTERM);
            }
        }
        Ok(())
    }

    /// Kills the children that have had their time. They are this process's own and not yet waited for, so that their
    /// numbers cannot have passed to anyone else. Their children become ours and are next.
    fn press(&self, since: Instant) {
        if self.ended.is_none() && since.elapsed() < GRACE {
            return;
        }
        // Where the kernel can, it ends everyone at once: whoever forks faster than this looks is caught too.
        if let Some(group) = self.group {
            group.kill();
        }
        for child in children() {
            let _ = kill(child, Signal::SIGKILL);
        }
    }
}

fn children() -> Vec<Pid> {
    let own = getpid().as_raw();
    procfs::process::all_processes()
        .map(|all| {
            all.filter_map(|process| process.ok()?.stat().ok())
                .filter(|stat| stat.ppid == own)
                .map(|stat| Pid::from_raw(stat.pid))
                .collect()
        })
        .unwrap_or_default()
}

fn report(ended: Option<WaitStatus>, exceeded: Exceeded) -> io::Result<()> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let (code, signal) = match ended {
        Some(WaitStatus::Exited(_, code)) => (Some(code), None),
        Some(WaitStatus::Signaled(_, signal, _)) => (None, Some(signal as i32)),
        _ => (None, None),
    };
    let exited = Exited {
        code,
        signal,
        user_cpu_ns: nanoseconds(usage.user_time()),
        system_cpu_ns: nanoseconds(usage.system_time()),
        peak_memory_bytes: u64::try_from(usage.max_rss()).unwrap_or_default() * 1024,
        exceeded,
    };
    let mut stdout = io::stdout().lock();
    // The process may have been stopped in the middle of a line.
    writeln!(stdout, "\n{}", serde_json::to_string(&exited)?)?;
    stdout.flush()
}

fn nanoseconds(time: TimeVal) -> u64 {
    u64::try_from(time.tv_sec() * 1_000_000_000 + time.tv_usec() * 1_000).unwrap_or_default()
}
