//! What a run says to a reader: `report.md` and the graphs, made from `run.json` and the results alone.
//!
//! The same run folder gives the same bytes: nothing here reads a clock.

mod context;
mod error;
mod graphs;
mod markdown;
mod network;
mod number;
mod pairs;
mod published;
mod summary;
mod view;
mod ways;

use std::path::{Path, PathBuf};

use self::context::Context;
use self::view::View;
use crate::results::{self, Results};
use crate::store::manifest::Manifest;
use crate::store::write_atomically;

pub use self::error::ReportError;

/// Writes `report.md` and `graphs/` and returns the report's path.
///
/// # Errors
/// When `run.json` cannot be read, a graph not drawn or a file not written.
pub fn write(run_folder: &Path, results: &Results) -> Result<PathBuf, ReportError> {
    let manifest = results::manifest(run_folder)?;
    let view = View { manifest: &manifest, results };
    let graphs = graphs::write(run_folder, &view)?;
    let path = run_folder.join("report.md");
    let text = markdown::render(&Context::new(&view, graphs)?, &path)?;
    write_atomically(&path, text.as_bytes())?;
    Ok(path)
}

/// The text of a report, whose graphs are not drawn.
///
/// # Errors
/// When it cannot be made of what the manifest says.
pub fn text(manifest: &Manifest, results: &Results) -> Result<String, ReportError> {
    let view = View { manifest, results };
    markdown::render(&Context::new(&view, graphs::described(&view))?, Path::new("report.md"))
}
