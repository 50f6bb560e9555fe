//! Why there is no report.

use std::path::PathBuf;

use crate::results::ResultsError;
use crate::store::FolderError;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The run's own files cannot be used.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] FolderError),
    /// A graph could not be drawn.
    #[error("cannot draw {path}: {what}")]
    Draw {
        /// The file, without its extension.
        path: PathBuf,
        /// Why not.
        what: String,
    },
    /// The report could not be put into words.
    #[error("cannot fill in {path}: {source}")]
    Template {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: minijinja::Error,
    },
    /// The published study that is part of this program cannot be read.
    #[error("cannot understand the published study: {0}")]
    Published(serde_json::Error),
}
