//! The run folder: everything a run leaves behind, and the only thing a report is made from.

mod folder;
pub mod incoming;
pub mod manifest;
pub mod probes;
pub mod samples;
pub mod stamps;
pub mod table;
mod words;

pub use folder::{FolderError, RunFolder, write_atomically};
