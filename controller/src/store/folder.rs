//! Making and filling a run folder.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::manifest::Manifest;
use super::table::sync_folder;

/// A file of the run folder could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {source}", .path.display())]
pub struct FolderError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

impl FolderError {
    fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { path, source }
    }
}

/// The folder of one run, held by whoever fills it: nobody else can meanwhile.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// The folder itself, locked until the last of these is dropped, or its process has ended.
    _held: Arc<File>,
}

impl RunFolder {
    /// Makes `<out>/<UTC time>-<study>` with the plan in it and points `<out>/latest` at it.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn create(out: &Path, study: &str, plan: &[u8], now: Timestamp) -> Result<Self, FolderError> {
        let stamp = now.strftime("%Y%m%dT%H%M%SZ");
        fs::create_dir_all(out).map_err(FolderError::at(out))?;
        // Two runs may begin within one second.
        let path = (1..)
            .map(|attempt| match attempt {
                1 => out.join(format!("{stamp}-{study}")),
                _ => out.join(format!("{stamp}-{study}-{attempt}")),
            })
            .find_map(|path| match fs::create_dir(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => None,
                outcome => Some(outcome.map(|()| path.clone()).map_err(FolderError::at(&path))),
            })
            .unwrap_or_else(|| {
                Err(FolderError { path: out.to_owned(), source: io::ErrorKind::AlreadyExists.into() })
            })?;
        let samples = path.join("samples");
        fs::create_dir(&samples).map_err(FolderError::at(&samples))?;
        write_atomically(&path.join("plan.toml"), plan)?;
        sync_folder(out).map_err(FolderError::at(out))?;
        point_latest(out, &path)?;
        Self::open(path)
    }

    /// One that was made before.
    ///
    /// # Errors
    /// When there is none, or a run is filling it.
    pub fn open(path: PathBuf) -> Result<Self, FolderError> {
        let hold = || {
            let folder = File::open(&path)?;
            match folder.try_lock() {
                // Not every file system of a network knows locks.
                Ok(()) | Err(TryLockError::Error(_)) => Ok(folder),
                Err(TryLockError::WouldBlock) => {
                    Err(io::Error::other("a run is filling it: wait until that has ended"))
                }
            }
        };
        let held = Arc::new(hold().map_err(FolderError::at(&path))?);
        Ok(Self { path, _held: held })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file of this run, with every folder on the way.
    ///
    /// # Errors
    /// When one of them cannot be made.
    pub fn make_way(&self, name: &str) -> Result<PathBuf, FolderError> {
        let path = self.path.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(FolderError::at(folder))?;
        }
        Ok(path)
    }

    /// Gives a file of this run another name; where there is no such file, nothing is done.
    ///
    /// # Errors
    /// When it cannot have it.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), FolderError> {
        let target = self.make_way(to)?;
        match fs::rename(self.path.join(from), &target) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FolderError { path: target, source: error }),
            _ => Ok(()),
        }
    }

    /// Removes a file of this run, if there is such a one.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, name: &str) -> Result<(), FolderError> {
        let path = self.path.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FolderError { path, source: error }),
            _ => Ok(()),
        }
    }

    /// Writes `run.json`.
    ///
    /// # Errors
    /// When it cannot be written; an earlier one is then still whole.
    pub fn save(&self, manifest: &Manifest) -> Result<(), FolderError> {
        let path = self.path.join("run.json");
        let mut json = serde_json::to_vec_pretty(manifest)
            .map_err(|error| FolderError { path: path.clone(), source: error.into() })?;
        json.push(b'\n');
        write_atomically(&path, &json)?;
        // Agents let go of what is entered there.
        sync_folder(&self.path).map_err(FolderError::at(&path))
    }
}

fn point_latest(out: &Path, run: &Path) -> Result<(), FolderError> {
    let latest = out.join("latest");
    // A link made aside and renamed over the old one: there is always one to follow.
    let aside = out.join(format!(".latest-{}", std::process::id()));
    let target = run.file_name().map(PathBuf::from).unwrap_or_default();
    std::os::unix::fs::symlink(target, &aside)
        .and_then(|()| fs::rename(&aside, &latest))
        .map_err(FolderError::at(&latest))
}

/// Writes a file so that a reader finds the old content or the new one, never a part.
///
/// # Errors
/// When it cannot be written; nothing is left of the attempt.
pub fn write_atomically(path: &Path, content: &[u8]) -> Result<(), FolderError> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".part");
    let aside = PathBuf::from(aside);
    let written = File::create(&aside)
        .and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&aside, path));
    if written.is_err() {
        // The disk may be full: what was begun only takes up more of it.
        drop(fs::remove_file(&aside));
    }
    written.map_err(FolderError::at(path))
}
