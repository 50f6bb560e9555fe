//! More blocks, until every cell is known as precisely as the plan asks.

use std::collections::VecDeque;

use super::Run;
use super::schedule::Numbered;
use crate::plan::Until;
use crate::progress::RunEvent;
use crate::results;

impl Run<'_> {
    /// Makes the cells of blocks that the run has begun cells to run: a block is whole, or it is told what is missing.
    pub(super) fn go_on_with_begun_blocks(&mut self) {
        let records = self.manifest.cells.iter().chain(&self.manifest.attempts);
        let begun = records.map(|record| record.block).max().unwrap_or(0);
        let of_begun = self.settings.spare.extract_if(.., |cell| cell.block <= begun);
        self.settings.cells.extend(of_begun);
    }

    /// Adds the next block to the cells that wait, if any cell needs it and there is one. For that the samples on the disk are read:
    /// nothing is measured meanwhile.
    pub(super) async fn add_block(&mut self, waiting: &mut VecDeque<Numbered>) -> bool {
        let next = self.settings.spare.first().copied().zip(self.settings.plan.until);
        let Some((next, Until { precision, .. })) = next else { return false };
        // What is missing now more blocks would miss too.
        if !self.lost.is_empty() {
            return false;
        }
        let (folder, manifest) = (self.folder.path().to_owned(), self.manifest.clone());
        let looking = tokio::task::spawn_blocking(move || results::imprecise(&folder, &manifest, precision));
        // It is not cancelled and does not panic.
        let imprecise = looking.await.unwrap_or_default();
        if imprecise.is_empty() || self.shutdown.drain.is_cancelled() {
            return false;
        }
        let before = self.settings.cells.len();
        let added: Vec<_> = self.settings.spare.extract_if(.., |cell| cell.block == next.block).collect();
        waiting.extend((before + 1..).zip(added.iter().copied()));
        self.settings.cells.extend(&added);
        let (block, cells, of) = (next.block, added.len(), self.settings.cells.len());
        self.reporter.tell(&RunEvent::BlockAdded { block, cells, of, wanted: precision.to_string(), imprecise });
        true
    }
}
