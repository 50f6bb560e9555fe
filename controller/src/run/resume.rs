//! Finishing a run that was cut short: what is complete stays, whatever is not runs again, from its beginning.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rpycbench_probe::clock::boot_id;

use super::record;
use crate::plan::{Cell, Plan};
use crate::results::{self, ResultsError};
use crate::store::manifest::{CellRecord, CellStatus, Manifest, PrecisionRecord, StampsRecord};
use crate::store::{FolderError, RunFolder, samples, stamps};

/// Where samples of attempts lie that another has taken the place of: not among those that count.
const ATTEMPTS: &str = "attempts";

/// A run that is not finished, held.
#[derive(Clone, Debug)]
pub(crate) struct Unfinished {
    folder: RunFolder,
    manifest: Manifest,
}

impl Unfinished {
    /// Reads what there is of a run.
    ///
    /// # Errors
    /// When the folder holds no run, one of a newer version, or one that goes on.
    pub(crate) fn open(folder: &Path) -> Result<Self, ResultsError> {
        // `latest` may point elsewhere by the time the run is over.
        let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        // Before anything is held there, for where there is no run; then what whoever held it has left.
        results::manifest(&folder)?;
        let folder = RunFolder::open(folder)?;
        Ok(Self { manifest: results::manifest(folder.path())?, folder })
    }

    /// The plan that the run was made from.
    pub(crate) fn plan_path(&self) -> PathBuf {
        self.folder.path().join("plan.toml")
    }

    /// The pattern of the cells that the run was to be of, if not of all.
    pub(crate) fn only(&self) -> Option<String> {
        self.manifest.only.clone()
    }

    /// Whether the run came to its end, whatever became of its cells.
    pub(crate) fn has_ended(&self) -> bool {
        !self.manifest.ended.is_empty()
    }

    /// Those of the cells whose samples are not all here.
    pub(crate) fn left(&self, plan: &Plan, cells: Vec<Cell>) -> Vec<Cell> {
        let is_here =
            |cell: &Cell| self.manifest.cells.iter().any(|known| is_of(known, plan, *cell) && self.is_whole(known));
        cells.into_iter().filter(|cell| !is_here(cell)).collect()
    }

    /// The last of the blocks that were added for more precision; 0 where there is none.
    pub(crate) fn last_added(&self) -> u32 {
        self.manifest.precision.map_or(0, |asked| asked.begun)
    }

    /// Whether the run was asked for more precision than it has.
    pub(crate) fn is_imprecise(&self) -> bool {
        let imprecise = |asked: PrecisionRecord| results::imprecise(self.folder.path(), &self.manifest, asked.wanted);
        self.manifest.precision.is_some_and(|asked| !imprecise(asked).is_empty())
    }

    /// Whether a cell was completed, and its samples and stamps are as many as were counted then.
    fn is_whole(&self, record: &CellRecord) -> bool {
        let stored = || samples::read(&self.folder.path().join(&record.samples)).map(|columns| columns.ok.len() as u64);
        let stamped = |of: &StampsRecord| {
            stamps::read(&self.folder.path().join(&of.file)).is_ok_and(|stamps| stamps.len() as u64 == of.stored)
        };
        record.status == CellStatus::Complete
            && stored().is_ok_and(|rows| rows == record.stored)
            && record.stamps.as_ref().is_none_or(stamped)
    }

    /// Opens the run for these cells: what there is of them is kept as an attempt that does not count.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub(super) fn take_up(mut self, plan: &Plan, cells: &[Cell]) -> Result<(RunFolder, Manifest), FolderError> {
        let again = |record: &CellRecord| cells.iter().any(|cell| is_of(record, plan, *cell));
        let (old, kept): (Vec<_>, Vec<_>) = self.manifest.cells.drain(..).partition(again);
        self.manifest.cells = kept;
        let folder = self.folder;
        for mut record in old.into_iter().filter(|record| record.status != CellStatus::NotRun) {
            // Where its samples do not count; there may be none.
            put_aside(&folder, &mut record)?;
            self.manifest.attempts.push(record);
        }
        self.manifest.resumed.push(Timestamp::now().to_string());
        self.manifest.ended.clear();
        if record::is_another_clock(&self.manifest.boot_id, &boot_id()) {
            self.manifest.boot_id = boot_id();
            let asked = self.manifest.clocks.iter().map(|clock| clock.host.clone());
            self.manifest.other_clocks.extend(asked);
        }
        if let Some(asked) = &mut self.manifest.precision {
            asked.begun = cells.iter().map(|cell| cell.block).fold(asked.begun, u32::max);
        }
        folder.save(&self.manifest)?;
        Ok((folder, self.manifest))
    }
}

/// Moves the files of an attempt to where they do not count; there may be none.
pub(super) fn put_aside(folder: &RunFolder, record: &mut CellRecord) -> Result<(), FolderError> {
    let before: Vec<String> = record.files().map(str::to_owned).collect();
    name_aside(record);
    before.iter().zip(record.files()).try_for_each(|(from, to)| folder.rename(from, to))
}

/// Gives the files of an attempt the names that they have where they do not count.
pub(super) fn name_aside(record: &mut CellRecord) {
    if Path::new(&record.samples).starts_with(ATTEMPTS) {
        return;
    }
    let name = Path::new(&record.samples).file_stem().unwrap_or_default().to_string_lossy();
    let aside = format!("{ATTEMPTS}/{name}.a{}", record.attempt);
    if let Some(stamps) = &mut record.stamps {
        stamps.file = format!("{aside}.stamps.parquet");
    }
    record.samples = format!("{aside}.parquet");
}

fn is_of(record: &CellRecord, plan: &Plan, cell: Cell) -> bool {
    record.is_another_attempt_of(&record::cell(plan, cell))
}
