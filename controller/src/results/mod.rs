//! What the samples of a run say: `results.json`, made from `run.json` and the samples, as often as one likes.

mod block;
mod cells;
mod compare;
mod compute;
mod files;
pub mod schema;
mod verdict;
mod ways;

pub use compute::{compute, compute_of};
pub use files::{ResultsError, load, manifest, parse_manifest, write};
pub use schema::Results;
