//! What a run says to a reader: `report.md` and the graphs, made from `run.json` and the results alone, and `report.html`, whose
//! charts also show the samples.
//!
//! The same run folder gives the same bytes: nothing here reads a clock.

mod context;
mod error;
mod graphs;
pub(crate) mod html;
mod markdown;
mod network;
mod noise;
pub(crate) mod number;
mod pairs;
mod published;
mod summary;
pub(crate) mod template;
mod view;
mod ways;

use std::fs;
use std::path::{Path, PathBuf};

use self::context::Context;
use self::view::View;
use crate::results::curves::{self, Curves};
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
    let (manifest, twinless) = noise::without_twins(&manifest, results);
    let view = View { manifest: &manifest, results: &twinless };
    let graphs = graphs::write(run_folder, &view)?;
    let path = run_folder.join("report.md");
    let text = markdown::render(&Context::new(&view, graphs, noise::of(results))?, &path)?;
    write_atomically(&path, text.as_bytes())?;
    Ok(path)
}

/// Writes `report.html` and returns its path.
///
/// # Errors
/// When `run.json` cannot be read or the page not written. Samples that cannot be read do not fail it.
pub fn write_page(run_folder: &Path, results: &Results) -> Result<PathBuf, ReportError> {
    let manifest = results::manifest(run_folder)?;
    let curves = curves::of(run_folder, &manifest);
    let plan = fs::read_to_string(run_folder.join("plan.toml")).ok();
    let path = run_folder.join("report.html");
    write_atomically(&path, page(&manifest, results, &curves, plan.as_deref())?.as_bytes())?;
    Ok(path)
}

/// A run as one page; `plan` is the plan's text, where there is one.
///
/// # Errors
/// When it cannot be made of what the manifest says.
pub fn page(
    manifest: &Manifest,
    results: &Results,
    curves: &Curves,
    plan: Option<&str>,
) -> Result<String, ReportError> {
    let (manifest, twinless) = noise::without_twins(manifest, results);
    let view = View { manifest: &manifest, results: &twinless };
    let context = Context::new(&view, graphs::described(&view), noise::of(results))?;
    html::render(&view, &context, curves, plan, Path::new("report.html"))
}

/// The text of a report, whose graphs are not drawn.
///
/// # Errors
/// When it cannot be made of what the manifest says.
pub fn text(manifest: &Manifest, results: &Results) -> Result<String, ReportError> {
    let (manifest, twinless) = noise::without_twins(manifest, results);
    let view = View { manifest: &manifest, results: &twinless };
    markdown::render(&Context::new(&view, graphs::described(&view), noise::of(results))?, Path::new("report.md"))
}
