//! The user a role runs as, and the capabilities it has: none.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::sys::stat::{Mode, stat, umask};
use nix::unistd::{Gid, Uid, User, getegid, geteuid, setgroups, setresgid, setresuid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, remove_capability_from_bounding_set,
    set_capabilities,
};
use serde::{Deserialize, Serialize};

/// What everyone calls the user that owns nothing. It stands in the host's list of users, unlike a number picked by us:
/// `requests` looks its user's home up in every call, and for a number that no list has some hosts ask a service.
const NAME: &str = "nobody";
/// Its number nearly everywhere.
const NUMBER: u32 = 65534;

/// An unprivileged user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

/// What the agent needs to give a process to another user and still look after it: become that user, signal it, read the
/// recording in its memory.
const NEEDED: [(CapabilitySet, &str); 4] = [
    (CapabilitySet::SETUID, "CAP_SETUID"),
    (CapabilitySet::SETGID, "CAP_SETGID"),
    (CapabilitySet::KILL, "CAP_KILL"),
    (CapabilitySet::SYS_PTRACE, "CAP_SYS_PTRACE"),
];

/// Whether this process is root, and a role would be too.
pub(super) fn is_root() -> bool {
    geteuid().is_root()
}

/// The user for roles of an agent that is root, who can reach everything below `state` and the interpreter; or why there is
/// none.
pub(super) fn choose(state: &Path, interpreter: Option<&Path>) -> Result<Account, String> {
    let held = capabilities(None).map_err(|error| format!("capabilities cannot be read: {error}"))?.effective;
    if let Some((_, name)) = NEEDED.iter().find(|(needed, _)| !held.contains(*needed)) {
        return Err(format!("root without {name} cannot look after another user's processes"));
    }
    // The state folder itself is the agent's to open.
    if let Some(closed) = state.parent().and_then(closed_to_others) {
        let closed = closed.display();
        return Err(format!(
            "{closed} is closed to other users, and the Python environments lie in it: choose --state"
        ));
    }
    if let Some(interpreter) = interpreter
        && let Some(closed) = closed_to_others(interpreter)
    {
        let (closed, interpreter) = (closed.display(), interpreter.display());
        return Err(format!(
            "{closed} is closed to other users, and {interpreter} lies in it: install Python elsewhere"
        ));
    }
    Ok(match User::from_name(NAME) {
        Ok(Some(user)) if !user.uid.is_root() => Account { uid: user.uid.as_raw(), gid: user.gid.as_raw() },
        _ => Account { uid: NUMBER, gid: NUMBER },
    })
}

/// The first folder on the way to `path` that others cannot pass.
fn closed_to_others(path: &Path) -> Option<&Path> {
    const PASS: u32 = 0o001;
    let mut folders: Vec<&Path> = path.ancestors().filter(|folder| folder.is_dir()).collect();
    folders.reverse();
    folders.into_iter().find(|folder| stat(*folder).is_ok_and(|found| found.st_mode & PASS == 0))
}

/// Makes the state folder passable, but not readable, for others; keys in it are files of their owner alone. What is made
/// in it from now on can be read.
pub(super) fn open_up(state: &Path) -> std::io::Result<()> {
    umask(Mode::from_bits_truncate(0o022));
    for folder in [state.to_owned(), state.join("environments"), state.join("workers")] {
        fs::create_dir_all(&folder)?;
    }
    fs::set_permissions(state, fs::Permissions::from_mode(0o711))
}

impl Account {
    /// Becomes that user for good.
    pub(super) fn become_it(self) -> nix::Result<()> {
        let (user, group) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        setgroups(&[group])?;
        setresgid(group, group, group)?;
        setresuid(user, user, user)
    }
}

/// Leaves no capability that this process, or a program it becomes, could have. Before the user is changed, and again
/// after: changing it needs some.
pub(super) fn close_bounds() -> rustix::io::Result<()> {
    let held = capabilities(None)?;
    if held.permitted.is_empty() {
        return Ok(());
    }
    clear_ambient_capability_set()?;
    if !held.effective.contains(CapabilitySet::SETPCAP) {
        return Err(rustix::io::Errno::PERM);
    }
    for capability in CapabilitySet::all().iter() {
        match remove_capability_from_bounding_set(capability) {
            // A newer one than this kernel has.
            Ok(()) | Err(rustix::io::Errno::INVAL) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Gives up what is held.
pub(super) fn drop_capabilities() -> rustix::io::Result<()> {
    let none = CapabilitySet::empty();
    let held = capabilities(None)?;
    // Where nothing is held, asking for it may be forbidden as well, as it is to a hardened service.
    if held.permitted.is_empty() && held.inheritable.is_empty() {
        return Ok(());
    }
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })
}

/// In words, for an agent that is not root.
pub(super) fn own_user() -> String {
    format!("the agent's own, uid {} gid {}, which is not root", geteuid(), getegid())
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::*;

    #[test]
    fn a_folder_on_the_way_that_is_closed_is_named() {
        let home = tempfile::tempdir().expect("a folder");
        let state = home.path().join("open/state");
        fs::create_dir_all(&state).expect("folders");
        fs::set_permissions(home.path(), Permissions::from_mode(0o700)).expect("it is ours");
        assert_eq!(closed_to_others(&state), Some(home.path()));
        fs::set_permissions(home.path(), Permissions::from_mode(0o711)).expect("it is ours");
        assert_eq!(closed_to_others(&state), None);
        assert_eq!(closed_to_others(&state.join("not/yet/there")), None);
    }
}
