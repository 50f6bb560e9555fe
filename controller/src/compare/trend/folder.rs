//! Which folders are runs.

use std::path::{Path, PathBuf};
use std::{fs, io};

use jiff::Timestamp;

use crate::results;
use crate::store::manifest::Manifest;

/// Why there is no trend.
#[derive(Debug, thiserror::Error)]
pub enum TrendError {
    /// The file system refused.
    #[error("cannot read {}: {source}", .folder.display())]
    Read {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Nothing in it is a run.
    #[error("{} holds no run that can be read{why}: a trend wants a folder of run folders, such as results", .folder.display())]
    NoRun {
        /// The folder.
        folder: PathBuf,
        /// What the first of them lacks.
        why: String,
    },
}

pub(super) struct Found {
    /// In the order of their starts.
    pub(super) runs: Vec<RunOnDisk>,
    pub(super) skipped: Vec<[String; 2]>,
}

pub(super) struct RunOnDisk {
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) manifest: Manifest,
    started: Timestamp,
}

/// What [`Trend`](super::Trend) itself leaves there.
const OWN: [&str; 2] = ["trend.html", "trend.md"];

pub(super) fn find(folder: &Path) -> Result<Found, TrendError> {
    let failed = |source| TrendError::Read { folder: folder.to_owned(), source };
    let mut found = Found { runs: Vec::new(), skipped: Vec::new() };
    let mut entries = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>).map_err(failed)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        if OWN.contains(&name.as_str()) {
            continue;
        }
        match open(&entry) {
            Ok((manifest, started)) => found.runs.push(RunOnDisk { name, path: entry.path(), manifest, started }),
            Err(why) => found.skipped.push([name, why]),
        }
    }
    if found.runs.is_empty() {
        let why = found.skipped.first().map(|[name, why]| format!(" ({name}: {why})")).unwrap_or_default();
        return Err(TrendError::NoRun { folder: folder.to_owned(), why });
    }
    found.runs.sort_by(|a, b| (a.started, &a.manifest.run_id).cmp(&(b.started, &b.manifest.run_id)));
    Ok(found)
}

fn open(entry: &fs::DirEntry) -> Result<(Manifest, Timestamp), String> {
    let kind = entry.file_type().map_err(|error| error.to_string())?;
    if kind.is_symlink() {
        return Err("is a link".to_owned());
    }
    if !kind.is_dir() {
        return Err("is no folder".to_owned());
    }
    if !entry.path().join("run.json").exists() {
        return Err("has no run.json".to_owned());
    }
    let manifest = results::manifest(&entry.path()).map_err(|error| error.to_string())?;
    let started: Timestamp =
        manifest.started.parse().map_err(|_| format!("its run.json says it was started at {:?}", manifest.started))?;
    Ok((manifest, started))
}
