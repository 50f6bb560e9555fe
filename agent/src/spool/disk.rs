//! What the spool asks of a disk, so that a simulated one can fail in every way that a real one does.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;

/// Files that only grow, each read by who wrote it.
pub trait Disk: fmt::Debug + Send + Sync + 'static {
    /// Whether there is such a file.
    fn exists(&self, path: &Path) -> bool;

    /// Writes to the end of a file, which is made where it is missing, with its folder.
    ///
    /// # Errors
    /// The disk's. Some of the bytes may have been written.
    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;

    /// Brings to the disk what was written to a file, and its name. The caller goes on meanwhile.
    ///
    /// # Errors
    /// The disk's. Nobody knows then what is on it.
    fn sync(&self, path: &Path) -> Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

    /// Reads up to `most` bytes; fewer only where the file ends.
    ///
    /// # Errors
    /// The disk's.
    fn read(&self, path: &Path, from: u64, most: usize) -> io::Result<Vec<u8>>;

    /// Removes a file, and its folder where that was the last in it.
    ///
    /// # Errors
    /// The disk's. A file that is not there is no error.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// The files of a folder and their lengths; none where there is no such folder.
    ///
    /// # Errors
    /// The disk's.
    fn files(&self, folder: &Path) -> io::Result<Vec<(PathBuf, u64)>>;

    /// Bytes that may be written below a folder that is there.
    ///
    /// # Errors
    /// The disk's.
    fn free(&self, folder: &Path) -> io::Result<u64>;
}

/// This host's.
#[derive(Clone, Copy, Debug)]
pub struct HostDisk;

impl Disk for HostDisk {
    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let open = || OpenOptions::new().append(true).create(true).mode(0o600).open(path);
        let mut file = match (open(), path.parent()) {
            (Err(error), Some(folder)) if error.kind() == io::ErrorKind::NotFound => {
                fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
                open()?
            }
            (opened, _) => opened?,
        };
        file.write_all(bytes)
    }

    fn sync(&self, path: &Path) -> Pin<Box<dyn Future<Output = io::Result<()>> + Send>> {
        let path = path.to_owned();
        let sync = move || {
            File::open(&path)?.sync_all()?;
            // Its own name, and that of the folder it may have been the first of.
            path.ancestors().skip(1).take(2).try_for_each(|folder| File::open(folder)?.sync_all())
        };
        Box::pin(async { tokio::task::spawn_blocking(sync).await.map_err(io::Error::other).flatten() })
    }

    fn read(&self, path: &Path, from: u64, most: usize) -> io::Result<Vec<u8>> {
        let file = File::open(path)?;
        let (mut bytes, mut found) = (vec![0; most], 0);
        while found < most {
            match file.read_at(&mut bytes[found..], from + found as u64) {
                Ok(0) => break,
                Ok(count) => found += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(found);
        Ok(bytes)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        if let Some(folder) = path.parent() {
            // Refused where others are in it.
            drop(fs::remove_dir(folder));
        }
        Ok(())
    }

    fn files(&self, folder: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
        let entries = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut files = Vec::new();
        for entry in entries {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_file() {
                files.push((entry.path(), metadata.len()));
            }
        }
        Ok(files)
    }

    fn free(&self, folder: &Path) -> io::Result<u64> {
        let found = rustix::fs::statvfs(folder)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }
}
