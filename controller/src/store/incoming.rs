//! A stream of segments on its way into the file of its cell.
//!
//! Each segment is taken once, in its place and unchanged, or not at all: [`Chain`] sees to that. What [`Incoming::finish`]
//! has returned is on this host's disk under its own name.

use std::path::Path;

use rpycbench_proto::message::{Begin, End, Stream};
use rpycbench_proto::segment::{Chain, Segment, SegmentError};

use super::samples::{CellKey, SamplesError, SamplesWriter};

/// A stream that is being taken in.
pub struct Incoming {
    stream: Stream,
    chain: Chain,
    epoch_ns: i64,
    writer: SamplesWriter,
}

/// What a segment has brought.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrived {
    /// The stream has begun, and these are its driver's CPUs.
    Begun(Vec<u32>),
    /// So many rows, and so many of them that failed.
    Rows(u64, u64),
    /// The stream is over.
    Ended(End),
}

/// A segment that was not taken.
#[derive(Debug, thiserror::Error)]
pub enum IncomingError {
    /// It does not fit, or is not what was sealed. What was taken before is sound.
    #[error(transparent)]
    Segment(#[from] SegmentError),
    /// It begins another stream than the one that was asked for.
    #[error("the samples are those of attempt {} at {} by {} in run {}", .0.attempt, .0.cell, .0.agent, .0.run_id)]
    Foreign(Box<Stream>),
    /// It could not be written.
    #[error(transparent)]
    Samples(#[from] SamplesError),
}

impl Incoming {
    /// Begins the file of a stream's samples, as [`SamplesWriter::create`] does. Their times become relative to `epoch_ns` of
    /// the host's clock.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(path: &Path, key: CellKey, stream: Stream, epoch_ns: i64) -> Result<Self, SamplesError> {
        let writer = SamplesWriter::create(path, key)?;
        Ok(Self { stream, chain: Chain::default(), epoch_ns, writer })
    }

    /// Takes a segment.
    ///
    /// # Errors
    /// When it is not the next of the stream, or cannot be written.
    pub fn take(&mut self, sealed: &[u8]) -> Result<Arrived, IncomingError> {
        let (segment, _) = self.chain.open(sealed)?;
        match segment {
            Segment::Begin(Begin { stream, .. }) if stream != self.stream => {
                Err(IncomingError::Foreign(Box::new(stream)))
            }
            Segment::Begin(Begin { cpus, .. }) => Ok(Arrived::Begun(cpus)),
            Segment::Rows(samples) => {
                self.writer.append(&samples, self.epoch_ns)?;
                Ok(Arrived::Rows(samples.len() as u64, samples.failed() as u64))
            }
            Segment::End(end) => Ok(Arrived::Ended(end)),
        }
    }

    /// Brings what was taken to the disk, and returns how many rows that is.
    ///
    /// # Errors
    /// When that is not possible; there is no file then.
    pub fn finish(self) -> Result<u64, SamplesError> {
        self.writer.finish()
    }
}
