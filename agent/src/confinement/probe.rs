//! Tries every measure, in the order of [`super::enter`], on a process that does nothing else.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::thread::set_no_new_privs;

use super::account::{self, Account};
use super::files::Enforced;
use super::group::{self, Group, Parent};
use super::level::name;
use super::{Control, CountedElsewhere, Files, Found, Limits, Ports, Tried, counted_elsewhere, syscalls};
use crate::python::environment::find_program;

/// The hidden subcommand that ends up here.
pub const COMMAND: &str = "__probe";

/// Says on stdout, as one JSON line, what is possible for roles whose environments lie below `state`.
///
/// # Errors
/// When nobody reads that.
pub fn probe(state: &Path) -> io::Result<()> {
    let found = try_all(state, &Limits::default());
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{}", serde_json::to_string(&found)?)?;
    stdout.flush()
}

fn try_all(state: &Path, limits: &Limits) -> Found {
    // Asked before it becomes impossible.
    let interpreter = interpreter();
    let mut found = Found::default();
    found.measures.push(Tried::done(name::ENVIRONMENT, "two variables, PATH and LANG"));
    let refused = try_groups(&mut found, limits);
    let elsewhere = counted_elsewhere(&found.parents);
    let rlimits = limits.apply(elsewhere, false);
    let ruleset = Files { read: Vec::new(), ports: Ports::Bind(0) }.open();
    let bounds = account::close_bounds();
    try_user(&mut found, state, interpreter.as_deref());
    let capabilities = bounds.and_then(|()| account::drop_capabilities());
    found.tell(name::CAPABILITIES, capabilities.map(|()| "none".to_owned()));
    found.tell(name::PRIVILEGES, set_no_new_privs(true).map(|()| "no program can give any".to_owned()));
    found.tell_limits(elsewhere, &refused);
    found.tell(name::RLIMITS, rlimits.map(|()| rlimits_in_words(limits)));
    match ruleset.and_then(landlock::RulesetCreated::restrict_self) {
        Ok(status) => found.tell_files(Enforced::from_status(&status)),
        Err(error) => found.measures.push(Tried::not(name::FILES, error.to_string())),
    }
    let denied = syscalls::deny();
    found.syscalls = denied.is_ok();
    found.tell(name::SYSCALLS, denied.map(|()| format!("{} are denied", syscalls::count())));
    found
}

fn rlimits_in_words(limits: &Limits) -> String {
    format!("{} open files, files of {} MiB, no core dumps", limits.open_files, limits.file_bytes >> 20)
}

/// Makes a group in each hierarchy and joins it; returns why one could not be had.
fn try_groups(found: &mut Found, limits: &Limits) -> String {
    let candidates = group::candidates();
    let mut refused = "no control groups are mounted that count it".to_owned();
    for parent in candidates {
        let tried = Group::make(std::slice::from_ref(&parent), limits).and_then(|group| {
            let joined = group::join(group.folders());
            if joined.is_err() {
                group.remove();
            }
            joined
        });
        match tried {
            Ok(()) => found.parents.push(parent),
            Err(error) => refused = format!("no control group can be made: {error}"),
        }
    }
    refused
}

/// The interpreter that environments are made from, behind all links and shims.
fn interpreter() -> Option<PathBuf> {
    const ASK: &str = "import os, sys; print(os.path.realpath(sys.executable))";
    let output = Command::new(find_program("python3")?).args(["-I", "-S", "-c", ASK]).output().ok()?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim())).filter(|path| path.is_file())
}

fn try_user(found: &mut Found, state: &Path, interpreter: Option<&Path>) {
    if !account::is_root() {
        found.measures.push(Tried::done(name::USER, account::own_user()));
        return;
    }
    let tried = account::choose(state, interpreter).and_then(|account| {
        account.become_it().map_err(|error| format!("uid {} cannot be taken: {error}", account.uid))?;
        reach(state, account).map(|()| account)
    });
    found.account = tried.as_ref().ok().copied();
    found.tell(name::USER, tried.map(|Account { uid, gid }| format!("uid {uid} gid {gid}")));
}

/// Whether this process, which has become another user, can read what an earlier agent has made.
fn reach(state: &Path, account: Account) -> Result<(), String> {
    for kind in ["environments", "workers"] {
        // Where the state folder itself is closed, the agent opens it when it starts.
        let Ok(entries) = fs::read_dir(state.join(kind)) else { continue };
        for entry in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
            if let Err(error) = fs::read_dir(&entry) {
                let entry = entry.display();
                return Err(format!("uid {} cannot read {entry}: {error}; remove it, it is made anew", account.uid));
            }
        }
    }
    Ok(())
}

impl Found {
    fn tell<E: std::fmt::Display>(&mut self, name: &str, outcome: Result<String, E>) {
        self.measures.push(match outcome {
            Ok(detail) => Tried::done(name, detail),
            Err(reason) => Tried::not(name, reason.to_string()),
        });
    }

    /// How memory and processes are counted; how many there may be is for [`super::Held`] to say.
    fn tell_limits(&mut self, elsewhere: CountedElsewhere, refused: &str) {
        self.measures.push(if elsewhere.memory {
            Tried::done(name::MEMORY, versions(&self.parents))
        } else {
            Tried::not(name::MEMORY, refused)
        });
        self.measures.push(match self.account {
            _ if elsewhere.processes => Tried::done(name::PROCESSES, "control group"),
            Some(Account { uid, .. }) => Tried::done(name::PROCESSES, format!("counted of uid {uid} (rlimit)")),
            None => Tried::not(name::PROCESSES, format!("{refused}; an rlimit would count all of the user's")),
        });
    }

    fn tell_files(&mut self, Enforced { version, files, ports, signals }: Enforced) {
        self.files = files;
        let too_old = || Tried::not("", format!("the kernel's Landlock, version {version}, cannot: Linux is too old"));
        let missing = "the kernel has no Landlock, or it is not among its security modules (lsm=landlock,…)";
        for (name, in_force, detail) in [
            (name::FILES, files, "reads software and libraries, writes nothing"),
            (name::PORTS, ports, "a server binds its own and calls nobody, a driver binds none"),
            (name::SIGNALS, signals, "reach only its own processes"),
        ] {
            self.measures.push(match (in_force, files) {
                (true, _) => Tried::done(name, format!("{detail} (Landlock {version})")),
                (false, true) => Tried { name: name.to_owned(), ..too_old() },
                (false, false) => Tried::not(name, missing),
            });
        }
    }
}

fn versions(parents: &[Parent]) -> &'static str {
    let version_1 = parents.iter().any(|parent| parent.controls.contains(&Control::MemoryV1));
    if version_1 { "control group of version 1" } else { "control group" }
}
