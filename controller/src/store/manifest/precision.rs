//! How precise a run was asked to be.

use rpycbench_measure::statistics::Precision;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Blocks run until every cell is so precise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PrecisionRecord {
    /// Such as `p99 ± 5 %`.
    #[serde(serialize_with = "as_text", deserialize_with = "from_text")]
    pub wanted: Precision,
    /// Blocks that run in any case.
    pub blocks: u32,
    /// Blocks that were begun.
    pub begun: u32,
    /// More do not run.
    pub max_blocks: u32,
}

fn as_text<S: Serializer>(precision: &Precision, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(precision)
}

fn from_text<'de, D: Deserializer<'de>>(from: D) -> Result<Precision, D::Error> {
    String::deserialize(from)?.parse().map_err(D::Error::custom)
}
