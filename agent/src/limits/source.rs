//! Where limits are, whether what is there may be believed, and reading them again for every run.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Limits, Mistake};

/// Where an agent looks that is told nothing else.
pub const DEFAULT_FILE: &str = "/etc/rpycbench/limits.toml";
/// Far more than any file of limits has: a mistake is not read into memory whole.
const MAX_BYTES: u64 = 1 << 20;
/// Set for everybody's folders, such as `/tmp`, in which each may only replace what is his own.
const STICKY: u32 = 0o1000;
const OTHERS_WRITE: u32 = 0o022;

/// There are no limits to go by, and so nothing may run.
#[derive(Debug, thiserror::Error)]
pub enum LimitsError {
    /// What is written in the file.
    #[error(transparent)]
    Mistake(#[from] Mistake),
    /// The file cannot be read.
    #[error("cannot read the limits {}: {source}; no run begins without them", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others could write it.
    #[error(
        "the limits {} cannot be believed: {} {why}; mend that with `sudo chown root: {} && sudo chmod go-w {}`",
        .file.display(), .culprit.display(), .culprit.display(), .culprit.display()
    )]
    Unsafe {
        /// The file.
        file: PathBuf,
        /// It, or its folder.
        culprit: PathBuf,
        /// Who could.
        why: String,
    },
}

/// Where an agent's limits come from.
#[derive(Debug)]
pub enum LimitsSource {
    /// A file.
    File {
        /// Its path.
        path: PathBuf,
        /// Whether it must be there: it was named, or was there once.
        required: AtomicBool,
        /// What "listen" stands for.
        listen: Option<IpAddr>,
    },
    /// Those of an agent that the controller starts as its own user.
    OwnUser,
}

impl LimitsSource {
    /// The file that was named, which must be there, or the usual one, if it is there.
    pub fn new(named: Option<PathBuf>, listen: Option<IpAddr>) -> Self {
        let required = AtomicBool::new(named.is_some());
        Self::File { path: named.unwrap_or_else(|| DEFAULT_FILE.into()), required, listen }
    }

    /// The limits as they are now.
    ///
    /// # Errors
    /// When the file is gone, wrong, or could have been written by others. Then nothing may be allowed.
    pub fn read(&self) -> Result<Limits, LimitsError> {
        let Self::File { path, required, listen } = self else { return Ok(Limits::own_user()?) };
        let unreadable = |source| LimitsError::Unreadable { file: path.clone(), source };
        let mut file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !required.load(Ordering::Relaxed) => {
                return Ok(Limits::built_in(*listen)?);
            }
            opened => opened.map_err(unreadable)?,
        };
        required.store(true, Ordering::Relaxed);
        // Of the open file, not of the name: nobody can exchange it in between.
        judge(path, path, &file.metadata().map_err(unreadable)?, 0)?;
        let whole = path.canonicalize().map_err(unreadable)?;
        if let Some(folder) = whole.parent() {
            judge(path, folder, &folder.metadata().map_err(unreadable)?, STICKY)?;
        }
        let mut text = String::new();
        file.by_ref().take(MAX_BYTES).read_to_string(&mut text).map_err(unreadable)?;
        Ok(Limits::parse(path, &text, *listen)?)
    }
}

/// Only root and the agent's own user may be able to change what decides about the agent. `excused` is a bit of the mode that
/// takes the danger from others' writing.
fn judge(file: &Path, culprit: &Path, data: &Metadata, excused: u32) -> Result<(), LimitsError> {
    let own = nix::unistd::geteuid().as_raw();
    let (owner, mode) = (data.uid(), data.mode());
    let why = if owner != 0 && owner != own {
        format!("belongs to user {owner}, and neither to root nor to the agent's user {own}")
    } else if mode & OTHERS_WRITE != 0 && mode & excused == 0 {
        format!("can be written by others than its owner (mode {:03o})", mode & 0o777)
    } else {
        return Ok(());
    };
    Err(LimitsError::Unsafe { file: file.to_owned(), culprit: culprit.to_owned(), why })
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, remove_file, set_permissions, write};
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::limits::Origin;

    fn named(path: &Path) -> LimitsSource {
        LimitsSource::new(Some(path.to_owned()), None)
    }

    #[test]
    fn a_file_that_is_edited_is_read_again_and_one_that_goes_bad_allows_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("limits.toml");
        let source = named(&path);
        assert!(matches!(source.read(), Err(LimitsError::Unreadable { .. })), "a named file must be there");
        write(&path, "max_clients = 1").expect("writable");
        assert!(!source.read().expect("sound").max_clients.value.allows(2));
        write(&path, "max_clients = 2").expect("writable");
        assert!(source.read().expect("sound").max_clients.value.allows(2));
        write(&path, "max_clients = ").expect("writable");
        assert!(matches!(source.read(), Err(LimitsError::Mistake(_))));
        write(&path, [0xff]).expect("writable");
        assert!(source.read().is_err());
        remove_file(&path).expect("it is there");
        assert!(source.read().is_err());
    }

    #[test]
    fn s7_the_usual_file_may_be_missing_until_it_was_there_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("limits.toml");
        let source = LimitsSource::File { path: path.clone(), required: AtomicBool::new(false), listen: None };
        assert_eq!(source.read().expect("built in").origin, Origin::BuiltIn);
        write(&path, "").expect("writable");
        assert_eq!(source.read().expect("sound").origin, Origin::File(path.clone()));
        remove_file(&path).expect("it is there");
        assert!(source.read().is_err(), "whoever could take limits away by removing them would have none");
    }

    #[test]
    fn a_file_or_folder_that_others_may_write_is_not_believed_and_how_to_mend_it_is_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("limits.toml");
        write(&path, "").expect("writable");
        let mode = |path: &Path, mode| set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
        for bad in [0o666, 0o664, 0o646, 0o622] {
            mode(&path, bad);
            let said = named(&path).read().expect_err("not believed").to_string();
            assert!(said.contains("can be written by others") && said.contains("sudo chmod go-w"), "{said}");
        }
        mode(&path, 0o644);
        named(&path).read().expect("believed");
        mode(folder.path(), 0o777);
        let said = named(&path).read().expect_err("it could be exchanged").to_string();
        assert!(said.contains(&format!("{} can be written", folder.path().display())), "{said}");
        mode(folder.path(), 0o1777);
        named(&path).read().expect("only its owner can exchange it");
        if nix::unistd::geteuid().is_root() {
            std::os::unix::fs::chown(&path, Some(12345), None).expect("root may");
            let said = named(&path).read().expect_err("not believed").to_string();
            assert!(said.contains("belongs to user 12345"), "{said}");
        }
    }
}
