//! Signals to processes that are not one's own children: they reach the process that is meant, or nobody.
//!
//! A process's number passes to another as soon as somebody has waited for it. So the process is held before it is looked at
//! ([`Process`] holds its folder in `/proc`, from which no other's data can come), and what is signalled is held as well (a
//! pidfd): whoever still lives after the pidfd was opened had the number all the while.

use std::io;

use procfs::process::Process;
pub use rustix::process::Signal;
use rustix::process::{Pid, PidfdFlags, pidfd_open, pidfd_send_signal};

/// A process as it can be written down: no two of one boot have both in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its number.
    pub pid: i32,
    /// When it was started, in the kernel's ticks since the boot.
    pub started: u64,
}

impl Seen {
    /// The process of that number; `None` where there is none.
    pub fn of(process: &Process) -> Option<Self> {
        let stat = process.stat().ok()?;
        Some(Self { pid: stat.pid, started: stat.starttime })
    }
}

/// Sends the signal to that process alone; false where it has ended.
///
/// # Errors
/// When this user may not, or the kernel has no pidfds (before Linux 5.3). Then nobody was signalled.
pub fn signal(process: &Process, signal: Signal) -> io::Result<bool> {
    let Some(pid) = Pid::from_raw(process.pid) else { return Ok(false) };
    let ended = |error: rustix::io::Errno| match error {
        rustix::io::Errno::SRCH => Ok(false),
        error => Err(error.into()),
    };
    let held = match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(held) => held,
        Err(error) => return ended(error),
    };
    if process.stat().is_err() {
        return Ok(false);
    }
    pidfd_send_signal(held, signal).map_or_else(ended, |()| Ok(true))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// Lives until its stdin ends.
    fn living() -> Child {
        Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("cat starts")
    }

    fn held(child: &Child) -> Process {
        Process::new(child.id().cast_signed()).expect("it lives")
    }

    #[test]
    fn a_signal_reaches_the_process_that_is_held() {
        let mut child = living();
        assert!(signal(&held(&child), Signal::KILL).expect("it is ours"));
        assert_eq!(child.wait().expect("it ends").signal(), Some(9));
    }

    #[test]
    fn who_has_been_waited_for_gets_no_signal_and_neither_does_who_has_the_number_now() {
        let mut child = living();
        let gone = held(&child);
        drop(child.stdin.take());
        child.wait().expect("it ends");
        assert!(!signal(&gone, Signal::KILL).expect("nobody is there"));
    }

    #[test]
    fn two_processes_are_told_apart() {
        let mut children = [living(), living()];
        let [one, other] = children.each_ref().map(|child| Seen::of(&held(child)).expect("it lives"));
        assert_ne!(one, other);
        assert_eq!(Seen::of(&held(&children[0])), Some(one));
        for child in &mut children {
            drop(child.stdin.take());
            child.wait().expect("it ends");
        }
    }
}
