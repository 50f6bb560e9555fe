//! Where the time of calls goes, against a network whose every packet takes as long as the test says.

use std::fs;
use std::path::Path;
use std::sync::PoisonError;
use std::time::Duration;

use rpycbench_controller::results::parse_manifest;
use rpycbench_controller::store::{samples, stamps};
use rpycbench_measure::pairing::pair;
use rpycbench_tests::parquet::int64s;
use rpycbench_tests::three_hosts::ThreeHosts;
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

/// Both hosts read one clock, so that the truth is known: what a server has stamped, by the epoch of the controller's own host.
fn the_server_s_instants_are_where_samples_say(folder: &Path) {
    let path = folder.join("run.json");
    let run = parse_manifest(&path, &fs::read(&path).expect("run.json")).expect("a manifest");
    for cell in &run.cells {
        let record = cell.stamps.as_ref().expect("stamps");
        let topology = run.topologies.iter().find(|it| it.name == cell.topology).expect("a topology");
        let apart = run.hosts[&topology.server].epoch_raw_ns - run.hosts["turin"].epoch_raw_ns;
        let stamps = stamps::read(&folder.join(&record.file)).expect("stamps");
        let columns = samples::read(&folder.join(&cell.samples)).expect("samples");
        let served = pair(&columns.calls(), &stamps, &record.pairings(), record.full).served;
        let entered = int64s(&folder.join(&cell.samples), ["server_recv_ns", "server_send_ns", "clock_bound_ns"]);
        assert_eq!(served.len(), entered.len());
        for (served, entered) in served.into_iter().zip(entered) {
            let name = format!("{} {}: {served:?}, {apart}, {entered:?}", cell.topology, cell.server);
            let (Some(served), [Some(received), Some(answered), Some(bound)]) = (served, entered) else {
                panic!("{name}")
            };
            let off = [received - served.received_ns - apart, answered - served.answered_ns - apart];
            assert!(off.into_iter().all(|off| off.abs() <= bound), "{name}");
            assert!(bound < 2 * EACH_WAY.as_nanos() as i64 && (bound == 0) == (topology.server == "turin"), "{name}");
        }
    }
}

#[test]
fn where_another_host_drives_the_controller_s_questions_tell_out_from_back() {
    let _measuring = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
    let hosts = match ThreeHosts::start("rpyc-threaded", "requests = 200\ncall = \"bound\"") {
        Ok(hosts) => hosts,
        Err(why) => return println!("skipped: {why}"),
    };
    let each_way = Duration::from_millis(3);
    hosts.lan.both_ways("hurin", "morwen").delay(each_way);
    let plan = fs::read_to_string(&hosts.plan).expect("the plan");
    let width = |clocks: &str| {
        let switches = format!("[study]\nstamps = \"on\"\nclocks = {clocks:?}\n");
        fs::write(&hosts.plan, plan.replacen("[study]\n", &switches, 1)).expect("the plan");
        let outcome = hosts.controller(&["run", &hosts.plan, "--quiet"]).output().expect("it starts");
        assert!(outcome.status.success(), "{outcome:?}");
        let cell = &hosts.sandbox.json("results.json")["cells"][0];
        let each_way_ms = each_way.as_secs_f64() * 1e3;
        for [low, high] in ["out", "back"].map(|part| median(cell, part)) {
            assert!(low < high && high >= each_way_ms, "{clocks}: {low} to {high} {cell}");
        }
        let [low, high] = median(cell, "out");
        high - low
    };
    let (asked, unasked) = (width("on"), width("off"));
    // Calls alone leave open how their round trip divides.
    assert!(asked < unasked / 4.0, "{asked} ms wide with questions, {unasked} ms without");
}

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
    let cells = cells(&hosts);
    for cell in &cells {
        let name = format!("{} {} {}", cell["topology"], cell["server"], cell["workload"]);
        assert!(cell.get("unpaired").is_none(), "{name}: {}", cell["unpaired"]);
        assert_eq!(cell["parts"]["server"]["count"], cell["count"], "{name}");
        if cell["topology"] == "localhost" {
            continue;
        }
        let [out, server, back] = ["out", "server", "back"].map(|part| median(cell, part));
        assert!(out[1] >= each_way_ms && back[1] >= each_way_ms, "{name}: {out:?} {back:?}");
        let network = cell["p50"].as_f64().expect("a median") / 1e6 - server[1];
        assert!(network >= 2.0 * each_way_ms, "{name}: {network} {cell}");
        // Whatever else this machine does meanwhile, it does on either topology.
        let is_same = |other: &&Value| ["server", "workload"].iter().all(|it| other[it] == cell[it]);
        let local =
            cells.iter().filter(|it| it["topology"] == "localhost").find(is_same).expect("the same on one host");
        let local_server = median(local, "server");
        assert!(server[1] < local_server[1] + each_way_ms, "{name}: {server:?} ms, {local_server:?} ms on one host");
    }
    the_server_s_instants_are_where_samples_say(&hosts.sandbox.latest());
    let report = fs::read_to_string(hosts.sandbox.latest().join("report.md")).expect("a report");
    assert_eq!(report.matches("### Where the Time Goes").count(), 3);
    assert!(hosts.sandbox.latest().join("graphs/where_the_time_goes.svg").is_file());
}
