//! What a cell ran beside, from real agents.

use rpycbench_tests::Sandbox;
use rpycbench_tests::sandbox::plan;
use serde_json::Value;

/// Of all that a role's CPUs did between two readings, ticks of a hundredth of a second may be counted to the wrong side.
const TICKS_NS: f64 = 50e6;

#[test]
fn a_run_says_how_busy_the_driver_was_and_what_else_its_cpus_did() {
    let sandbox = Sandbox::new();
    let busy = "[[workloads]]\nname = \"busy\"\nkind = \"closed\"\nclients = 4\nrequests = 1000\n";
    let outcome = sandbox.run(&plan(&["rpyc-threaded"], busy), &[]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let cell = &sandbox.json("run.json")["cells"][0];
    for role in ["driver_exit", "server_exit"] {
        let figure =
            |name: &str| cell[role]["cpu_use"][name].as_f64().unwrap_or_else(|| panic!("{role}, {name}: {cell}"));
        let own = cell[role]["load_cpu_ns"].as_f64().expect("a time");
        let room = figure("wall_ns") * figure("cpus") + TICKS_NS;
        assert!(0.0 < own && own <= room, "{role}: {cell}");
        assert!(
            own <= figure("busy_ns") + TICKS_NS && figure("busy_ns") + figure("stolen_ns") <= room,
            "{role}: {cell}"
        );
    }
    let results = sandbox.json("results.json");
    let conditions = &results["cells"][0]["conditions"];
    let share = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("a share: {conditions}"));
    // Four threads of one interpreter.
    let busy = share(&conditions["driver_busy"]);
    assert!(0.05 < busy && busy < 1.1, "{conditions}");
    for role in ["driving", "serving"] {
        assert!((0.0..=1.0).contains(&share(&conditions[role]["stolen"])), "{conditions}");
        assert!((0.0..=1.0).contains(&share(&conditions[role]["others"])), "{conditions}");
    }
    let said = results["cells"][0]["reasons"].to_string().contains("The driver was the bottleneck");
    assert_eq!(said, busy > 0.9, "{results}");
}
