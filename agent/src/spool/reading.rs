//! A stream that is kept, segment for segment.

use std::path::PathBuf;
use std::sync::Arc;

use rpycbench_proto::segment::{Chain, HEADER_BYTES, Segment, sealed_bytes};

use super::{Disk, SpoolError, failed};

/// A stream on its way from the disk.
#[derive(Debug)]
pub struct Reading {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    from: u64,
    chain: Chain,
    over: bool,
}

impl Reading {
    pub(super) fn of(disk: Arc<dyn Disk>, path: PathBuf) -> Self {
        Self { disk, path, from: 0, chain: Chain::default(), over: false }
    }

    fn step(&mut self) -> Result<Option<(Segment, Vec<u8>)>, SpoolError> {
        let read = |most| self.disk.read(&self.path, self.from, most).map_err(failed("read", &self.path));
        let mut sealed = read(HEADER_BYTES)?;
        if sealed.is_empty() {
            return Ok(None);
        }
        // One that is too long, or too short to tell, is refused when it is opened.
        if let Some(bytes) = sealed.first_chunk().and_then(sealed_bytes) {
            sealed = read(bytes)?;
        }
        let opened = self.chain.open(&sealed);
        let (segment, length) = opened.map_err(|source| SpoolError::Damaged { path: self.path.clone(), source })?;
        self.from += length as u64;
        Ok(Some((segment, sealed)))
    }
}

/// Each segment, opened and as it was sealed; an error is the last.
impl Iterator for Reading {
    type Item = Result<(Segment, Vec<u8>), SpoolError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let step = self.step().transpose();
        self.over = !matches!(step, Some(Ok(_)));
        step
    }
}
