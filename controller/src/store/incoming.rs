//! A stream of segments on its way into the file of its cell.
//!
//! Each segment is taken once, in its place and unchanged, or not at all: [`Chain`] sees to that. What [`Incoming::finish`]
//! has returned is on this host's disk under its own name.

use std::path::Path;

use rpycbench_proto::message::{Begin, End, Part, Stream};
use rpycbench_proto::segment::{Chain, Segment, SegmentError};

use super::samples::SamplesWriter;
use super::stamps::StampsWriter;
use super::table::{CellKey, TableError};

/// A stream that is being taken in.
pub struct Incoming {
    stream: Stream,
    chain: Chain,
    /// What came instead of it.
    foreign: Option<Stream>,
    epoch_ns: i64,
    writer: Writer,
}

enum Writer {
    Samples(Box<SamplesWriter>),
    Stamps(Box<StampsWriter>),
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
    #[error("the {} are those of attempt {} at {} by {} in run {}", .0.part.name(), .0.attempt, .0.cell, .0.agent, .0.run_id)]
    Foreign(Box<Stream>),
    /// It could not be written.
    #[error(transparent)]
    Table(#[from] TableError),
}

impl Incoming {
    /// Begins the file of a stream, as [`SamplesWriter::create`] does. Its times become relative to `epoch_ns` of the host's
    /// clock.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(path: &Path, key: CellKey, stream: Stream, epoch_ns: i64) -> Result<Self, TableError> {
        let writer = match stream.part {
            Part::Samples => Writer::Samples(Box::new(SamplesWriter::create(path, key)?)),
            Part::Stamps => Writer::Stamps(Box::new(StampsWriter::create(path, key)?)),
        };
        Ok(Self { stream, chain: Chain::default(), foreign: None, epoch_ns, writer })
    }

    /// Takes a segment.
    ///
    /// # Errors
    /// When it is not the next of the stream, or cannot be written.
    pub fn take(&mut self, sealed: &[u8]) -> Result<Arrived, IncomingError> {
        let (segment, _) = self.chain.open(sealed)?;
        match (segment, &mut self.writer) {
            (Segment::Begin(Begin { stream, .. }), _) if stream != self.stream => {
                let stream = self.foreign.insert(stream).clone();
                Err(IncomingError::Foreign(Box::new(stream)))
            }
            (Segment::Begin(Begin { cpus, .. }), _) => Ok(Arrived::Begun(cpus)),
            (Segment::Rows(samples), Writer::Samples(writer)) => {
                writer.append(&samples, self.epoch_ns)?;
                Ok(Arrived::Rows(samples.len() as u64, samples.failed() as u64))
            }
            (Segment::Stamps(stamps), Writer::Stamps(writer)) => {
                writer.append(&stamps, self.epoch_ns)?;
                Ok(Arrived::Rows(stamps.len() as u64, 0))
            }
            (Segment::End(end), _) => Ok(Arrived::Ended(end)),
            // Of a stream that was refused when it began.
            (Segment::Rows(_) | Segment::Stamps(_), _) => {
                Err(IncomingError::Foreign(Box::new(self.foreign.clone().unwrap_or_default())))
            }
        }
    }

    /// Brings what was taken to the disk, and returns how many rows that is.
    ///
    /// # Errors
    /// When that is not possible; there is no file then.
    pub fn finish(self) -> Result<u64, TableError> {
        match self.writer {
            Writer::Samples(writer) => writer.finish(),
            Writer::Stamps(writer) => writer.finish(),
        }
    }
}
