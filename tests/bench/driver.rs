//! What the Python driver adds to what it measures.

use std::path::Path;
use std::process::Command;

use rpycbench_tests::Sandbox;
use rpycbench_tests::sandbox::plan;
use rpycbench_tests::served::Served;
use serde_json::Value;

use crate::{Figure, median};

/// Turns of each side; odd, so that there is a middle one.
const TURNS: usize = 15;
const REQUESTS: u32 = 1000;
const WARMUP: u32 = 10;

/// The closed loop on a call that does nothing, against the least that any script must do.
pub(crate) fn sample_cost(python: &Path) -> Figure {
    let output = Command::new(python)
        .args(["-m", "tests.measure_overhead"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../agent/python"))
        .output()
        .expect("python starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    // The middle quartile of each line.
    let middle = |name: &str| -> f64 {
        let line = text.lines().find(|line| line.starts_with(name)).expect("the figure is printed");
        line.split_whitespace().nth_back(1).and_then(|figure| figure.parse().ok()).expect("a number")
    };
    Figure {
        what: "taking a sample in the Python driver, a call",
        ours: format!("{:.0} ns", middle("closed loop")),
        peer: format!("{:.0} ns, two bare time.monotonic_ns()", middle("bare loop")),
        result: format!("{:+.0} ns", middle("added")),
        goal: "under 500 ns",
    }
}

/// A latency cell of the real program against a plain script at a server of the same kind on the same CPUs, in turns.
pub(crate) fn against_a_script(server: &'static str, script: &str) -> Figure {
    let sandbox = Sandbox::new();
    let workload = format!(
        "[[workloads]]\nname = \"latency\"\nkind = \"closed\"\nclients = 1\nrequests = {REQUESTS}\nwarmup = {WARMUP}\n"
    );
    let text = plan(&[server], &workload);
    let (mut ours, mut peers) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let outcome = sandbox.run(&text, &["--quiet"]);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        let cell = &sandbox.json("run.json")["cells"][0];
        let cpus = |role: &str| -> Vec<u64> {
            cell[role].as_array().map(|cpus| cpus.iter().filter_map(Value::as_u64).collect()).unwrap_or_default()
        };
        ours.push(sandbox.json("results.json")["cells"][0]["p50"].as_f64().expect("a median"));
        let served = Served::start(&sandbox, server, &cpus("server_cpus"));
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(script);
        peers.push(median(served.time(&script, &cpus("driver_cpus"), WARMUP, REQUESTS)));
    }
    let pairs: Vec<f64> = ours.iter().zip(&peers).map(|(ours, peer)| ours / peer).collect();
    let spread = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        format!("{:.3} … {:.3}", values[TURNS / 4], values[TURNS * 3 / 4])
    };
    Figure {
        what: if server.starts_with("rpyc") {
            "median of root.ping(), one connection"
        } else {
            "median of GET /ping, one session"
        },
        ours: format!("{:.1} µs", median(ours.clone()) / 1e3),
        peer: format!("{:.1} µs, a plain script", median(peers.clone()) / 1e3),
        result: format!("{:.3} of medians; pairs {}", median(ours) / median(peers), spread(pairs)),
        goal: "within 3 %",
    }
}
