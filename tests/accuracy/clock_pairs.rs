//! Whether three clocks agree, against hosts that all read the clock of one machine.

use std::fs;
use std::sync::PoisonError;

use rpycbench_controller::results::parse_manifest;
use rpycbench_controller::store::{probes, samples};
use rpycbench_tests::three_hosts::ThreeHosts;
use serde_json::Value;

use crate::MEASURING;

/// How far the truth may be from the offset, which is then within that: the true offset is 0.
fn bound(known: &Value) -> Option<i64> {
    let [offset, bound] = [0, 1].map(|place| known[place].as_i64());
    assert!(offset.is_none_or(|offset| bound.is_some_and(|bound| offset.abs() <= bound)), "{known}");
    bound
}

#[test]
fn clocks_that_are_one_are_found_to_be_by_calls_by_questions_and_by_both() {
    let _measuring = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
    let hosts = match ThreeHosts::start("rpyc-threaded", "requests = 200\ncall = \"bound\"") {
        Ok(hosts) => hosts,
        Err(why) => return println!("skipped: {why}"),
    };
    let plan = fs::read_to_string(&hosts.plan).expect("the plan");
    fs::write(&hosts.plan, plan.replacen("[study]\n", "[study]\nstamps = \"on\"\n", 1)).expect("the plan");
    let outcome = hosts.controller(&["run", &hosts.plan, "--quiet"]).output().expect("it starts");
    assert!(outcome.status.success(), "{outcome:?}");
    let results = hosts.sandbox.json("results.json");
    let found = &results["clock_pairs"][0];
    assert_eq!((&found["topology"], &found["contradiction"]), (&"others".into(), &Value::Null), "{found}");
    let pairs = found["pairs"].as_array().expect("pairs");
    assert_eq!(pairs.len(), 3, "{found}");
    for pair in pairs {
        let [calls, questions, together] = ["from_calls", "from_questions", "together"].map(|by| bound(&pair[by]));
        assert_eq!(calls.is_some(), (&pair["of"], &pair["against"]) == (&"hurin".into(), &"morwen".into()), "{pair}");
        let alone = [calls, questions].into_iter().flatten().min();
        assert!(questions.is_some() && together.is_some() && together <= alone, "{pair}");
    }
    let folder = hosts.sandbox.latest();
    for report in ["report.md", "report.html"].map(|name| fs::read_to_string(folder.join(name)).expect("a report")) {
        assert!(report.contains("Between hosts") && report.contains("the controller"), "{report}");
    }

    // The last word of either clock is of the end of the run: a burst after that behind the last cell.
    let path = folder.join("run.json");
    let run = parse_manifest(&path, &fs::read(&path).expect("run.json")).expect("a manifest");
    let cell = samples::read(&folder.join(&run.cells[0].samples)).expect("samples");
    let driven = run.hosts["hurin"].epoch_raw_ns + cell.end_ns.iter().max().expect("samples");
    let asked = probes::read(&folder.join("clock.parquet")).expect("questions");
    for host in ["hurin", "morwen"] {
        let after = asked.iter().filter(|row| row.host == host && row.t1_ns > driven).count();
        assert!(after >= 2 * 128, "{host} was asked {after} times after its last call");
    }
}
