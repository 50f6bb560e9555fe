//! Samples between a driver and the file they end up in, and stamps between a server and theirs: sealed segments, each chained
//! to the one before.
//!
//! ```text
//! segment ::= body length (u32) | kind (u8) | number (u64) | body | hash (32 bytes)      integers little-endian
//! hash    ::= SHA-256(hash of the segment before | everything above)                     32 zeros before the first
//! stream  ::= Begin (Rows* | StampRows*) End                                             numbers 0, 1, 2 …
//! ```
//!
//! A stream is the samples of one attempt at a cell, or the stamps of its server. As its name is in the first segment, the hash of every later one depends
//! on it: no segment fits into another stream, another place, or twice. The same bytes lie in the agent's spool, travel, and
//! are opened by the controller, which thereby checks what either disk or the way may have done to them. That is no
//! protection from who can write the spool: it has no key.

use prost::Message;
use rpycbench_measure::{Samples, Stamps};
use sha2::{Digest, Sha256};

use crate::convert::InvalidMessage;
use crate::message::{Begin, Driven, End, Part, Stamped};
use crate::pb;

/// Before the body, and enough to tell how long a segment is.
pub const HEADER_BYTES: usize = 13;
const HASH_BYTES: usize = 32;
/// A driver's rows are sent some 16,000 at a time, which is a tenth of that.
const MAX_BODY_BYTES: usize = 3 * 1024 * 1024;

/// What a segment holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Segment {
    /// Whose samples or stamps follow.
    Begin(Begin),
    /// Some of the samples.
    Rows(Samples),
    /// Some of the stamps.
    Stamps(Stamps),
    /// How many they were.
    End(End),
}

/// Why bytes are not the next segment of a stream.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SegmentError {
    /// The bytes end before the segment does.
    #[error("segment {number} is torn: it ends after {found} bytes")]
    Torn {
        /// The number that was due.
        number: u64,
        /// Bytes there are.
        found: usize,
    },
    /// It says to be larger than any.
    #[error("segment {number} says to have {bytes} bytes, and none has more than {MAX_BODY_BYTES}")]
    TooLong {
        /// The number that was due.
        number: u64,
        /// What it says.
        bytes: usize,
    },
    /// Another one was due.
    #[error("segment {found} came where {due} was due")]
    Number {
        /// The number that was due.
        due: u64,
        /// Its number.
        found: u64,
    },
    /// Not what was sealed, or not after what it was sealed after.
    #[error("segment {number} does not match its hash")]
    Hash {
        /// Its number.
        number: u64,
    },
    /// Sealed by who did not know what a segment is.
    #[error("segment {number} {what}")]
    Senseless {
        /// Its number.
        number: u64,
        /// What is wrong with it.
        what: String,
    },
}

/// How far a stream was sealed or opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// Segments so far.
    count: u64,
    hash: [u8; HASH_BYTES],
    part: Part,
    samples: u64,
    failed: u64,
    ended: bool,
}

impl Chain {
    /// Begins a stream.
    pub fn begin(&mut self, begin: Begin) -> Vec<u8> {
        self.part = begin.stream.part;
        self.seal(Kind::Begin, &pb::Begin::from(begin).encode_to_vec())
    }

    /// Goes on with samples.
    pub fn rows(&mut self, samples: Samples) -> Vec<u8> {
        self.count(&samples);
        self.seal(Kind::Rows, &pb::Rows::from(samples).encode_to_vec())
    }

    /// Goes on with stamps.
    pub fn stamps(&mut self, stamps: Stamps) -> Vec<u8> {
        self.samples += stamps.len() as u64;
        self.seal(Kind::Stamps, &pb::StampRows::from(stamps).encode_to_vec())
    }

    /// Ends a stream of samples with their number. `driven` is absent where the driver did not reach its end.
    pub fn end(&mut self, driven: Option<Driven>) -> Vec<u8> {
        self.seal_end(driven, None)
    }

    /// Ends a stream of stamps with their number. `stamped` is absent where the server did not end as it was told.
    pub fn end_stamps(&mut self, stamped: Option<Stamped>) -> Vec<u8> {
        self.seal_end(None, stamped)
    }

    fn seal_end(&mut self, driven: Option<Driven>, stamped: Option<Stamped>) -> Vec<u8> {
        self.ended = true;
        let end = End { samples: self.samples, failed: self.failed, driven, stamped };
        self.seal(Kind::End, &pb::End::from(end).encode_to_vec())
    }

    /// Rows so far.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Rows so far that failed.
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// Whether the last segment was passed.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Opens the segment that `bytes` begins with, and says how long it is.
    ///
    /// # Errors
    /// When it is not the next of the stream. The chain is then as it was.
    pub fn open(&mut self, bytes: &[u8]) -> Result<(Segment, usize), SegmentError> {
        let due = self.count;
        let torn = || SegmentError::Torn { number: due, found: bytes.len() };
        let (header, rest) = bytes.split_first_chunk::<HEADER_BYTES>().ok_or_else(torn)?;
        let (length, kind, number) = parse(header);
        if length > MAX_BODY_BYTES {
            return Err(SegmentError::TooLong { number: due, bytes: length });
        }
        let (body, rest) = rest.split_at_checked(length).ok_or_else(torn)?;
        let hash = rest.first_chunk::<HASH_BYTES>().ok_or_else(torn)?;
        if number != due {
            return Err(SegmentError::Number { due, found: number });
        }
        if *hash != chained(&self.hash, header, body) {
            return Err(SegmentError::Hash { number });
        }
        let segment = self.make_sense(kind, body)?;
        match &segment {
            Segment::Begin(begin) => self.part = begin.stream.part,
            Segment::Rows(samples) => self.count(samples),
            Segment::Stamps(stamps) => self.samples += stamps.len() as u64,
            Segment::End(_) => {}
        }
        self.ended = matches!(segment, Segment::End(_));
        (self.count, self.hash) = (due + 1, *hash);
        Ok((segment, HEADER_BYTES + length + HASH_BYTES))
    }

    fn make_sense(&self, kind: u8, body: &[u8]) -> Result<Segment, SegmentError> {
        let number = self.count;
        let senseless = |what: String| SegmentError::Senseless { number, what };
        let invalid = |error: InvalidMessage| senseless(format!("is no segment: {error}"));
        let undecodable = |error: prost::DecodeError| senseless(format!("is no segment: {error}"));
        if self.ended {
            return Err(senseless("comes after the end".to_owned()));
        }
        match (kind, number, self.part) {
            (Kind::BEGIN, 0, _) => {
                let begin = pb::Begin::decode(body).map_err(undecodable)?;
                Ok(Segment::Begin(begin.try_into().map_err(invalid)?))
            }
            (Kind::ROWS, 1.., Part::Samples) => {
                let rows = pb::Rows::decode(body).map_err(undecodable)?;
                Ok(Segment::Rows(rows.try_into().map_err(invalid)?))
            }
            (Kind::STAMPS, 1.., Part::Stamps) => {
                let rows = pb::StampRows::decode(body).map_err(undecodable)?;
                Ok(Segment::Stamps(rows.try_into().map_err(invalid)?))
            }
            (Kind::END, 1.., part) => {
                let end = End::try_from(pb::End::decode(body).map_err(undecodable)?).map_err(invalid)?;
                let foreign = match part {
                    Part::Samples => end.stamped.is_some(),
                    Part::Stamps => end.driven.is_some(),
                };
                if foreign {
                    return Err(senseless(format!("is not the end of {}", part.name())));
                }
                let counted = (self.samples, self.failed);
                if (end.samples, end.failed) != counted {
                    let (samples, failed) = counted;
                    let what = format!(
                        "counts {} samples, {} of them failed, after {samples}, {failed} of them failed",
                        end.samples, end.failed
                    );
                    return Err(senseless(what));
                }
                Ok(Segment::End(end))
            }
            _ => Err(senseless(format!("is of kind {kind}, which has no place there"))),
        }
    }

    fn count(&mut self, samples: &Samples) {
        self.samples += samples.len() as u64;
        self.failed += samples.failed() as u64;
    }

    fn seal(&mut self, kind: Kind, body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + body.len() + HASH_BYTES);
        bytes.extend((body.len() as u32).to_le_bytes());
        bytes.push(kind as u8);
        bytes.extend(self.count.to_le_bytes());
        let hash = chained(&self.hash, &bytes, body);
        bytes.extend_from_slice(body);
        bytes.extend(hash);
        (self.count, self.hash) = (self.count + 1, hash);
        bytes
    }
}

#[derive(Clone, Copy)]
#[repr(u8)]
enum Kind {
    Begin = Self::BEGIN,
    Rows = Self::ROWS,
    End = Self::END,
    Stamps = Self::STAMPS,
}

impl Kind {
    const BEGIN: u8 = 1;
    const ROWS: u8 = 2;
    const END: u8 = 3;
    const STAMPS: u8 = 4;
}

/// How long the segment is that begins so; `None`: as no segment is.
pub fn sealed_bytes(header: &[u8; HEADER_BYTES]) -> Option<usize> {
    let (body, ..) = parse(header);
    (body <= MAX_BODY_BYTES).then_some(HEADER_BYTES + body + HASH_BYTES)
}

fn parse(header: &[u8; HEADER_BYTES]) -> (usize, u8, u64) {
    let [l0, l1, l2, l3, kind, n0, n1, n2, n3, n4, n5, n6, n7] = *header;
    (u32::from_le_bytes([l0, l1, l2, l3]) as usize, kind, u64::from_le_bytes([n0, n1, n2, n3, n4, n5, n6, n7]))
}

fn chained(before: &[u8; HASH_BYTES], header: &[u8], body: &[u8]) -> [u8; HASH_BYTES] {
    Sha256::new().chain_update(before).chain_update(header).chain_update(body).finalize().into()
}
