//! Becomes the process that is kept.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{Pid, getppid};

use super::{Launch, mark};
use crate::confinement;

/// The hidden subcommand that ends up here.
pub const COMMAND: &str = "__exec";

/// Prepares this process and replaces it by the one to launch; returns only when that failed.
///
/// It stays in the agent's session. In a session of its own the kernel's autogroup scheduler would share the CPUs between
/// sessions instead of processes, and ten unpinned threads at an RPyC server then take half as long as the same script and
/// server do when both are started from one terminal.
///
/// `parent` is the keeper: should it be gone before the death signal was set, nothing is started.
///
/// # Errors
/// When the launch is malformed, the CPUs do not exist here, a measure of its confinement is not possible, or the program
/// cannot be executed.
pub fn exec(parent: i32, launch: &str) -> io::Result<()> {
    let launch: Launch = serde_json::from_str(launch)?;
    die_with(parent)?;
    // The keeper's mask is inherited, and a program that cannot hear SIGTERM is one that has to be killed.
    SigSet::all().thread_unblock()?;
    if !launch.cpus.is_empty() {
        let mut cpus = CpuSet::new();
        for &cpu in &launch.cpus {
            cpus.set(cpu as usize)?;
        }
        sched_setaffinity(Pid::from_raw(0), &cpus)?;
    }
    if let Some(sandbox) = &launch.sandbox {
        confinement::enter(sandbox)?;
        // The death signal is lost with a change of user.
        die_with(parent)?;
    }
    let mut command = Command::new(&launch.program);
    command.args(&launch.args).current_dir(&launch.folder);
    if let Some(environment) = launch.environment {
        let own = std::env::var_os(mark::VARIABLE).unwrap_or_default();
        let path = environment.iter().find(|(name, _)| name == mark::VARIABLE).map(|(_, path)| path.into());
        command.env_clear().envs(environment);
        if let Some(mark) = mark::in_path(&own) {
            command.env(mark::VARIABLE, mark::path_with(path, mark));
        }
    }
    let error = command.exec();
    Err(io::Error::new(error.kind(), format!("cannot start {}: {error}", launch.program.display())))
}

/// Has the kernel kill this process when the keeper ends.
fn die_with(keeper: i32) -> io::Result<()> {
    prctl::set_pdeathsig(Signal::SIGKILL)?;
    if getppid() != Pid::from_raw(keeper) {
        return Err(io::Error::other("the keeper is gone"));
    }
    Ok(())
}
