//! The folder for environments: writable, on a file system that lets libraries be loaded, with room.

use std::path::Path;

use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{AccessFlags, access};

use super::Finding;

const AREA: &str = "state";
/// The environments of all stacks take about 60 MB; twice that while one is made anew.
const NEEDED_BYTES: u64 = 150_000_000;

pub(super) fn examine(state: &Path) -> Vec<Finding> {
    // The folder is made when the agent starts, so what counts is where it will be made.
    let here = std::path::absolute(state).unwrap_or_else(|_| state.to_owned());
    let Some(existing) = here.ancestors().find(|folder| folder.exists()) else { return Vec::new() };
    let writable = existing.is_dir() && access(existing, AccessFlags::W_OK | AccessFlags::X_OK).is_ok();
    let (free, noexec) = match statvfs(existing) {
        Ok(system) => (
            system.blocks_available().saturating_mul(system.fragment_size()),
            system.flags().contains(FsFlags::ST_NOEXEC),
        ),
        Err(_) => (u64::MAX, false),
    };
    vec![judge(&here, writable, noexec, free)]
}

fn judge(state: &Path, writable: bool, noexec: bool, free_bytes: u64) -> Finding {
    let state = state.display();
    if !writable {
        let advice = "give its owner the agent's user, or choose another folder with --state";
        return Finding::bad(AREA, format!("{state} cannot be written"), advice);
    }
    if noexec {
        let advice = "Python's libraries cannot be loaded from there: choose another folder with --state";
        return Finding::bad(AREA, format!("{state} is on a file system mounted noexec"), advice);
    }
    if free_bytes < NEEDED_BYTES {
        let found = format!("{state} has {} MB free", free_bytes / 1_000_000);
        let advice = format!("free {} MB for the Python environments", NEEDED_BYTES / 1_000_000);
        return Finding::warn(AREA, found, advice);
    }
    Finding::ok(AREA, format!("{state} can be written"))
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn a_state_folder_must_be_writable_loadable_and_roomy() {
        let level = |writable, noexec, free| judge(Path::new("/s"), writable, noexec, free).level;
        assert_eq!(level(true, false, NEEDED_BYTES), Level::Ok);
        assert_eq!(level(true, false, NEEDED_BYTES - 1), Level::Warn);
        assert_eq!(level(true, true, u64::MAX), Level::Bad);
        assert_eq!(level(false, false, u64::MAX), Level::Bad);
    }

    #[test]
    fn a_folder_below_a_file_cannot_be_made() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        assert_eq!(examine(&folder.path().join("file/state"))[0].level, Level::Bad);
        assert_eq!(examine(&folder.path().join("not/yet/there"))[0].level, Level::Ok);
    }
}
