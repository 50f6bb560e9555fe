//! Samples and stamps on this host's disk, from when they were taken until the controller has them on its own.
//!
//! ```text
//! <state>/spool/<run>/<stream>.segments      a stream of sealed segments, see proto/src/segment.rs
//! ```
//!
//! A segment is written before it is sent, so that whatever a controller has seen can be handed over again, also by an agent
//! that was killed and started anew. What the kernel has survives that; so that it survives a power cut too, a stream is
//! brought to the disk at its end. A stream goes when the controller says that it is stored, or after [`KEPT_FOR`].

mod delivery;
mod disk;
mod reading;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rpycbench_measure::{Samples, Stamps};
use rpycbench_proto::message::{Begin, Driven, Kept, Part, Stamped, Stream};
use rpycbench_proto::segment::{Chain, Segment, SegmentError};
use sha2::{Digest, Sha256};

pub use delivery::{Delivery, hand_over};
pub use disk::{Disk, HostDisk};
pub use reading::Reading;

/// For who comes back to a run after a long weekend.
pub const KEPT_FOR: Duration = Duration::from_secs(7 * 24 * 3600);
const SUFFIX: &str = "segments";

/// Why samples are not kept, or not found again.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The disk's.
    #[error("cannot {action} {}: {source}", .path.display())]
    Disk {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There is such a stream.
    #[error("{} of attempt {attempt} at {cell} are already kept in {}: finish its run with `run --resume`", .part.name(), .path.display())]
    Again {
        /// Of what.
        part: Part,
        /// The attempt.
        attempt: u32,
        /// The cell.
        cell: String,
        /// The file.
        path: PathBuf,
    },
    /// There is no such stream.
    #[error("{} of attempt {attempt} at {cell} are not kept here", .part.name())]
    Unknown {
        /// Of what.
        part: Part,
        /// The attempt.
        attempt: u32,
        /// The cell.
        cell: String,
    },
    /// Not as it was written.
    #[error("{}: {source}", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How that shows.
        source: SegmentError,
    },
    /// Not enough room, and nothing was begun.
    #[error("up to {} KiB of samples and stamps do not fit: {} KiB are free in {}: free some space there, or ask for fewer", .needed.div_ceil(1024), .free / 1024, .folder.display())]
    Full {
        /// Bytes.
        needed: u64,
        /// Bytes.
        free: u64,
        /// Where.
        folder: PathBuf,
    },
}

/// What one agent keeps.
#[derive(Clone, Debug)]
pub struct Spool {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
}

impl Spool {
    /// That in a folder, which comes to be when something is kept.
    pub fn new(disk: Arc<dyn Disk>, folder: PathBuf) -> Self {
        Self { disk, folder }
    }

    /// This host's, below an agent's state folder.
    pub fn of_host(state: &Path) -> Self {
        Self::new(Arc::new(HostDisk), state.join("spool"))
    }

    /// Bytes that are kept of a run.
    ///
    /// # Errors
    /// The disk's.
    pub fn used(&self, run_id: &str) -> Result<u64, SpoolError> {
        let folder = self.folder.join(run_id);
        let files = self.disk.files(&folder).map_err(failed("list", &folder))?;
        Ok(files.iter().map(|(_, bytes)| bytes).sum())
    }

    /// Looks whether the disk has room for so many bytes more.
    ///
    /// # Errors
    /// When it has not.
    pub fn room_for(&self, needed: u64) -> Result<(), SpoolError> {
        // Not there before something is kept.
        let there = self.folder.ancestors().find(|folder| self.disk.free(folder).is_ok());
        let folder = there.unwrap_or(&self.folder).to_owned();
        let free = self.disk.free(&folder).map_err(failed("look at", &folder))?;
        if needed > free { Err(SpoolError::Full { needed, free, folder }) } else { Ok(()) }
    }

    /// Begins a stream; returns its first segment, which is kept.
    ///
    /// # Errors
    /// When it cannot be kept, or is already.
    pub fn begin(&self, begin: Begin) -> Result<(Spooling, Vec<u8>), SpoolError> {
        let path = self.path(&begin.stream);
        if self.disk.exists(&path) {
            let Stream { cell, attempt, part, .. } = begin.stream;
            return Err(SpoolError::Again { part, attempt, cell: cell.to_string(), path });
        }
        let mut spooling = Spooling { disk: self.disk.clone(), path, chain: Chain::default() };
        let sealed = spooling.chain.begin(begin);
        if let Err(error) = spooling.append(&sealed) {
            // Nothing is in it, and it would stand in the way of who tries again.
            drop(self.disk.remove(&spooling.path));
            return Err(error);
        }
        Ok((spooling, sealed))
    }

    /// What is kept of what an agent has measured in a run. A file that is damaged is kept up to where it is.
    ///
    /// # Errors
    /// The disk's.
    pub fn kept(&self, run_id: &str, agent: &str) -> Result<Vec<Kept>, SpoolError> {
        let folder = self.folder.join(run_id);
        let mut kept = Vec::new();
        for (path, _) in self.disk.files(&folder).map_err(failed("list", &folder))? {
            let mut reading = Reading::of(self.disk.clone(), path.clone());
            let stream = match reading.next() {
                Some(Ok((Segment::Begin(Begin { stream, .. }), _))) => stream,
                None | Some(Err(SpoolError::Damaged { source: SegmentError::Torn { .. }, .. })) => {
                    // Whoever wrote it has not come as far as the first sample.
                    self.disk.remove(&path).map_err(failed("remove", &path))?;
                    continue;
                }
                Some(unreadable) => {
                    tracing::warn!(file = %path.display(), error = ?unreadable.err(), "none of it can be read");
                    continue;
                }
            };
            let (mut samples, mut whole) = (0, false);
            for segment in reading.map_while(Result::ok) {
                match segment.0 {
                    Segment::Begin(_) => {}
                    Segment::Rows(rows) => samples += rows.len() as u64,
                    Segment::Stamps(rows) => samples += rows.len() as u64,
                    Segment::End(end) => whole = end.is_whole(),
                }
            }
            if stream.run_id == run_id && stream.agent == agent {
                kept.push(Kept { stream, samples, whole });
            }
        }
        Ok(kept)
    }

    /// The segments of a stream, as they were sealed, up to where it ends or is damaged.
    ///
    /// # Errors
    /// When there is no such stream.
    pub fn read(&self, stream: &Stream) -> Result<Reading, SpoolError> {
        let path = self.path(stream);
        if self.disk.exists(&path) {
            return Ok(Reading::of(self.disk.clone(), path));
        }
        let Stream { cell, attempt, part, .. } = stream;
        Err(SpoolError::Unknown { part: *part, attempt: *attempt, cell: cell.to_string() })
    }

    /// Lets go of a stream, if there is such a one.
    ///
    /// # Errors
    /// The disk's.
    pub fn forget(&self, stream: &Stream) -> Result<(), SpoolError> {
        let path = self.path(stream);
        self.disk.remove(&path).map_err(failed("remove", &path))
    }

    /// Names come from a controller: what they are made of must not matter.
    fn path(&self, Stream { run_id, agent, cell, attempt, part }: &Stream) -> PathBuf {
        let part = match part {
            // As agents have named them that knew of nothing else.
            Part::Samples => "",
            Part::Stamps => "\nstamps",
        };
        let name = Sha256::digest(format!("{agent}\n{cell}\n{attempt}{part}"));
        let name: String = name.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(run_id).join(format!("{name}.{SUFFIX}"))
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SpoolError {
    let path = path.to_owned();
    move |source| SpoolError::Disk { action, path, source }
}

/// A stream on its way to the disk.
#[derive(Debug)]
pub struct Spooling {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    chain: Chain,
}

impl Spooling {
    /// Keeps samples; returns their segment.
    ///
    /// # Errors
    /// The disk's. The stream then ends where it was.
    pub fn rows(&mut self, samples: Samples) -> Result<Vec<u8>, SpoolError> {
        let sealed = self.chain.rows(samples);
        self.append(&sealed)?;
        Ok(sealed)
    }

    /// Keeps stamps; returns their segment.
    ///
    /// # Errors
    /// As [`Self::rows`].
    pub fn stamps(&mut self, stamps: Stamps) -> Result<Vec<u8>, SpoolError> {
        let sealed = self.chain.stamps(stamps);
        self.append(&sealed)?;
        Ok(sealed)
    }

    /// Ends a stream of samples and waits until the disk has it; returns the last segment.
    ///
    /// # Errors
    /// The disk's.
    pub async fn end(mut self, driven: Option<Driven>) -> Result<Vec<u8>, SpoolError> {
        let sealed = self.chain.end(driven);
        self.close(sealed).await
    }

    /// Ends a stream of stamps, as [`Self::end`] does one of samples.
    ///
    /// # Errors
    /// The disk's.
    pub async fn end_stamps(mut self, stamped: Option<Stamped>) -> Result<Vec<u8>, SpoolError> {
        let sealed = self.chain.end_stamps(stamped);
        self.close(sealed).await
    }

    async fn close(self, sealed: Vec<u8>) -> Result<Vec<u8>, SpoolError> {
        self.append(&sealed)?;
        self.disk.sync(&self.path).await.map_err(failed("flush", &self.path))?;
        Ok(sealed)
    }

    fn append(&self, sealed: &[u8]) -> Result<(), SpoolError> {
        self.disk.append(&self.path, sealed).map_err(failed("write", &self.path))
    }
}

/// Removes what nobody has come back for within [`KEPT_FOR`] of its last change.
pub fn sweep(state: &Path, now: SystemTime) {
    let Ok(runs) = fs::read_dir(state.join("spool")) else { return };
    for file in runs.flatten().filter_map(|run| fs::read_dir(run.path()).ok()).flatten().flatten() {
        let changed = file.metadata().and_then(|metadata| metadata.modified());
        let age = changed.ok().and_then(|changed| now.duration_since(changed).ok());
        if age.is_some_and(|age| age > KEPT_FOR) {
            tracing::warn!(file = %file.path().display(), "samples that nobody has come back for are removed");
            if let Err(error) = HostDisk.remove(&file.path()) {
                tracing::warn!(%error, file = %file.path().display(), "they cannot be");
            }
        }
    }
}
