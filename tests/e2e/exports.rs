//! What other programs read of a real run, read by others than ours.

use std::path::Path;
use std::process::Command;

use rpycbench_tests::Sandbox;
use rpycbench_tests::sandbox::plan;
use serde_json::Value;

const WORKLOADS: &str = "[[workloads]]\nname = \"calls\"\nkind = \"closed\"\nrequests = 50\n\
    [[workloads]]\nname = \"connect\"\nkind = \"connect\"\ncount = 10\n";

#[test]
fn exports_of_a_real_run_are_read_and_its_results_are_those_of_the_published_schema() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.run(&plan(&["rpyc-threaded", "flask-threaded"], WORKLOADS), &[]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let latest = sandbox.latest().display().to_string();
    let outcome = sandbox.call(&["report", &latest, "--format", "json,csv,hgrm"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    for name in ["results.json", "cells.csv", "comparisons.csv", "histograms.hlog"] {
        assert!(outcome.stdout.contains(name), "{outcome:?}");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let python = root.join("target/tools/python/bin/python");
    if !python.exists() {
        assert!(std::env::var_os("CI").is_none(), "no {}: make target/tools/python.made", python.display());
        return;
    }
    let script = root.join("tests/readers/exports.py");
    let schema = root.join("docs/results.schema.json");
    let output = Command::new(python).arg(script).arg(&latest).arg(schema).output().expect("python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(read["cells"], 4, "{read}");
}

#[test]
fn a_real_run_is_compared_with_itself_and_its_folder_has_a_trend() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.run(&plan(&["rpyc-threaded", "flask-threaded"], WORKLOADS), &[]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let latest = sandbox.latest().display().to_string();
    let outcome = sandbox.call(&["compare", &latest, &latest]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stdout.starts_with("# 0 of "), "{outcome:?}");
    let results = sandbox.latest().parent().expect("a folder of runs").to_owned();
    let outcome = sandbox.call(&["trend", &results.display().to_string()]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(results.join("trend.html").is_file());
}
