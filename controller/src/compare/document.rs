//! The layout of `compare --format json`. Times are nanoseconds, throughput is calls a second; a figure that does not exist
//! is `null`.

use serde::{Deserialize, Serialize};

/// The layout that this program writes.
pub const SCHEMA: u32 = 1;

/// Two sides set against each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Document {
    /// Of this layout: 1.
    pub schema: u32,
    /// What is set against.
    pub base: Side,
    /// What is looked at.
    pub new: Side,
    /// Whether both are of one run, so that blocks were compared in pairs.
    pub interleaved: bool,
    /// Of all intervals: the share that holds the truth, such that 5 % at most of what is told apart is expected to be none.
    pub confidence: f64,
    /// Figures of cells that are not invalid, and that have an interval.
    pub comparisons: u64,
    /// Those of them that are told apart.
    pub told_apart: u64,
    /// In what else both sides differ, a sentence each.
    pub warnings: Vec<String>,
    /// Those on both sides.
    pub cells: Vec<CellChange>,
    /// Names of cells that the new side does not have.
    pub only_in_base: Vec<String>,
    /// Names of cells that the base does not have.
    pub only_in_new: Vec<String>,
    /// In the order in which they were given.
    pub gates: Vec<GateResult>,
}

/// A run, or a part of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Side {
    /// The run folder as it was given.
    pub folder: String,
    /// The topology or server, where not all of the run is meant.
    pub of: Option<String>,
    /// As in `run.json`.
    pub run_id: String,
    /// As in `run.json`.
    pub study: String,
    /// As in `run.json`.
    pub started: String,
    /// As in `run.json`.
    pub version: String,
    /// Cells of the run, block by block.
    pub cells: u64,
    /// Those that are not complete.
    pub incomplete: u64,
}

/// Two cells of the same name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CellChange {
    /// `topology/server/workload/driver`, without what is compared.
    pub cell: String,
    /// In the base.
    pub base: CellSide,
    /// In the other.
    pub new: CellSide,
    /// Why they could not be compared, but that it was forced.
    pub obstacles: Vec<Obstacle>,
    /// One for each figure that both have.
    pub changes: Vec<MetricChange>,
}

impl CellChange {
    /// Whether the figures of either cannot be believed.
    pub fn is_invalid(&self) -> bool {
        [&self.base, &self.new].iter().any(|side| side.verdict == "invalid")
    }
}

/// A cell of one side, as in results.json.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CellSide {
    /// Samples, failed ones too.
    pub count: u64,
    /// Samples that failed.
    pub failed: u64,
    /// Blocks with samples.
    pub blocks: u32,
    /// `valid`, `inconclusive` or `invalid`.
    pub verdict: String,
    /// Why, a sentence each.
    pub reasons: Vec<String>,
}

/// In what two cells differ that must not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Obstacle {
    /// What it is.
    pub field: String,
    /// In the base.
    pub base: String,
    /// In the other.
    pub new: String,
}

/// One figure of two cells.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct MetricChange {
    /// `mean`, `p50`, `p90`, `p95`, `p99`, `p999`, `throughput_per_s`.
    pub metric: String,
    /// `ns` or `1/s`.
    pub unit: String,
    /// In the base.
    pub base: f64,
    /// In the other.
    pub new: f64,
    /// `new` minus `base`.
    pub difference: f64,
    /// `null` where there is none.
    pub difference_interval: Option<[f64; 2]>,
    /// `new` over `base`.
    pub ratio: Option<f64>,
    /// `null` where there is none.
    pub ratio_interval: Option<[f64; 2]>,
    /// What can be told.
    pub verdict: Verdict,
    /// Why there is no interval, of each side that has none.
    pub no_interval: Vec<String>,
}

/// What can be told of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It takes longer, or there are fewer calls a second.
    Slower,
    /// It takes less time, or there are more calls a second.
    Faster,
    /// No difference can be told.
    Untold,
    /// Nothing can be told: a side has no interval.
    NoInterval,
}

/// What came of a gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct GateResult {
    /// As it was given.
    pub gate: String,
    /// Of every cell that has or should have the figure.
    pub cells: Vec<GateCell>,
}

/// What came of a gate in a cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct GateCell {
    /// Its name.
    pub cell: String,
    /// What came of it.
    pub outcome: Outcome,
    /// The change and its interval, or why it cannot be judged, in words.
    pub why: String,
}

/// What came of a gate in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All of the interval is beyond the limit.
    Tripped,
    /// None of it is.
    Passed,
    /// Some of it is: that the limit is passed is not sure, and the gate does not trip.
    Unsure,
    /// There is no interval, a side is invalid, or the new side lacks the cell.
    Unjudged,
}
