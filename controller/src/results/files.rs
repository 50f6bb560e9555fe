//! The JSON files of a run folder: read with their schema checked, replaced as a whole.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::schema::{self, Results};
use crate::store::manifest::{self, Manifest};
use crate::store::table::TableError;
use crate::store::{FolderError, write_atomically};

/// Why there are no results.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] FolderError),
    /// Samples could not be written.
    #[error(transparent)]
    Samples(#[from] TableError),
    /// The file system refused.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Not JSON, or not the JSON it should be.
    #[error("cannot understand {path}: {source}")]
    Json {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: serde_json::Error,
    },
    /// Written by a newer version of this program.
    #[error("{path} has schema {found}, newer than the {known} this version knows: use a newer rpycbench-controller")]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest this program reads.
        known: u32,
    },
}

/// Reads `run.json`.
///
/// # Errors
/// When there is none, or it is of a newer version.
pub fn manifest(run_folder: &Path) -> Result<Manifest, ResultsError> {
    let path = run_folder.join("run.json");
    parse_manifest(&path, &bytes_of(&path)?)
}

/// The contents of a `run.json`; `path` is what errors name.
///
/// # Errors
/// When it is something else, says what no run has written, or is of a newer version.
pub fn parse_manifest(path: &Path, bytes: &[u8]) -> Result<Manifest, ResultsError> {
    parse(path, bytes, manifest::SCHEMA)
}

/// Reads `results.json`.
///
/// # Errors
/// When there is none, or it is of a newer version.
pub fn load(run_folder: &Path) -> Result<Results, ResultsError> {
    let path = run_folder.join("results.json");
    parse(&path, &bytes_of(&path)?, schema::SCHEMA)
}

/// Writes `results.json`, `results_local.json` and, where a topology spans two hosts, `results_remote.json`.
///
/// # Errors
/// When `run.json` cannot be read or a file cannot be written.
pub fn write(run_folder: &Path, results: &Results) -> Result<(), ResultsError> {
    let manifest = manifest(run_folder)?;
    let is_local = |name: &str| manifest.topologies.iter().any(|it| it.name == name && it.client == it.server);
    let is_remote = |name: &str| manifest.topologies.iter().any(|it| it.name == name && it.client != it.server);
    write_json(&run_folder.join("results.json"), results)?;
    write_json(&run_folder.join("results_local.json"), &part(results, is_local))?;
    if manifest.topologies.iter().any(|it| it.client != it.server) {
        write_json(&run_folder.join("results_remote.json"), &part(results, is_remote))?;
    }
    Ok(())
}

/// The cells, comparisons and clocks of some topologies. A comparison of two topologies belongs to the one looked at.
fn part(results: &Results, wanted: impl Fn(&str) -> bool) -> Results {
    let mut part = results.clone();
    part.cells.retain(|cell| wanted(&cell.topology));
    part.comparisons.retain(|it| wanted(it.topology.as_ref().unwrap_or(&it.of)));
    part.clock_pairs.retain(|it| wanted(&it.topology));
    part
}

fn write_json(path: &Path, results: &Results) -> Result<(), ResultsError> {
    let mut text =
        serde_json::to_vec_pretty(results).map_err(|source| ResultsError::Json { path: path.to_path_buf(), source })?;
    text.push(b'\n');
    Ok(write_atomically(path, &text)?)
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, ResultsError> {
    fs::read(path).map_err(|source| ResultsError::Read { path: path.to_path_buf(), source })
}

fn parse<T: DeserializeOwned>(path: &Path, bytes: &[u8], known: u32) -> Result<T, ResultsError> {
    #[derive(Deserialize)]
    struct Version {
        schema: u32,
    }
    let foreign = |source| ResultsError::Json { path: path.to_path_buf(), source };
    // First the version alone: a newer layout need not parse as this one.
    let Version { schema: found } = serde_json::from_slice(bytes).map_err(foreign)?;
    if found > known {
        return Err(ResultsError::NewerSchema { path: path.to_path_buf(), found, known });
    }
    serde_json::from_slice(bytes).map_err(foreign)
}
