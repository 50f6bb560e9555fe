//! What other programs read: HdrHistogram logs, CSV, and schemas of the JSON files. Parquet is there as the run wrote it.

pub mod csv;
mod error;
pub mod histograms;
pub mod schema;

pub use self::error::ExportError;
