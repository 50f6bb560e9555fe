//! Why a file for other programs was not made.

use std::path::PathBuf;

use crate::results::ResultsError;
use crate::store::FolderError;

/// Why a file for other programs was not made.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The run's own files cannot be used.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// It could not be written.
    #[error(transparent)]
    Write(#[from] FolderError),
    /// What is to be in it cannot be.
    #[error("cannot make {}: {what}", .path.display())]
    Make {
        /// The file.
        path: PathBuf,
        /// Why not.
        what: String,
    },
}
