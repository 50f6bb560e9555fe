//! What the samples of a run say: `results.json`, made from `run.json` and the samples, as often as one likes.

mod asked;
mod block;
mod cells;
mod clock_pairs;
mod clocks;
mod compare;
mod compute;
mod conditions;
pub mod curves;
mod files;
mod parallel;
mod precision;
pub mod schema;
mod server_times;
mod source;
mod stamped;
mod stamping;
mod verdict;
mod ways;

pub(crate) use block::Block;
pub(crate) use cells::Gathered;
pub(crate) use compute::gathered;
pub use compute::{compute, compute_of};
pub use files::{ResultsError, load, manifest, parse_manifest, write};
pub(crate) use precision::imprecise;
pub use schema::Results;
pub use server_times::enter_server_times;
