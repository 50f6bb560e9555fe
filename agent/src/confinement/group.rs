//! Control groups: a role's memory and processes are counted together, and end together.
//!
//! One [`Parent`] a hierarchy: version 2 has one for everything, version 1 one for each controller. The keeper makes a group
//! below each for what it keeps, exec joins, and the keeper removes it. Only memory, processes and killing are used, never
//! the CPU controllers: groups with CPU shares of their own would change what is measured.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::unistd::getpid;
use procfs::ProcError;
use procfs::process::{MountInfo, Process};
use rpycbench_process::precise::{Signal, signal};
use serde::{Deserialize, Serialize};

use super::Exceeded;
use super::limits::Limits;

/// Before a group's name, which goes on with the keeper's number, start time and time namespace.
const PREFIX: &str = "rpycbench-";
/// The kernel counts a process out of its group shortly after its parent has learned of its end.
const EMPTY_LIMIT: Duration = Duration::from_secs(1);
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// What a hierarchy can do for a group in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Control {
    /// Limits memory, by version 1's files.
    MemoryV1,
    /// Limits memory, by version 2's.
    MemoryV2,
    /// Limits processes and threads.
    Processes,
    /// Kills all of them at once.
    Kill,
}

/// A folder of a hierarchy that groups can be made in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// The folder.
    pub folder: PathBuf,
    /// What groups there can do.
    pub controls: Vec<Control>,
}

/// One kept process's groups, in each hierarchy.
#[derive(Debug)]
pub struct Group {
    folders: Vec<PathBuf>,
}

impl Group {
    /// Makes the calling process's groups, with nobody in them.
    ///
    /// # Errors
    /// When a folder or a limit cannot be written; what was made is removed.
    pub(crate) fn make(parents: &[Parent], limits: &Limits) -> io::Result<Self> {
        let name = name_of(getpid().as_raw())?.ok_or_else(|| io::Error::other("/proc does not know this process"))?;
        let mut group = Self { folders: Vec::new() };
        for Parent { folder, controls } in parents {
            let folder = folder.join(&name);
            let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", folder.display()));
            let limited = fs::create_dir(&folder).and_then(|()| {
                group.folders.push(folder.clone());
                controls.iter().try_for_each(|&control| limit(&folder, control, limits))
            });
            if let Err(error) = limited {
                let error = named(error);
                group.remove();
                return Err(error);
            }
        }
        Ok(group)
    }

    /// Its folders: a process joins the group by joining each.
    pub(crate) fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// Ends everyone in it at once, where the kernel can.
    pub(crate) fn kill(&self) {
        for folder in &self.folders {
            kill(folder);
        }
    }

    /// What those in it have asked for in vain.
    pub(crate) fn exceeded(&self) -> Exceeded {
        // Version 1 and 2 count in files of different names, and one of each is there at most.
        let counted = |file: &str, event: &str| {
            let told = self.folders.iter().filter_map(|folder| fs::read_to_string(folder.join(file)).ok());
            told.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>())
                .any(|line| line.split_once(' ').is_some_and(|(name, count)| name == event && count.trim() != "0"))
        };
        Exceeded {
            memory: counted("memory.events", "oom_kill") || counted("memory.oom_control", "oom_kill"),
            processes: counted("pids.events", "max"),
        }
    }

    /// Removes it once nobody is in it any more.
    pub(crate) fn remove(&self) {
        for folder in &self.folders {
            let since = Instant::now();
            while let Err(error) = fs::remove_dir(folder) {
                if error.kind() == io::ErrorKind::NotFound || since.elapsed() > EMPTY_LIMIT {
                    break;
                }
                std::thread::park_timeout(LOOK_AGAIN);
            }
        }
    }
}

/// Takes the calling process into a group, and with it whom it forks.
pub(super) fn join(folders: &[PathBuf]) -> io::Result<()> {
    folders.iter().try_for_each(|folder| write(&folder.join("cgroup.procs"), "0"))
}

fn kill(folder: &Path) {
    let file = folder.join("cgroup.kill");
    if file.exists() {
        // Fails only where the group is gone.
        drop(write(&file, "1"));
        return;
    }
    // Version 1 has its members ended one by one.
    let members = fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default();
    for process in members.lines().filter_map(|pid| Process::new(pid.parse().ok()?).ok()) {
        // A number may have passed to another process since it was read.
        if is_member(&process, folder)
            && let Err(error) = signal(&process, Signal::KILL)
        {
            tracing::warn!(%error, pid = process.pid, "cannot end a process of a control group");
        }
    }
}

/// Whether a process is in the group of that folder's name, which no other has.
fn is_member(process: &Process, folder: &Path) -> bool {
    let groups = process.cgroups().map(|groups| groups.0).unwrap_or_default();
    groups.iter().any(|group| Path::new(&group.pathname).file_name() == folder.file_name())
}

fn limit(folder: &Path, control: Control, limits: &Limits) -> io::Result<()> {
    let memory = limits.memory_bytes.to_string();
    // Swap would take the place of memory, and a host without it has no such file.
    let if_there = |file: &str, value: &str| {
        let path = folder.join(file);
        if path.exists() { write(&path, value) } else { Ok(()) }
    };
    match control {
        Control::MemoryV1 => {
            write(&folder.join("memory.limit_in_bytes"), &memory)?;
            if_there("memory.memsw.limit_in_bytes", &memory)
        }
        Control::MemoryV2 => {
            write(&folder.join("memory.max"), &memory)?;
            if_there("memory.swap.max", "0")?;
            // Half a server is none.
            if_there("memory.oom.group", "1")
        }
        Control::Processes => write(&folder.join("pids.max"), &limits.processes.to_string()),
        Control::Kill => Ok(()),
    }
}

/// Writes to a file that is there; a group's files appear with it.
fn write(path: &Path, value: &str) -> io::Result<()> {
    use io::Write;
    fs::OpenOptions::new().write(true).open(path)?.write_all(value.as_bytes())
}

/// What a keeper calls its groups; `None` where there is no process of that number. Its start time tells it from a later one of
/// the same number, and is another for who looks from another time namespace.
fn name_of(keeper: i32) -> io::Result<Option<String>> {
    match Process::new(keeper).and_then(|process| process.stat()) {
        Ok(stat) => Ok(Some(format!("{PREFIX}{keeper}-{}-{}", stat.starttime, time_namespace()))),
        Err(ProcError::NotFound(_)) => Ok(None),
        Err(error) => Err(io::Error::other(error)),
    }
}

/// That of this process; 0 where the kernel has none.
fn time_namespace() -> u64 {
    fs::metadata("/proc/self/ns/time").map_or(0, |namespace| namespace.ino())
}

/// Whether nobody keeps the group of that name any more, as far as can be said for sure.
fn is_left_over(name: &str) -> bool {
    let mut parts = name.strip_prefix(PREFIX).unwrap_or_default().split('-');
    let Some(keeper) = parts.next().and_then(|keeper| keeper.parse().ok()) else { return false };
    let is_comparable = parts.nth(1) == Some(&time_namespace().to_string());
    match name_of(keeper) {
        Ok(Some(current)) => is_comparable && current != name,
        Ok(None) => true,
        Err(_) => false,
    }
}

/// Where groups may be made, as far as can be told without trying: the agent's own groups, and in version 2 the one above
/// as well, as a group with processes can have no controllers for others.
pub(super) fn candidates() -> Vec<Parent> {
    let Ok(own) = Process::myself() else { return Vec::new() };
    let (Ok(mounts), Ok(memberships)) = (own.mountinfo(), own.cgroups()) else { return Vec::new() };
    let mut found = Vec::new();
    for mount in mounts {
        let has = |option: &str| mount.super_options.contains_key(option);
        let controls = match mount.fs_type.as_str() {
            "cgroup2" => Vec::new(),
            "cgroup" if has("memory") => vec![Control::MemoryV1],
            "cgroup" if has("pids") => vec![Control::Processes],
            _ => continue,
        };
        let version_2 = controls.is_empty();
        let member = memberships
            .0
            .iter()
            .find(|member| if version_2 { member.hierarchy == 0 } else { member.controllers.iter().any(|it| has(it)) });
        let Some(own) = member.map(|member| below(&mount, &member.pathname)) else { continue };
        if version_2 {
            found.extend(version_2_parent(&own, &mount.mount_point));
        } else {
            found.push(Parent { folder: own, controls });
        }
    }
    found
}

/// The folder of a group, which a container may see only from its own on.
fn below(mount: &MountInfo, group: &str) -> PathBuf {
    let relative = Path::new(group).strip_prefix(&mount.root).unwrap_or(Path::new(""));
    let folder = mount.mount_point.join(relative.strip_prefix("/").unwrap_or(relative));
    if folder.is_dir() { folder } else { mount.mount_point.clone() }
}

fn version_2_parent(own: &Path, mount_point: &Path) -> Option<Parent> {
    let above = own.parent().filter(|above| above.starts_with(mount_point));
    // The root of the hierarchy may have processes and controllers at once.
    let folder = above.unwrap_or(own).to_owned();
    let enabled = fs::read_to_string(folder.join("cgroup.subtree_control")).unwrap_or_default();
    let mut controls = Vec::new();
    for (word, control) in [("memory", Control::MemoryV2), ("pids", Control::Processes)] {
        if enabled.split_whitespace().any(|it| it == word) {
            controls.push(control);
        }
    }
    // Since Linux 5.14; the root of the hierarchy has none itself.
    if own.join("cgroup.kill").exists() || above.is_none() {
        controls.push(Control::Kill);
    }
    (!controls.is_empty()).then_some(Parent { folder, controls })
}

/// Where the agent is alone in a version 2 group that it may change, as a service with `Delegate=` is: moves it one level
/// down, so that its own group can have controllers for the groups of what it starts.
pub fn settle() {
    let own = Process::myself().ok().and_then(|own| {
        let mounts = own.mountinfo().ok()?;
        let mount = mounts.into_iter().find(|mount| mount.fs_type == "cgroup2")?;
        let member = own.cgroups().ok()?.0.into_iter().find(|member| member.hierarchy == 0)?;
        let folder = below(&mount, &member.pathname);
        (folder != mount.mount_point).then_some(folder)
    });
    if let Some(own) = own
        && let Err(error) = settle_in(&own)
    {
        tracing::debug!(%error, group = %own.display(), "the agent stays where it is");
    }
}

fn settle_in(own: &Path) -> io::Result<()> {
    let members = fs::read_to_string(own.join("cgroup.procs"))?;
    if members.trim() != getpid().to_string() {
        return Err(io::Error::other("others are in the agent's control group"));
    }
    let agent = own.join("rpycbench-agent");
    match fs::create_dir(&agent) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    write(&agent.join("cgroup.procs"), "0")?;
    write(&own.join("cgroup.subtree_control"), "+memory +pids")
}

/// Ends everyone in it, also whom a member forks meanwhile, and removes it.
fn end(folder: &Path) {
    let since = Instant::now();
    while since.elapsed() < EMPTY_LIMIT {
        kill(folder);
        match fs::remove_dir(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => std::thread::park_timeout(LOOK_AGAIN),
            _ => return,
        }
    }
    tracing::warn!(group = %folder.display(), "what a keeper has left does not end; the next start tries again");
}

/// Ends and removes the groups of keepers that are no more: one that was killed could not clean up.
pub(crate) fn sweep(parents: &[Parent]) {
    for Parent { folder, .. } in parents {
        let Ok(entries) = fs::read_dir(folder) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if is_left_over(&name) {
                tracing::info!(group = %entry.path().display(), "a keeper was killed: what it left is removed");
                end(&entry.path());
            }
        }
    }
}

#[cfg(test)]
mod tests;
