//! Two runs, two parts of one, and a folder of runs.

#![expect(clippy::unwrap_used, reason = "a test may unwrap: a panic is how it fails")]

#[path = "compare/bad_input.rs"]
mod bad_input;
#[path = "compare/gates.rs"]
mod gates;
#[path = "report/run_folder.rs"]
#[expect(dead_code, reason = "shared with the tests of report.md, which need all of it")]
mod run_folder;
#[path = "compare/trends.rs"]
mod trends;

use std::path::Path;
use std::process::{Command, Output};

use rpycbench_controller::compare::document::{Document, MetricChange, Verdict};
use rpycbench_controller::compare::{self, Axis, CompareError, Run, Wanted};
use rpycbench_controller::store::manifest::{CellRecord, CellStatus, Manifest, StampsRecord};
use run_folder::{save, study, write};
use tempfile::TempDir;

/// A run whose calls take a typical time of their server, times `factor`; other noise for another `salt`.
pub(crate) fn run_with(salt: u64, edit: impl FnOnce(&mut Manifest), factor: impl Fn(&CellRecord) -> f64) -> TempDir {
    let folder = TempDir::new().unwrap();
    write_run(folder.path(), salt, edit, factor);
    folder
}

pub(crate) fn write_run(
    folder: &Path,
    salt: u64,
    edit: impl FnOnce(&mut Manifest),
    factor: impl Fn(&CellRecord) -> f64,
) {
    let mut manifest = study(0, true);
    manifest.workloads.retain(|workload| workload.name == "latency");
    manifest.servers.retain(|server| server.name != "rpyc-forking");
    run_folder::plan_cells(&mut manifest, 5);
    edit(&mut manifest);
    manifest.cells.iter_mut().for_each(|cell| cell.expected = 600);
    write(folder, &mut manifest, |cell| {
        let typical = if cell.server.starts_with("http") { 900_000.0 } else { 300_000.0 };
        let typical = typical * factor(cell) + if cell.topology == "lan" { 200_000.0 } else { 0.0 };
        let mut uniform = uniform(salt * 1_000 + u64::from(cell.id));
        let start = 1.0 + 0.004 * (uniform() - 0.5);
        let mut duration = || {
            let noise = (0..4).map(|_| uniform()).sum::<f64>() / 20.0 + 0.9;
            (typical * start * noise) as i64
        };
        Some(run_folder::samples(&(0..600).map(|_| duration()).collect::<Vec<_>>()))
    });
}

/// Numbers from 0 to 1 that look drawn, the same from the same seed.
fn uniform(seed: u64) -> impl FnMut() -> f64 {
    let mut state = (seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    }
}

pub(crate) fn controller(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rpycbench-controller")).args(args).output().unwrap()
}

fn compared(base: &TempDir, new: &TempDir, wanted: &Wanted) -> Result<Document, CompareError> {
    let [base, new] = [base, new].map(|folder| Run::open(folder.path()).unwrap());
    compare::compare(&base, &new, &Axis::Runs, wanted)
}

fn change<'a>(document: &'a Document, cell: &str, metric: &str) -> &'a MetricChange {
    let cell = document.cells.iter().find(|it| it.cell == cell).unwrap();
    cell.changes.iter().find(|it| it.metric == metric).unwrap()
}

const RPYC: &str = "localhost/rpyc-threaded/latency/python";
const HTTP: &str = "localhost/http-threaded/latency/python";

#[test]
fn what_is_slower_or_faster_is_told_and_nothing_else_is() {
    let base = run_with(4, |_| (), |_| 1.0);
    let new = run_with(
        2,
        |_| (),
        |cell| match (cell.topology.as_str(), cell.server.as_str()) {
            ("localhost", "rpyc-threaded") => 1.05,
            ("localhost", "http-threaded") => 0.9,
            _ => 1.0,
        },
    );
    let document = compared(&base, &new, &Wanted::default()).unwrap();
    assert!(!document.interleaved);
    for (cell, verdict) in [(RPYC, Verdict::Slower), (HTTP, Verdict::Faster)] {
        for metric in ["mean", "p50", "p90", "p95", "p99", "throughput_per_s"] {
            assert_eq!(change(&document, cell, metric).verdict, verdict, "{cell} {metric}");
        }
    }
    let told = document.cells.iter().flat_map(|it| &it.changes);
    let told = told.filter(|it| matches!(it.verdict, Verdict::Slower | Verdict::Faster)).count();
    let text = compare::markdown(&document).unwrap();
    assert_eq!((told as u64, document.told_apart), (12, 12), "the lan has not changed: {text}");
    let line = text.lines().find(|line| line.starts_with("- p50: 0.300 ms → 0.315 ms, change: +")).unwrap();
    assert!(line.contains(" % [+") && line.ends_with("] slower"), "{line}");
    assert!(text.contains("no difference can be told"), "{text}");
}

#[test]
fn a_run_is_no_different_from_another_of_the_same() {
    let folders = [run_with(1, |_| (), |_| 1.0), run_with(2, |_| (), |_| 1.0)];
    let document = compared(&folders[0], &folders[1], &Wanted::default()).unwrap();
    assert_eq!(document.told_apart, 0);
    // Four cells, of which each has all figures but p99.9.
    assert_eq!(document.comparisons, 24);
    assert!((document.confidence - (1.0 - 0.05 / 24.0)).abs() < 1e-9, "{}", document.confidence);
}

#[test]
fn topologies_and_servers_of_one_run_are_compared_in_pairs() {
    let run = Run::open(run_with(1, |_| (), |_| 1.0).path()).unwrap();
    let lan = Axis::Topologies { new: "lan".to_owned(), base: "localhost".to_owned() };
    let document = compare::compare(&run, &run, &lan, &Wanted::default()).unwrap();
    assert!(document.interleaved);
    assert_eq!((document.new.of.as_deref(), document.base.of.as_deref()), (Some("lan"), Some("localhost")));
    let found = change(&document, "rpyc-threaded/latency/python", "mean");
    assert!(found.verdict == Verdict::Slower && (found.difference - 200_000.0).abs() < 1_500.0, "{found:?}");
    let http = Axis::Servers { new: "http-threaded".to_owned(), base: "rpyc-threaded".to_owned() };
    let document = compare::compare(&run, &run, &http, &Wanted::default()).unwrap();
    assert_eq!(change(&document, "localhost/latency/python", "mean").verdict, Verdict::Slower);
    // What servers are compared for is no obstacle, but it is told.
    assert!(document.warnings.iter().any(|it| it.contains("call root.ping() in the base, GET /ping in the new one")));
    let unknown = Axis::Servers { new: "grpc".to_owned(), base: "rpyc-threaded".to_owned() };
    let error = compare::compare(&run, &run, &unknown, &Wanted::default()).unwrap_err().to_string();
    assert!(error.contains("has no server \"grpc\": there are rpyc-threaded, http-threaded"), "{error}");
}

type Edit = fn(&mut Manifest);

/// What must be the same, one after the other.
#[test]
fn what_is_not_comparable_is_refused_with_cell_field_and_both_values() {
    let base = run_with(1, |_| (), |_| 1.0);
    let edits: [(&str, Edit); 5] = [
        ("client model is \"threads\" in the base and \"processes\"", |it| {
            it.workloads[0].client_model = "processes".to_owned()
        }),
        ("number of clients is \"1\" in the base and \"10\"", |it| it.workloads[0].clients = 10),
        ("call is \"root.ping()\" in the base and \"bound ping()\"", |it| it.workloads[0].call = "bound".to_owned()),
        ("metric is \"latency\" in the base and \"connect\"", |it| it.workloads[0].kind = "connect".to_owned()),
        ("server's mode is \"threaded\" in the base and \"forking\"", |it| it.servers[0].mode = "forking".to_owned()),
    ];
    for (expected, edit) in edits {
        let new = run_with(2, edit, |_| 1.0);
        let error = compared(&base, &new, &Wanted::default()).unwrap_err().to_string();
        assert!(error.contains(&format!("cell {RPYC} cannot be compared: its {expected}")), "{error}");
        assert!(error.contains("--force"), "{error}");
        let forced = compared(&base, &new, &Wanted { force: true, ..Wanted::default() }).unwrap();
        assert!(!forced.cells[0].obstacles.is_empty(), "{expected}");
        assert!(compare::markdown(&forced).unwrap().contains("**not comparable**, but forced"));
    }
}

#[test]
fn another_driver_has_another_cell() {
    let base = run_with(1, |_| (), |_| 1.0);
    let native = |manifest: &mut Manifest| {
        manifest.workloads[0].driver = "native".to_owned();
        manifest.cells.iter_mut().for_each(|cell| cell.driver = "native".to_owned());
    };
    let error = compared(&base, &run_with(2, native, |_| 1.0), &Wanted::default()).unwrap_err().to_string();
    assert!(error.contains("no cell is on both sides") && error.contains("latency/python"), "{error}");
}

#[test]
fn other_hosts_and_versions_are_warned_of_and_not_refused() {
    let base = run_with(1, |_| (), |_| 1.0);
    let new = |manifest: &mut Manifest| {
        manifest.version = "0.2.0".to_owned();
        manifest.workloads[0].warmup = 11;
        let turin = manifest.hosts.get_mut("turin").unwrap();
        turin.kernel = "6.12".to_owned();
        turin.cpu_model = "another".to_owned();
        turin.python = "3.14.0".to_owned();
        turin.packages.insert("rpyc".to_owned(), "9".to_owned());
        let spare = turin.clone();
        manifest.hosts.insert("spare".to_owned(), spare);
    };
    let document = compared(&base, &run_with(2, new, |_| 1.0), &Wanted::default()).unwrap();
    for expected in [
        "The runs: version of the controller 0.1.0 in the base, 0.2.0 in the new one.",
        "Host turin: kernel 6.1.0-28-amd64 in the base, 6.12 in the new one.",
        "Host turin: CPU Intel(R) Core(TM) i9-9980HK CPU @ 2.40GHz in the base, another in the new one.",
        "Host turin: Python 3.11.6 in the base, 3.14.0 in the new one.",
        "in the base, 9 in the new one.",
        "Host spare is only in the new one.",
        "localhost/rpyc-threaded/latency/python: warm-up requests 10 in the base, 11 in the new one.",
    ] {
        assert!(document.warnings.iter().any(|it| it.contains(expected)), "{expected}: {:?}", document.warnings);
    }
}

#[test]
fn what_is_on_one_side_only_is_listed() {
    let base = run_with(1, |it| it.cells.retain(|cell| cell.server != "http-threaded"), |_| 1.0);
    let new = run_with(2, |it| it.cells.retain(|cell| cell.topology != "lan"), |_| 1.0);
    let document = compared(&base, &new, &Wanted::default()).unwrap();
    assert_eq!(document.cells.len(), 1);
    assert_eq!(document.only_in_base, ["lan/rpyc-threaded/latency/python"]);
    assert_eq!(document.only_in_new, [HTTP]);
    let text = compare::markdown(&document).unwrap();
    assert!(
        text.contains("## Only in the base\n\n- lan/rpyc-threaded") && text.contains("## Only in the new one\n"),
        "{text}"
    );
    let only = Wanted { only: Some("localhost/*".to_owned()), ..Wanted::default() };
    assert!(compared(&base, &new, &only).unwrap().only_in_base.is_empty());
    let none = Wanted { only: Some("b5".to_owned()), ..Wanted::default() };
    let error = compared(&base, &new, &none).unwrap_err().to_string();
    assert!(error.contains("--only \"b5\"") && error.contains(RPYC), "{error}");
}

#[test]
fn an_invalid_cell_is_told_beside_its_figures_and_has_no_say_in_the_rest() {
    let base = run_with(1, |_| (), |_| 1.0);
    let new = run_with(2, |_| (), |_| 1.0);
    let mut manifest = rpycbench_controller::results::manifest(new.path()).unwrap();
    let lost =
        manifest.cells.iter_mut().find(|cell| cell.server == "rpyc-threaded" && cell.topology == "localhost").unwrap();
    (lost.status, lost.reason) = (CellStatus::Failed, "it was *lost*".to_owned());
    save(new.path(), &manifest);
    let document = compared(&base, &new, &Wanted::default()).unwrap();
    assert_eq!(document.comparisons, 18);
    let text = compare::markdown(&document).unwrap();
    let of_cell = text.split("## ").find(|part| part.starts_with(RPYC)).unwrap();
    assert!(of_cell.contains("- the new one is **invalid**: Block 1 failed: it was \\*lost\\*;"), "{of_cell}");
    let lines = of_cell.lines().filter(|line| line.contains("change: "));
    assert!(
        lines.clone().count() == 7 && lines.clone().all(|line| line.ends_with(", but a cell is invalid")),
        "{of_cell}"
    );
    assert!(document.warnings.iter().any(|it| it == "The new one is not complete: 1 of 20 cells are not."));
}

#[test]
fn that_the_server_stamped_in_one_run_alone_is_told() {
    let [base, new] = [run_with(1, |_| (), |_| 1.0), run_with(2, |_| (), |_| 1.0)];
    let mut manifest = rpycbench_controller::results::manifest(new.path()).unwrap();
    let of_lan = manifest.cells.iter_mut().filter(|cell| cell.topology == "lan" && cell.server == "rpyc-threaded");
    of_lan.for_each(|cell| cell.stamps = Some(StampsRecord::default()));
    save(new.path(), &manifest);
    let document = compared(&base, &new, &Wanted::default()).unwrap();
    let told: Vec<&String> = document.warnings.iter().filter(|it| it.contains("stamped")).collect();
    let expected =
        "lan/rpyc-threaded/latency/python: blocks in which the server stamped 0 in the base, 5 in the new one.";
    assert_eq!(told, [expected]);
}

#[test]
fn every_format_is_told_and_several_need_a_folder() {
    let [base, new] = [run_with(1, |_| (), |_| 1.0), run_with(2, |_| (), |_| 1.05)];
    let [base, new] = [base.path().to_str().unwrap(), new.path().to_str().unwrap()];
    let text = |output: &Output| String::from_utf8(output.stdout.clone()).unwrap();
    let json = controller(&["compare", base, new, "--format", "json"]);
    let document: Document = serde_json::from_str(&text(&json)).unwrap();
    assert!(json.status.success() && document.cells.len() == 4);
    let html = controller(&["compare", base, new, "--format", "html"]);
    assert!(text(&html).starts_with("<!doctype html>"), "{html:?}");
    let several = controller(&["compare", base, new, "--format", "html,json"]);
    assert_eq!(several.status.code(), Some(2), "{several:?}");
    let parent = TempDir::new().unwrap();
    let out = parent.path().join("made");
    let made = controller(&["compare", base, new, "--format", "md,html,json", "--out", out.to_str().unwrap()]);
    assert!(made.status.success(), "{made:?}");
    for name in ["compare.md", "compare.html", "compare.json"] {
        assert!(out.join(name).is_file() && text(&made).contains(name), "{name}");
    }
    let lan = controller(&["compare", base, "--topology", "lan", "--against", "localhost"]);
    assert!(text(&lan).contains("new: ") && text(&lan).contains(", lan (study"), "{lan:?}");
    for wrong in [
        &["compare", base][..],
        &["compare", base, "--topology", "lan"],
        &["compare", base, new, "--server", "x", "--against", "y"],
    ] {
        assert_eq!(controller(wrong).status.code(), Some(2), "{wrong:?}");
    }
}
