//! Which agent of this host a command of its administrator is about, and acting as that agent's user.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid, geteuid, setgid, setgroups, setuid};
use rpycbench_process::home;

/// The state of an agent that runs as a service, see `deploy/systemd`.
const SERVICE_STATE: &str = "/var/lib/rpycbench-agent";

/// The state folder that is named, or of the agent installed as a service, or of this user's own agent.
///
/// # Errors
/// When none is named, none is installed, and this user has no home.
pub(crate) fn state_folder(given: Option<&Path>) -> Result<PathBuf, home::NoHome> {
    let service = PathBuf::from(SERVICE_STATE);
    match given {
        Some(folder) => Ok(std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())),
        None if std::env::var_os(home::VARIABLE).is_none() && service.is_dir() => Ok(service),
        None => Ok(home::folder()?.join("agent")),
    }
}

/// Where root acts on the state of an agent that runs as another user, becomes that user, for what it writes must be that
/// agent's to read. Call it while there is one thread.
///
/// # Errors
/// When the system does not allow it.
pub(crate) fn act_as_owner(folder: &Path) -> io::Result<()> {
    let owner = match folder.metadata() {
        Ok(owner) if geteuid().is_root() && owner.uid() != 0 => owner,
        // A folder that is not there yet will be its maker's.
        _ => return Ok(()),
    };
    setgroups(&[])?;
    setgid(Gid::from_raw(owner.gid()))?;
    setuid(Uid::from_raw(owner.uid()))?;
    Ok(())
}
