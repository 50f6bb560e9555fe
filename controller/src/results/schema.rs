//! The layout of `results.json`. Times are nanoseconds; a figure that does not exist is `null`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The newest layout of `results.json` this program writes; it reads no newer one.
pub const SCHEMA: u32 = 1;

/// Everything computed from the samples of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Results {
    /// [`SCHEMA`].
    pub schema: u32,
    /// As in `run.json`.
    pub run_id: String,
    /// As in `run.json`.
    pub study: String,
    /// False where any cell is not complete, or the run did not come to its end.
    pub complete: bool,
    /// One for each topology × server × workload × driver, over all blocks, in the plan's order.
    pub cells: Vec<CellResult>,
    /// What differs from what, and whether it can be told apart.
    pub comparisons: Vec<ComparisonResult>,
    /// Whether three clocks agree: one for each topology whose servers have stamped and whose two hosts the controller has asked for
    /// their clocks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clock_pairs: Vec<ClockPairsResult>,
}

/// How far the clocks of the two hosts of a topology and the controller's were ahead of each other, at one instant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClockPairsResult {
    /// The topology's name.
    pub topology: String,
    /// The instant: the middle of the calls of its last stamped block, by the CLOCK_MONOTONIC_RAW of the host that serves since its
    /// epoch in `run.json`.
    pub at_ns: i64,
    /// Every two of the three.
    pub pairs: Vec<ClockPairResult>,
    /// `null` where there are clocks that fit all that is known.
    pub contradiction: Option<ClockContradictionResult>,
}

/// How far one host's CLOCK_MONOTONIC_RAW was ahead of another's, and how far the truth may be from that; `null` where nothing bounds
/// it from both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClockPairResult {
    /// The one that is ahead, or behind where the offset is negative.
    pub of: String,
    /// The other one, or `the controller`.
    pub against: String,
    /// From the calls of the block alone.
    pub from_calls: Option<[i64; 2]>,
    /// From the controller's questions alone.
    pub from_questions: Option<[i64; 2]>,
    /// From both, also by way of the third clock; `null` where they contradict each other.
    pub together: Option<[i64; 2]>,
}

/// Around these hosts, in this order, a clock would be ahead of itself: a stamp or a clock of one of them lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClockContradictionResult {
    /// Each once; `the controller` may be one.
    pub hosts: Vec<String>,
    /// By how much.
    pub by_ns: i64,
}

/// The figures of one topology × server × workload × driver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CellResult {
    /// The topology's name.
    pub topology: String,
    /// The server's name.
    pub server: String,
    /// The workload's name.
    pub workload: String,
    /// `python`.
    pub driver: String,
    /// `threads`, `processes`.
    pub client_model: String,
    /// Clients at the same time.
    pub clients: u32,
    /// What was called: `root.ping()`, `bound ping()`, `GET /ping`, or `connect`.
    pub call: String,
    /// `reused`, `new`: whether a call finds its connection open or opens one. Measured; `null` where unknown.
    pub connection: Option<String>,
    /// `latency` or `connect`.
    pub metric: String,
    /// `ns`.
    pub unit: String,
    /// Blocks with samples.
    pub blocks: u32,
    /// Samples, failed ones too.
    pub count: u64,
    /// Samples that failed.
    pub failed: u64,
    /// Successful samples that are in no figure of durations, as their block was still warming up: `reasons` has the blocks.
    #[serde(default)]
    pub warmup_cut: u64,
    /// Share of samples that did not fail.
    pub success_rate: Option<f64>,
    /// Sum over blocks of last end minus first start.
    pub duration_s: f64,
    /// `count` over `duration_s`.
    pub throughput_per_s: Option<f64>,
    /// Over the samples that did not fail and were not cut, as all figures below.
    pub mean: Option<f64>,
    /// Sample standard deviation.
    pub stddev: Option<f64>,
    /// Shortest.
    pub min: Option<i64>,
    /// Median.
    pub p50: Option<f64>,
    /// 90th percentile.
    pub p90: Option<f64>,
    /// 95th percentile.
    pub p95: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// 99.9th percentile.
    pub p999: Option<f64>,
    /// Longest.
    pub max: Option<i64>,
    /// 95 % confidence intervals by metric; `null` where there is none.
    pub ci95: BTreeMap<String, Option<[f64; 2]>>,
    /// Why there is none, by metric: `no_samples`, `one_block`, `few_blocks` (for a percentile beyond p50),
    /// `few_beyond` (samples beyond the percentile), `few_effective_beyond` (they follow each other), `starts_differ` (as
    /// much as samples do), `unbounded`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub no_interval: BTreeMap<String, String>,
    /// Network round trips the caller waits for, measured.
    pub round_trips_per_call: Option<f64>,
    /// Where the time goes, of the samples that are in the figures. Of a connection: `tcp`, `handshake`. Of a call whose server has stamped: `out`, `server`, `between` (its
    /// requests), `back`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<String, PartResult>,
    /// Calls whose server was to stamp, and of which its part is not known, by the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unpaired: BTreeMap<String, u64>,
    /// CPU time of the server while it was under load, over the samples.
    pub server_cpu_ns_per_call: Option<f64>,
    /// The largest resident set of any one of the server's processes.
    pub server_peak_memory_bytes: Option<u64>,
    /// What it ran beside.
    #[serde(default)]
    pub conditions: ConditionsResult,
    /// `valid`, `inconclusive` or `invalid`.
    #[schemars(extend("enum" = ["valid", "inconclusive", "invalid"]))]
    pub verdict: String,
    /// Why it is not valid, and what was cut as warm-up, a sentence each.
    pub reasons: Vec<String>,
}

/// What a cell ran beside, over all its blocks. Shares are `null` where agents or their kernels do not tell, or where the load ran for
/// less than half a second in all.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConditionsResult {
    /// CPU time of the driver over what it can use: one CPU where its clients are threads, which share one interpreter lock, otherwise
    /// one for each client, as far as it has CPUs.
    pub driver_busy: Option<f64>,
    /// The CPUs that the driver may use.
    pub driving: CpusResult,
    /// The CPUs that the server may use.
    pub serving: CpusResult,
}

/// The CPUs of a role while the load ran.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CpusResult {
    /// Share of their time that the hypervisor gave to others.
    pub stolen: Option<f64>,
    /// Share of their time that neither server nor driver used, and that was not idle.
    pub others: Option<f64>,
    /// The slowest and the fastest block, by the fastest CPU after the load.
    pub khz: Option<[u64; 2]>,
    /// How often they were slowed down by heat.
    pub throttled: Option<u64>,
}

/// A part of a sample.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PartResult {
    /// Samples that have the part.
    pub count: u64,
    /// Mean.
    pub mean: Option<f64>,
    /// Median.
    pub p50: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// Where these may be, for a part that depends on the clocks of two hosts; the figures above are estimates, which causality alone may rule out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<RangeResult>,
}

/// How far a part can be told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RangeResult {
    /// The median is within.
    pub p50: Option<[f64; 2]>,
    /// The 99th percentile is within.
    pub p99: Option<[f64; 2]>,
    /// Whether the median is larger than it may be off.
    pub p50_resolved: Option<bool>,
    /// Likewise.
    pub p99_resolved: Option<bool>,
}

/// One metric of one cell set against that of another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ComparisonResult {
    /// `topology`: two topologies of one server; `server`: two servers in one topology; `aa`: a server against its twin, which is the
    /// same in all but its name: what this finds is noise; `stamping`: the blocks of a cell in which its
    /// server stamped, and those in which it did not.
    pub kind: String,
    /// The topology or server looked at, or `stamped`.
    pub of: String,
    /// The one it is set against, or `unstamped`.
    pub against: String,
    /// The server both have in common; not with `server`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// The topology both have in common; not with `topology`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topology: Option<String>,
    /// The workload.
    pub workload: String,
    /// `mean`, `p50`, `p90`, `p95`, `p99`, `p999`, `throughput_per_s`.
    pub metric: String,
    /// `of` minus `against`.
    pub difference: f64,
    /// `null` where there is none.
    pub difference_ci95: Option<[f64; 2]>,
    /// `of` over `against`.
    pub ratio: Option<f64>,
    /// `null` where there is none.
    pub ratio_ci95: Option<[f64; 2]>,
    /// Whether the interval of the difference excludes 0, and that of the ratio, where there is one, 1.
    pub distinguishable: bool,
    /// The smallest difference that the run could have told apart, half of the interval's width; of `aa` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smallest_difference: Option<f64>,
    /// That over the figure of `against`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smallest_share: Option<f64>,
}
