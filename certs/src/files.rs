//! Secrets on disk: readable by their owner alone, and always whole.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A file of keys or certificates could not be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", .path.display())]
pub struct FileError {
    action: &'static str,
    path: PathBuf,
    source: io::Error,
}

fn failed(action: &'static str, path: &Path) -> impl Fn(io::Error) -> FileError {
    let path = path.to_owned();
    move |source| FileError { action, path: path.clone(), source }
}

/// Makes a folder that only its owner may enter.
pub(crate) fn private_folder(path: &Path) -> Result<(), FileError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed("make", path))
}

/// Reads a JSON file; `None` where there is none.
pub(crate) fn load<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, FileError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("read", path)(error)),
    };
    serde_json::from_str(&text).map(Some).map_err(|error| failed("read", path)(error.into()))
}

/// Writes a JSON file that only its owner may read. A reader finds the old content or the new, also after a crash.
pub(crate) fn save(path: &Path, value: &impl Serialize) -> Result<(), FileError> {
    write(path, value, |aside| fs::rename(aside, path))
}

/// Like [`save`], but leaves a file alone that is there already.
pub(crate) fn save_first(path: &Path, value: &impl Serialize) -> Result<(), FileError> {
    write(path, value, |aside| match fs::hard_link(aside, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => fs::remove_file(aside),
    })
}

/// Writes aside and lets `place` bring it to its place.
fn write(path: &Path, value: &impl Serialize, place: impl FnOnce(&Path) -> io::Result<()>) -> Result<(), FileError> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let refused = failed("write", path);
    let text = serde_json::to_vec_pretty(value).map_err(|error| refused(error.into()))?;
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let aside = path.with_extension(format!("{}-{number}.part", std::process::id()));
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
        file.write_all(&text)?;
        file.sync_all()?;
        place(&aside)?;
        path.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
    };
    write().map_err(|error| {
        drop(fs::remove_file(&aside));
        refused(error)
    })
}

/// Removes a file, if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(error)),
        _ => Ok(()),
    }
}
