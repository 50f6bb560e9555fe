//! When a server had each request and answered it, and that each sample finds its own.

use std::fs;
use std::path::Path;

use rpycbench_controller::results::parse_manifest;
use rpycbench_controller::store::manifest::{CellRecord, Manifest};
use rpycbench_controller::store::{samples, stamps};
use rpycbench_measure::pairing::{Paired, Why, pair};
use rpycbench_tests::Sandbox;
use rpycbench_tests::sandbox::{plan, stamped};

const ALL: &[&str] = &["rpyc-threaded", "rpyc-forking", "flask-threaded"];
const CONNECT: &str = "[[workloads]]\nname = \"connect\"\nkind = \"connect\"\ncount = 20\nwarmup = 2\n";

fn closed(name: &str, rest: &str) -> String {
    format!("[[workloads]]\nname = {name:?}\nkind = \"closed\"\nrequests = 40\nwarmup = 3\n{rest}")
}

fn manifest(folder: &Path) -> Manifest {
    let path = folder.join("run.json");
    parse_manifest(&path, &fs::read(&path).expect("run.json")).expect("a manifest")
}

/// Pairs the samples of a cell as whoever reads the run folder can. Every pair lies within its call: driver and server read
/// the same clock here, and their times are relative to the same instant.
fn paired(folder: &Path, cell: &CellRecord) -> Paired {
    let name = format!("{} {}", cell.server, cell.workload);
    let record = cell.stamps.as_ref().unwrap_or_else(|| panic!("{name} has stamps"));
    let columns = samples::read(&folder.join(&cell.samples)).expect("samples");
    let stamps = stamps::read(&folder.join(&record.file)).expect("stamps");
    assert_eq!((columns.ok.len() as u64, stamps.len() as u64), (cell.stored, record.stored), "{name}");
    assert_eq!(record.reported, Some(record.stored), "{name}");
    assert!(!record.full, "{name}: every request has a row");
    let paired = pair(&columns.calls(), &stamps, &record.pairings(), record.full);
    assert_eq!(paired.served.len(), columns.ok.len(), "{name}");
    for (row, served) in paired.served.iter().enumerate() {
        let Some(served) = served else { continue };
        let instants = [columns.start_ns[row], served.received_ns, served.answered_ns, columns.end_ns[row]];
        assert!(instants.is_sorted(), "{name}, sample {row}: {instants:?}");
        let span = served.answered_ns - served.received_ns;
        assert!(0 < served.server_ns && served.server_ns <= span, "{name}, sample {row}: {served:?}");
    }
    paired
}

#[test]
fn every_sample_finds_when_its_server_had_it_and_had_answered_it() {
    let sandbox = Sandbox::new();
    let workloads = [
        closed("one", ""),
        closed("three", "clients = 3\nclient_model = \"threads\"\n"),
        closed("processes", "clients = 3\nclient_model = \"processes\"\n"),
        closed("bound", "clients = 2\ncall = \"bound\"\n"),
        CONNECT.to_owned(),
    ];
    let outcome = sandbox.run(&stamped(&plan(ALL, &workloads.concat())), &[]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let folder = sandbox.latest();
    let run = manifest(&folder);
    assert_eq!(run.cells.len(), ALL.len() * workloads.len());
    for cell in &run.cells {
        let Paired { served, unpaired } = paired(&folder, cell);
        let expected = if (cell.server.as_str(), cell.workload.as_str()) == ("flask-threaded", "connect") {
            // HTTP asks nothing on a connection that is only opened.
            vec![(Why::NoRequest, cell.stored)]
        } else {
            assert_eq!(served.iter().flatten().count() as u64, cell.stored, "{}: {unpaired:?}", cell.samples);
            Vec::new()
        };
        assert_eq!(unpaired.into_iter().collect::<Vec<_>>(), expected, "{}", cell.samples);
    }
}

#[test]
fn a_plan_that_does_not_ask_for_stamps_leaves_none() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.run(&plan(ALL, &(closed("one", "") + CONNECT)), &[]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let folder = sandbox.latest();
    assert!(!folder.join("stamps").exists());
    let run = manifest(&folder);
    assert_eq!(run.cells.len(), 6);
    for cell in run.cells {
        assert_eq!(cell.stamps, None, "{}", cell.samples);
        let columns = samples::read(&folder.join(&cell.samples)).expect("samples");
        assert!(columns.client_port.is_empty(), "{}: ports are noted only to be paired", cell.samples);
    }
}

#[test]
fn a_connection_is_split_where_its_server_is_asked_something_and_told_where_it_is_not() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.run(&stamped(&plan(&["rpyc-threaded", "flask-threaded"], CONNECT)), &[]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let results = sandbox.json("results.json");
    let cell = |server: &str| {
        let mut cells = results["cells"].as_array().expect("cells").iter();
        cells.find(|cell| cell["server"] == server).unwrap_or_else(|| panic!("{server} in {results}"))
    };
    let rpyc = &cell("rpyc-threaded")["parts"];
    for part in ["tcp", "handshake", "out", "server", "between", "back"] {
        assert!(rpyc[part]["count"].as_u64() > Some(0), "{part}: {rpyc}");
    }
    let mean = |part: &str| rpyc[part]["mean"].as_f64().expect("a mean");
    let whole = cell("rpyc-threaded")["mean"].as_f64().expect("a mean");
    let parts = mean("out") + mean("server") + mean("between") + mean("back");
    assert!((parts / whole - 1.0).abs() < 1e-9, "{parts} of {whole}: {rpyc}");
    assert!(mean("tcp") < mean("out"), "TCP is a part of the way out: {rpyc}");
    let http = cell("flask-threaded");
    assert_eq!(http["unpaired"], serde_json::json!({ "nothing is asked of the server": 20 }), "{http}");
    assert!(http["parts"].get("tcp").is_some() && http["parts"].get("server").is_none(), "{http}");
    let report = fs::read_to_string(sandbox.latest().join("report.md")).expect("a report");
    let (_, ways) = report.split_once("### Where the Time Goes").expect("a section");
    assert!(ways.contains("| TCP p50 (ms) | Handshake p50 (ms) |"), "{report}");
    assert!(ways.contains("20: nothing is asked of the server"), "{report}");
}
