//! Where the time of calls goes, against a network whose every packet takes as long as the test says.

use std::sync::PoisonError;
use std::time::Duration;

use rpycbench_tests::two_hosts::TwoHosts;
use serde_json::Value;

use crate::MEASURING;

const EACH_WAY: Duration = Duration::from_millis(4);

const PLAN: &str = r#"
[study]
name = "ways"
blocks = 1
stamps = "on"
[hosts.turin]
local = true
serve_on = "10.211.55.2"
[hosts.hurin]
agent = "10.211.55.14:7443"
[[topologies]]
name = "localhost"
client = "turin"
server = "turin"
[[topologies]]
name = "lan"
client = "turin"
server = "hurin"
baseline = "localhost"
[[topologies]]
name = "back"
client = "hurin"
server = "turin"
[[servers]]
name = "rpyc"
kind = "rpyc"
mode = "threaded"
[[servers]]
name = "forking"
kind = "rpyc"
mode = "forking"
[[servers]]
name = "http"
kind = "flask"
mode = "threaded"
[[workloads]]
name = "bound"
kind = "closed"
requests = 60
call = "bound"
[[workloads]]
name = "call"
kind = "closed"
clients = 3
requests = 40
"#;

fn cells(hosts: &TwoHosts) -> Vec<Value> {
    hosts.sandbox.json("results.json")["cells"].as_array().expect("cells").clone()
}

/// Ends of the range that a part's median is in, ms; both the median where it is exact.
fn median(cell: &Value, part: &str) -> [f64; 2] {
    let part = &cell["parts"][part];
    let ends = match part.get("range") {
        Some(range) => [0, 1].map(|end| range["p50"][end].as_f64()),
        None => [part["p50"].as_f64(); 2],
    };
    ends.map(|end| end.unwrap_or_else(|| panic!("{cell}")) / 1e6)
}

#[test]
fn time_added_by_the_network_is_found_on_the_ways_and_not_in_the_server() {
    let _measuring = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
    let hosts = match TwoHosts::start() {
        Ok(hosts) => hosts,
        Err(why) => return println!("skipped: {why}"),
    };
    hosts.lan.both_ways("turin", "hurin").delay(EACH_WAY);
    let plan = hosts.sandbox.plan(PLAN).display().to_string();
    let outcome = hosts.controller(&["run", &plan, "--quiet"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let each_way_ms = EACH_WAY.as_secs_f64() * 1e3;
    for cell in cells(&hosts) {
        let name = format!("{} {} {}", cell["topology"], cell["server"], cell["workload"]);
        assert!(cell.get("unpaired").is_none(), "{name}: {}", cell["unpaired"]);
        assert_eq!(cell["parts"]["server"]["count"], cell["count"], "{name}");
        let [out, server, back] = ["out", "server", "back"].map(|part| median(&cell, part));
        if cell["topology"] == "localhost" {
            assert!(out[1] < each_way_ms && back[1] < each_way_ms, "{name}: {cell}");
        } else {
            assert!(out[1] >= each_way_ms && back[1] >= each_way_ms, "{name}: {out:?} {back:?}");
            let network = cell["p50"].as_f64().expect("a median") / 1e6 - server[1];
            assert!(network >= 2.0 * each_way_ms, "{name}: {network} {cell}");
        }
        // Three clients and all else have two CPUs here; a way of the network is still longer than any server takes.
        assert!(server[1] < 2.0 * each_way_ms, "{name}: {server:?}");
    }
    let report = std::fs::read_to_string(hosts.sandbox.latest().join("report.md")).expect("a report");
    assert_eq!(report.matches("### Where the Time Goes").count(), 3);
    assert!(hosts.sandbox.latest().join("graphs/where_the_time_goes.svg").is_file());
}
