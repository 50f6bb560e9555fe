//! More blocks, until every cell is known as precisely as the plan asks.

use std::collections::VecDeque;

use super::schedule::Numbered;
use super::{Run, RunError};
use crate::plan::Until;
use crate::progress::RunEvent;
use crate::results;

impl Run<'_> {
    /// Adds the next block to the cells that wait, if any cell needs it and there is one. For that the samples on the disk are read:
    /// nothing is measured meanwhile.
    ///
    /// # Errors
    /// When it cannot be entered that the block is begun.
    pub(super) async fn add_block(&mut self, waiting: &mut VecDeque<Numbered>) -> Result<bool, RunError> {
        let next = self.settings.spare.first().copied().zip(self.settings.plan.until);
        let Some((next, Until { precision, .. })) = next else { return Ok(false) };
        // What is missing now more blocks would miss too.
        if !self.lost.is_empty() {
            return Ok(false);
        }
        let (folder, manifest) = (self.folder.path().to_owned(), self.manifest.clone());
        let looking = tokio::task::spawn_blocking(move || results::imprecise(&folder, &manifest, precision));
        // It is not cancelled and does not panic.
        let imprecise = looking.await.unwrap_or_default();
        if imprecise.is_empty() || self.shutdown.drain.is_cancelled() {
            return Ok(false);
        }
        // Whatever ends the run from here on, its block is taken up again as a whole.
        if let Some(asked) = &mut self.manifest.precision {
            asked.begun = next.block;
        }
        self.folder.save(&self.manifest)?;
        let before = self.settings.cells.len();
        let added: Vec<_> = self.settings.spare.extract_if(.., |cell| cell.block == next.block).collect();
        waiting.extend((before + 1..).zip(added.iter().copied()));
        self.settings.cells.extend(&added);
        let (block, cells, of) = (next.block, added.len(), self.settings.cells.len());
        self.reporter.tell(&RunEvent::BlockAdded { block, cells, of, wanted: precision.to_string(), imprecise });
        Ok(true)
    }
}
