//! The stamps of a cell on its way.

use std::fs;
use std::path::Path;

use rpycbench_proto::message::{End, Stream};

use super::record;
use crate::store::incoming::{Arrived, Incoming, IncomingError};
use crate::store::manifest::CellRecord;
use crate::store::table::TableError;

/// What a server stamps, on its way into its file.
pub(super) struct Stamped {
    stream: Stream,
    incoming: Incoming,
    /// What it ended with.
    end: Option<End>,
}

impl Stamped {
    /// Begins the file of a cell that is to have stamps.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(super) fn create(
        record: &CellRecord,
        folder: &Path,
        stream: Stream,
        epoch_ns: i64,
    ) -> Result<Option<Self>, TableError> {
        let Some(stamps) = &record.stamps else { return Ok(None) };
        let path = folder.join(&stamps.file);
        let folder = path.parent().unwrap_or(folder);
        fs::create_dir_all(folder).map_err(|source| {
            let (action, path) = ("make", folder.to_path_buf());
            TableError::Io { action, path, source }
        })?;
        let incoming = Incoming::create(&path, record::key(record), stream.clone(), epoch_ns)?;
        Ok(Some(Self { stream, incoming, end: None }))
    }

    /// What it is known by at the agent that serves.
    pub(super) fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Takes a segment.
    ///
    /// # Errors
    /// When it is not the next, or cannot be written.
    pub(super) fn take(&mut self, sealed: &[u8]) -> Result<(), IncomingError> {
        if let Arrived::Ended(end) = self.incoming.take(sealed)? {
            self.end = Some(end);
        }
        Ok(())
    }

    /// Closes the file and enters it. Returns what is missing.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn finish(self, cell: &mut CellRecord) -> Result<Option<String>, TableError> {
        let stored = self.incoming.finish()?;
        if let Some(stamps) = &mut cell.stamps {
            stamps.stored = stored;
            if let Some(end) = &self.end {
                record::end_of_stamps(stamps, end);
            }
        }
        Ok(record::missing_stamps(cell, self.end.as_ref()))
    }
}
