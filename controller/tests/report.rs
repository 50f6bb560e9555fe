//! From a run folder to its results and its report.

#![expect(clippy::unwrap_used, reason = "a test may unwrap: a panic is how it fails")]

#[path = "report/clock_pairs.rs"]
mod clock_pairs;
#[path = "report/conditions.rs"]
mod conditions;
#[path = "report/noise.rs"]
mod noise;
#[path = "report/precision.rs"]
mod precision;
#[path = "report/run_folder.rs"]
mod run_folder;
#[path = "report/tables.rs"]
mod tables;
#[path = "report/verdicts.rs"]
mod verdicts;
#[path = "report/written.rs"]
mod written;

use std::fs;
use std::path::Path;

use rpycbench_controller::report;
use rpycbench_controller::results::{self, Results};
use rpycbench_controller::store::manifest::{CellRecord, CellStatus, Manifest, StampsRecord};
use run_folder::{lifelike, manifest, save, study, write};
use tempfile::TempDir;

/// Three blocks of four calls, of 10, 20, 30 and 40 µs.
fn four_calls() -> (TempDir, Manifest) {
    let folder = TempDir::new().unwrap();
    let mut manifest = manifest(3);
    write(folder.path(), &mut manifest, |_| Some(run_folder::samples(&[40_000, 10_000, 30_000, 20_000])));
    (folder, manifest)
}

fn report_of(folder: &Path) -> (Results, String) {
    let results = results::compute(folder).unwrap();
    results::write(folder, &results).unwrap();
    let path = report::write(folder, &results).unwrap();
    report::write_page(folder, &results).unwrap();
    (results, fs::read_to_string(path).unwrap())
}

#[test]
fn figures_are_those_worked_out_by_hand() {
    let (folder, _) = four_calls();
    let results = results::compute(folder.path()).unwrap();
    let cell = &results.cells[0];
    assert!(results.complete);
    assert_eq!((cell.count, cell.failed, cell.success_rate, cell.blocks), (12, 0, Some(1.0), 3));
    assert_eq!((cell.min, cell.mean, cell.p50, cell.max), (Some(10_000), Some(25_000.0), Some(25_000.0), Some(40_000)));
    // Type 7 of twelve samples: place 0.95 × 11 = 10.45, between two of 40 000.
    assert_eq!(cell.p95, Some(40_000.0));
    // Squares: 3 × (15² + 5² + 5² + 15²) = 1500, over 11.
    assert!((cell.stddev.unwrap() - (1500.0_f64 / 11.0).sqrt() * 1_000.0).abs() < 1e-6);
    // 100 µs of calls and three gaps of 1 µs, three times.
    assert!((cell.duration_s - 309e-6).abs() < 1e-15);
    assert!((cell.throughput_per_s.unwrap() - 12.0 / 309e-6).abs() < 1e-6);
    // Blocks that agree leave no doubt about the mean.
    assert_eq!(cell.ci95["mean"], Some([25_000.0, 25_000.0]));
    assert_eq!((cell.call.as_str(), cell.connection.as_deref()), ("root.ping()", Some("reused")));
    assert_eq!((cell.round_trips_per_call, cell.server_cpu_ns_per_call), (Some(2.0), Some(100_000.0)));
    assert_eq!((cell.verdict.as_str(), cell.reasons.len()), ("valid", 0));
}

#[test]
fn every_server_is_compared_with_those_before_it_and_every_topology_with_its_baseline() {
    let folder = TempDir::new().unwrap();
    let mut manifest = study(3, true);
    write(folder.path(), &mut manifest, |cell| Some(lifelike(cell, 20)));
    let results = results::compute(folder.path()).unwrap();
    let count = |kind: &str| results.comparisons.iter().filter(|it| it.kind == kind).count();
    assert_eq!(count("topology"), 3 * 3 * 7, "servers × workloads × metrics");
    assert_eq!(count("server"), 2 * 3 * 3 * 7, "topologies × pairs × workloads × metrics");
    let first = results.comparisons.iter().find(|it| it.kind == "server").unwrap();
    assert_eq!((first.of.as_str(), first.against.as_str()), ("rpyc-forking", "rpyc-threaded"));
    let mean = |topology: &str| {
        let mut cells = results.cells.iter();
        cells
            .find(|it| it.topology == topology && it.server == "http-threaded" && it.workload == "latency")
            .unwrap()
            .mean
            .unwrap()
    };
    let network = results
        .comparisons
        .iter()
        .find(|it| it.kind == "topology" && it.server.as_deref() == Some("http-threaded") && it.workload == "latency")
        .unwrap();
    assert_eq!((network.of.as_str(), network.against.as_str(), network.metric.as_str()), ("lan", "localhost", "mean"));
    assert!((network.difference - (mean("lan") - mean("localhost"))).abs() < 1e-6);
    assert!((network.ratio.unwrap() - mean("lan") / mean("localhost")).abs() < 1e-12);
}

#[test]
fn results_are_split_by_whether_both_ends_are_on_one_host() {
    let folder = TempDir::new().unwrap();
    let mut manifest = study(2, true);
    write(folder.path(), &mut manifest, |cell| Some(lifelike(cell, 10)));
    let results = results::compute(folder.path()).unwrap();
    results::write(folder.path(), &results).unwrap();
    let load =
        |name: &str| -> Results { serde_json::from_slice(&fs::read(folder.path().join(name)).unwrap()).unwrap() };
    let (local, remote) = (load("results_local.json"), load("results_remote.json"));
    assert_eq!(load("results.json").cells.len(), results.cells.len());
    assert!(local.cells.iter().all(|cell| cell.topology == "localhost"));
    assert!(remote.cells.iter().all(|cell| cell.topology == "lan"));
    assert_eq!(local.cells.len() + remote.cells.len(), results.cells.len());
    assert!(local.comparisons.iter().all(|it| it.kind == "server"));
    assert_eq!(local.comparisons.len() + remote.comparisons.len(), results.comparisons.len());
}

#[test]
fn the_same_run_folder_gives_the_same_bytes() {
    let folders = [TempDir::new().unwrap(), TempDir::new().unwrap()];
    for folder in &folders {
        let mut manifest = study(3, true);
        manifest.reference = Some("published-study".to_owned());
        write(folder.path(), &mut manifest, |cell| Some(lifelike(cell, 50)));
        report_of(folder.path());
    }
    let mut compared = 0;
    for part in ["", "samples", "graphs"] {
        for entry in fs::read_dir(folders[0].path().join(part)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                let other = folders[1].path().join(path.strip_prefix(folders[0].path()).unwrap());
                assert!(fs::read(&path).unwrap() == fs::read(&other).unwrap(), "{} differs", path.display());
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 54 + 8 + 6, "samples, graphs, and what lies in the folder itself");
}

#[test]
fn blocks_whose_server_does_not_stamp_show_what_stamping_costs() {
    let folder = TempDir::new().unwrap();
    let mut manifest = manifest(6);
    write(folder.path(), &mut manifest, |cell| {
        let stamping = if cell.block % 2 == 1 { 2_000 } else { 0 };
        let block = i64::from(cell.block) * 10;
        Some(run_folder::samples(&[100_000, 100_100, 99_900, 100_000].map(|ns| ns + stamping + block)))
    });
    let stamps = |cell: &CellRecord| StampsRecord { file: format!("stamps/{}.parquet", cell.id), ..Default::default() };
    for cell in manifest.cells.iter_mut().filter(|cell| cell.block % 2 == 1) {
        cell.stamps = Some(stamps(cell));
    }
    save(folder.path(), &manifest);
    let (results, report) = report_of(folder.path());
    let cost = results.comparisons.iter().find(|it| it.kind == "stamping" && it.metric == "mean").unwrap();
    assert_eq!((cost.topology.as_deref(), cost.server.as_deref()), (Some("localhost"), Some("rpyc-threaded")));
    assert_eq!((cost.difference, cost.distinguishable), (1_990.0, true));
    assert!(report.contains("Stamping takes a call of rpyc-threaded +0.00199 ms (+1.99 %)"), "{report}");
    // All blocks stamped: nothing to set it against.
    for cell in &mut manifest.cells {
        cell.stamps = Some(stamps(cell));
    }
    save(folder.path(), &manifest);
    assert!(results::compute(folder.path()).unwrap().comparisons.iter().all(|it| it.kind != "stamping"));
}

#[test]
fn a_newer_schema_is_refused_by_name() {
    let (folder, mut manifest) = four_calls();
    manifest.schema = 2;
    save(folder.path(), &manifest);
    let error = results::compute(folder.path()).unwrap_err().to_string();
    assert!(error.contains("run.json") && error.contains("schema 2"), "{error}");
}

#[test]
fn a_block_that_was_not_run_makes_its_cell_invalid_and_leaves_the_others() {
    let folder = TempDir::new().unwrap();
    let mut manifest = study(3, false);
    write(folder.path(), &mut manifest, |cell| (cell.id != 13).then(|| lifelike(cell, cell.expected as usize)));
    let lost = &mut manifest.cells[13];
    lost.status = CellStatus::Failed;
    lost.reason = "server said: *no*".to_owned();
    let name = (lost.server.clone(), lost.workload.clone());
    save(folder.path(), &manifest);
    let (results, report) = report_of(folder.path());
    assert!(!results.complete);
    for cell in &results.cells {
        let hit = (cell.server.clone(), cell.workload.clone()) == name;
        assert_eq!(
            cell.verdict,
            if hit { "invalid" } else { "valid" },
            "{}/{}: {:?}",
            cell.server,
            cell.workload,
            cell.reasons
        );
        assert_eq!(cell.blocks, if hit { 2 } else { 3 });
    }
    assert!(report.contains("Block 2 failed: server said: \\*no\\*; 0 of 1000 samples are here."), "{report}");
    assert!(report.contains("rpyc-forking is left out, as its figures are invalid"), "{report}");
    assert!(report.contains("**The run is not complete:**"), "{report}");
}

#[test]
fn a_run_that_did_not_come_to_its_end_is_not_complete_though_each_of_its_cells_is() {
    let folder = TempDir::new().unwrap();
    let mut manifest = study(3, false);
    manifest.ended.clear();
    write(folder.path(), &mut manifest, |cell| Some(lifelike(cell, cell.expected as usize)));
    let (results, report) = report_of(folder.path());
    assert!(!results.complete);
    assert!(report.contains("**The run did not come to its end:** `rpycbench-controller run --resume`"), "{report}");

    manifest.ended = "2026-01-02T03:14:05Z".to_owned();
    manifest.cells.clear();
    save(folder.path(), &manifest);
    assert!(!report_of(folder.path()).0.complete, "nothing was measured");
}

#[test]
fn cells_that_the_run_was_told_to_leave_out_are_not_missed() {
    let folder = TempDir::new().unwrap();
    let mut manifest = study(3, true);
    manifest.cells.retain(|cell| cell.workload == "latency" && cell.server != "rpyc-forking" && cell.topology == "lan");
    write(folder.path(), &mut manifest, |cell| Some(lifelike(cell, cell.expected as usize)));
    let (results, report) = report_of(folder.path());
    assert!(results.complete);
    assert_eq!(results.cells.len(), 2);
    assert!(report.contains("Nothing is missing."), "{report}");
}

#[test]
fn samples_that_cannot_be_read_are_named_in_the_reasons_of_their_cell() {
    let (folder, manifest) = four_calls();
    let path = folder.path().join(&manifest.cells[1].samples);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let (results, report) = report_of(folder.path());
    let cell = &results.cells[0];
    assert_eq!((cell.verdict.as_str(), cell.blocks, cell.count), ("invalid", 2, 8));
    assert!(!results.complete);
    assert!(cell.reasons[0].contains("block 2") && cell.reasons[0].contains("0001.parquet"), "{:?}", cell.reasons);
    assert!(report.contains("0001.parquet"), "{report}");
}

#[test]
fn a_cell_whose_samples_all_failed_has_no_figures_and_says_so() {
    let folder = TempDir::new().unwrap();
    let mut manifest = manifest(3);
    write(folder.path(), &mut manifest, |_| Some(run_folder::samples(&[-1_000; 4])));
    let (results, report) = report_of(folder.path());
    let cell = &results.cells[0];
    assert_eq!((cell.count, cell.failed, cell.mean, cell.success_rate), (12, 12, None, Some(0.0)));
    assert_eq!(
        (cell.verdict.as_str(), cell.reasons.as_slice()),
        ("invalid", ["All 12 samples failed.".to_owned()].as_slice())
    );
    assert!(
        report.contains("The graph latency\\_comparison was left out: no sample of workload latency succeeded"),
        "{report}"
    );
}

#[test]
fn more_than_one_failure_in_a_hundred_makes_a_cell_invalid_and_one_does_not() {
    for (failures, verdict) in [(3, "valid"), (4, "invalid")] {
        let folder = TempDir::new().unwrap();
        let mut manifest = manifest(3);
        manifest.cells.iter_mut().for_each(|cell| cell.expected = 100);
        write(folder.path(), &mut manifest, |cell| {
            let mut durations = vec![1_000; 100];
            durations[..if cell.block == 1 { failures } else { 0 }].fill(-1_000);
            Some(run_folder::samples(&durations))
        });
        assert_eq!(results::compute(folder.path()).unwrap().cells[0].verdict, verdict, "{failures} of 300");
    }
}

#[test]
fn one_sample_has_figures_but_no_interval_and_no_certainty() {
    let folder = TempDir::new().unwrap();
    let mut manifest = manifest(1);
    manifest.cells[0].expected = 1;
    write(folder.path(), &mut manifest, |_| Some(run_folder::samples(&[5_000])));
    let (results, report) = report_of(folder.path());
    let cell = &results.cells[0];
    assert_eq!((cell.mean, cell.p999, cell.stddev), (Some(5_000.0), Some(5_000.0), None));
    assert_eq!(cell.ci95["mean"], None);
    assert_eq!(cell.verdict, "inconclusive");
    assert!(report.contains("0.00500 (no interval)"), "{report}");
    assert!(report.contains("Where there is no whisker, there is no interval"), "{report}");
}

#[test]
fn a_median_near_the_delayed_acknowledgement_is_not_put_down_to_the_server() {
    let folder = TempDir::new().unwrap();
    let mut manifest = manifest(3);
    write(folder.path(), &mut manifest, |_| Some(run_folder::samples(&[44_000_000; 4])));
    let results = results::compute(folder.path()).unwrap();
    assert_eq!(results.cells[0].verdict, "inconclusive");
    assert!(results.cells[0].reasons[0].contains("delayed-ACK timer"), "{:?}", results.cells[0].reasons);
}

#[test]
fn only_differences_that_can_be_told_from_chance_are_claimed() {
    let folder = TempDir::new().unwrap();
    let mut manifest = study(3, false);
    manifest.workloads.retain(|workload| workload.name == "latency");
    run_folder::plan_cells(&mut manifest, 3);
    manifest.cells.iter_mut().for_each(|cell| cell.expected = 2);
    write(folder.path(), &mut manifest, |cell| {
        let block = i64::from(cell.block);
        Some(run_folder::samples(&match cell.server.as_str() {
            "rpyc-threaded" => [100_000 + block, 100_000 - block],
            // Now above, now below.
            "rpyc-forking" => [100_000 + 5_000 * (block - 2), 102_000 + 5_000 * (block - 2)],
            _ => [300_000 + block, 300_000 - block],
        }))
    });
    let (_, report) = report_of(folder.path());
    let summary = report.split("## How to read").next().unwrap();
    assert!(summary.contains("rpyc-threaded takes 0.100 ms per call on average"), "{summary}");
    assert!(summary.contains("rpyc-forking (0.101 ms) cannot be told apart from rpyc-threaded"), "{summary}");
    assert!(summary.contains("http-threaded (0.300 ms) takes 3.00 times as long"), "{summary}");
}
