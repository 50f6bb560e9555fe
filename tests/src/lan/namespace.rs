//! One network namespace, without a name.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sched::{CloneFlags, setns, unshare};
use procfs::process::Process;
use rpycbench_process::precise::{Signal, signal};

use super::Unavailable;

/// How often the processes of a namespace are looked for: each time, one may have been born of one not yet dead.
const ROUNDS: usize = 100;

/// Lives as long as this does, or a process, thread or socket in it.
#[derive(Debug)]
pub(super) struct Namespace {
    file: File,
}

/// Whether the programs that this module calls are installed.
pub(super) fn programs_are_there() -> Result<(), Unavailable> {
    for (program, package) in [("ip", "iproute2"), ("nsenter", "util-linux")] {
        let started = Command::new(program).arg("-V").stdin(Stdio::null()).output();
        started.map_err(|error| Unavailable(format!("`{program}` does not start: {error} (package {package})")))?;
    }
    Ok(())
}

impl Namespace {
    /// A namespace whose only interface is a loopback that is up.
    pub(super) fn new() -> Result<Self, Unavailable> {
        let file = on_a_thread(|| {
            unshare(CloneFlags::CLONE_NEWNET)?;
            File::open("/proc/thread-self/ns/net")
        });
        let refused = |error| Unavailable(format!("no network namespace can be made: {error} (run as root)"));
        let namespace = Self { file: file.map_err(refused)? };
        // Without it a new interface asks for IPv6 routers, which a test that counts packets would see.
        let quiet = || fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
        match namespace.within(quiet).and_then(|written| written) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(refused(error)),
            _ => namespace.ip("link set lo up\n").map(|()| namespace),
        }
    }

    /// A path at which any process of this user finds it.
    pub(super) fn path(&self) -> PathBuf {
        Path::new("/proc").join(std::process::id().to_string()).join("fd").join(self.file.as_raw_fd().to_string())
    }

    /// Does `work` on a thread that is in it; a process that is started there is in it too.
    pub(super) fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        on_a_thread(|| {
            setns(&self.file, CloneFlags::CLONE_NEWNET)?;
            Ok(work())
        })
    }

    pub(super) fn command(&self, program: &OsStr) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(self.option()).arg("--").arg(program);
        command
    }

    /// Runs a batch of `ip` commands in it.
    pub(super) fn ip(&self, batch: &str) -> Result<(), Unavailable> {
        let run = || {
            let (stdin, stderr) = (Stdio::piped(), Stdio::piped());
            let mut ip = Command::new("ip").args(["-batch", "-"]).stdin(stdin).stderr(stderr).spawn()?;
            if let Some(mut stdin) = ip.stdin.take() {
                stdin.write_all(batch.as_bytes())?;
            }
            ip.wait_with_output()
        };
        let failed =
            |why: &str| Unavailable(format!("`ip` failed: {} (it was told: {})", one_line(why), one_line(batch)));
        let output = self.within(run).and_then(|ran| ran).map_err(|error| failed(&error.to_string()))?;
        if output.status.success() { Ok(()) } else { Err(failed(&String::from_utf8_lossy(&output.stderr))) }
    }

    /// Kills every process in it. Whoever started one still has to wait for it.
    pub(super) fn kill_everyone(&self) {
        for _ in 0..ROUNDS {
            let found = self.processes();
            if found.is_empty() {
                return;
            }
            for process in found {
                // It may have ended by itself by now.
                drop(signal(&process, Signal::KILL));
            }
            std::thread::yield_now();
        }
    }

    fn processes(&self) -> Vec<Process> {
        let Ok(own) = self.file.metadata() else { return Vec::new() };
        let option = self.option().into_encoded_bytes();
        let inside = |pid: &i32| {
            let namespace = fs::metadata(format!("/proc/{pid}/ns/net"));
            let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            namespace.is_ok_and(|found| (found.dev(), found.ino()) == (own.dev(), own.ino()))
                // On its way in: `nsenter` has been started and has not entered.
                || command.split(|byte| *byte == 0).nth(1) == Some(&option)
        };
        let all = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        // Held before it is looked at: a number may pass to another process.
        let others = pids.filter(|pid| *pid != std::process::id().cast_signed());
        others.filter_map(|pid| Process::new(pid).ok()).filter(|process| inside(&process.pid)).collect()
    }

    /// By which `nsenter` finds it.
    fn option(&self) -> OsString {
        let mut option = OsString::from("--net=");
        option.push(self.path());
        option
    }
}

/// A thread of its own: the namespace of a thread cannot be given back safely to one that others use.
fn on_a_thread<T: Send>(work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    let joined = std::thread::scope(|scope| scope.spawn(work).join());
    joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
