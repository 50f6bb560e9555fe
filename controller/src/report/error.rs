//! Why there is no report.

use std::io;
use std::path::PathBuf;

use crate::results::ResultsError;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The run's own files cannot be used.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// The file system refused.
    #[error("cannot write {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A graph could not be drawn.
    #[error("cannot draw {path}: {what}")]
    Draw {
        /// The file.
        path: PathBuf,
        /// Why not.
        what: String,
    },
    /// The report's template failed.
    #[error("cannot fill in {path}: {source}")]
    Template {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: minijinja::Error,
    },
}
