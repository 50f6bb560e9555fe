//! The agent's disk: what was written but not flushed is lost with the power, and it may be full, slow or broken.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use rpycbench_agent::spool::Disk;
use tokio::time::sleep;

#[derive(Debug, Default)]
struct File {
    bytes: Vec<u8>,
    /// How much of it survives a power cut.
    flushed: usize,
}

/// What may be wrong with a disk.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ills {
    /// Nothing more fits.
    pub(crate) full: bool,
    /// Flushing fails.
    pub(crate) broken: bool,
    /// How long flushing takes.
    pub(crate) slow: Duration,
}

#[derive(Debug, Default)]
struct State {
    files: BTreeMap<PathBuf, File>,
    ills: Ills,
}

/// One that outlives whoever writes to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct SimDisk(Arc<Mutex<State>>);

impl SimDisk {
    pub(crate) fn fall_ill(&self, change: impl FnOnce(&mut Ills)) {
        change(&mut self.state().ills);
    }

    /// The power is gone: of what was not flushed any part may be there, and the last of it may be anything.
    pub(crate) fn cut_power(&self, random: &mut StdRng) {
        for file in self.state().files.values_mut() {
            let kept = random.random_range(file.flushed..=file.bytes.len());
            file.bytes.truncate(kept);
            if kept > file.flushed && random.random_bool(0.5) {
                file.bytes[kept - 1] ^= 0xff;
            }
            file.flushed = file.bytes.len();
        }
        self.state().files.retain(|_, file| !file.bytes.is_empty());
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for SimDisk {
    fn exists(&self, path: &Path) -> bool {
        self.state().files.contains_key(path)
    }

    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let full = state.ills.full;
        let file = state.files.entry(path.to_owned()).or_default();
        // A full disk takes a part.
        let taken = if full { bytes.len() / 3 } else { bytes.len() };
        file.bytes.extend_from_slice(&bytes[..taken]);
        if full { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&self, path: &Path) -> Pin<Box<dyn Future<Output = io::Result<()>> + Send>> {
        let (disk, path) = (self.clone(), path.to_owned());
        Box::pin(async move {
            let slow = disk.state().ills.slow;
            sleep(slow).await;
            let mut state = disk.state();
            if state.ills.broken {
                return Err(io::Error::other("the disk is broken"));
            }
            if let Some(file) = state.files.get_mut(&path) {
                file.flushed = file.bytes.len();
            }
            Ok(())
        })
    }

    fn read(&self, path: &Path, from: u64, most: usize) -> io::Result<Vec<u8>> {
        let state = self.state();
        let file = state.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        let from = (from as usize).min(file.bytes.len());
        let to = file.bytes.len().min(from + most);
        Ok(file.bytes[from..to].to_vec())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.state().files.remove(path);
        Ok(())
    }

    fn files(&self, folder: &Path) -> io::Result<Vec<(PathBuf, u64)>> {
        let state = self.state();
        let inside = state.files.iter().filter(|(path, _)| path.parent() == Some(folder));
        Ok(inside.map(|(path, file)| (path.clone(), file.bytes.len() as u64)).collect())
    }

    fn free(&self, _: &Path) -> io::Result<u64> {
        Ok(u64::MAX)
    }
}
