//! What a run takes beyond what it measures.

use std::path::Path;
use std::time::Instant;

use rpycbench_tests::Sandbox;
use serde_json::Value;

use crate::Figure;

/// The wall time of the shipped plan against the sum of its measured parts and its servers' starts.
pub(crate) fn measure() -> Figure {
    let sandbox = Sandbox::new();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/plans/localhost.toml").display().to_string();
    // The environment is made, and everything is in memory.
    assert_eq!(sandbox.call(&["run", &path, "--quiet", "--only", "*/connect/*/b1"]).code, Some(0));
    let began = Instant::now();
    let outcome = sandbox.call(&["run", &path, "--quiet"]);
    let wall = began.elapsed().as_secs_f64();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let sum = |list: &Value, figure: &str| -> f64 {
        list.as_array().map(|list| list.iter().filter_map(|item| item[figure].as_f64()).sum()).unwrap_or_default()
    };
    let measured = sum(&sandbox.json("results.json")["cells"], "duration_s");
    let startups = sum(&sandbox.json("run.json")["cells"], "server_startup_ns") / 1e9;
    Figure {
        what: "wall time of localhost.toml",
        ours: format!("{wall:.1} s"),
        peer: format!("{measured:.1} s measured + {startups:.1} s server starts"),
        result: format!("{:.2} ×", wall / (measured + startups)),
        goal: "at most 1.25 ×",
    }
}
