//! A server that was measured twice.

use std::fs;

use rpycbench_controller::results::Results;
use rpycbench_controller::store::manifest::{Manifest, ServerRecord};
use tempfile::TempDir;

use crate::run_folder::{self, lifelike, samples};
use crate::{report_of, verdicts};

fn study_with_a_twin() -> Manifest {
    let mut manifest = run_folder::study(0, true);
    let twin_of = Some("rpyc-threaded".to_owned());
    manifest.servers.push(ServerRecord { twin_of, ..run_folder::server("rpyc-threaded-again", "rpyc", "threaded") });
    run_folder::plan_cells(&mut manifest, 4);
    manifest
}

fn kinds<'a>(results: &'a Results, kind: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
    results.comparisons.iter().filter(move |it| it.kind == kind).map(|it| (it.of.as_str(), it.against.as_str()))
}

#[test]
fn a_twin_is_set_against_its_server_and_nothing_else() {
    let folder = TempDir::new().unwrap();
    let mut manifest = study_with_a_twin();
    run_folder::write(folder.path(), &mut manifest, |cell| Some(lifelike(cell, 100)));
    let (results, report) = report_of(folder.path());
    assert_eq!(kinds(&results, "aa").count(), 2 * 3 * 7, "topologies × workloads × metrics");
    assert!(kinds(&results, "aa").all(|pair| pair == ("rpyc-threaded-again", "rpyc-threaded")));
    for kind in ["server", "topology"] {
        assert!(kinds(&results, kind).all(|(of, against)| ![of, against].contains(&"rpyc-threaded-again")), "{kind}");
    }
    let twins = |kind: &str| {
        results
            .comparisons
            .iter()
            .filter(|it| it.kind == kind && it.server.as_deref() == Some("rpyc-threaded-again"))
            .count()
    };
    assert_eq!(twins("topology"), 0);
    let (before, after) = report.split_once("## Noise Floor").unwrap();
    assert!(!before.contains("rpyc-threaded-again"), "it is in no summary and no table: {before}");
    let rows = after.lines().filter(|line| line.starts_with("| latency | lan | "));
    assert_eq!(rows.count(), 3, "mean, p50, p99: {after}");
    let page = fs::read_to_string(folder.path().join("report.html")).unwrap();
    assert!(page.contains("<section id=\"noise\">") && page.contains("rpyc-threaded-again"));
    let (_, data) = page.split_once("id=\"data\">").unwrap();
    assert!(!data.contains("rpyc-threaded-again"), "it is in no chart");
}

#[test]
fn the_smallest_difference_that_could_be_told_is_half_of_the_interval() {
    let folder = TempDir::new().unwrap();
    let mut manifest = study_with_a_twin();
    run_folder::write(folder.path(), &mut manifest, |cell| Some(lifelike(cell, 100)));
    let (results, report) = report_of(folder.path());
    let found = results
        .comparisons
        .iter()
        .find(|it| it.kind == "aa" && it.workload == "latency" && it.metric == "mean")
        .unwrap();
    let cell = results.cells.iter().find(|it| it.server == "rpyc-threaded" && it.workload == "latency").unwrap();
    let [low, high] = found.difference_ci95.unwrap();
    let smallest = found.smallest_difference.unwrap();
    assert!((smallest - (high - low) / 2.0).abs() < 1e-6, "{found:?}");
    assert!((found.smallest_share.unwrap() - smallest / cell.mean.unwrap()).abs() < 1e-12, "{found:?}");
    let told = if found.distinguishable { "yes, wrongly" } else { "no" };
    let row = report.lines().find(|line| line.starts_with("| latency | localhost | mean |")).unwrap();
    assert!(row.contains(&format!("| {told} |")), "{row}");
    // Of pairs that may differ in truth it would say nothing.
    assert!(results.comparisons.iter().filter(|it| it.kind != "aa").all(|it| it.smallest_difference.is_none()));
}

#[test]
fn twins_that_seem_to_differ_are_told_apart_wrongly() {
    let folder = TempDir::new().unwrap();
    let mut manifest = study_with_a_twin();
    run_folder::write(folder.path(), &mut manifest, |cell| {
        let slower = if cell.server == "rpyc-threaded-again" { 5 } else { 0 };
        Some(samples(&verdicts::steady(cell).iter().map(|ns| ns + ns * slower / 100).collect::<Vec<_>>()))
    });
    let (_, report) = report_of(folder.path());
    let row = report.lines().find(|line| line.starts_with("| latency | localhost | mean |")).unwrap();
    assert!(row.contains("| yes, wrongly |"), "{row}");
}

#[test]
fn a_run_without_a_twin_has_no_noise_floor() {
    let folder = TempDir::new().unwrap();
    let mut manifest = run_folder::study(4, false);
    run_folder::write(folder.path(), &mut manifest, |cell| Some(lifelike(cell, 20)));
    let (results, report) = report_of(folder.path());
    assert_eq!((kinds(&results, "aa").count(), report.contains("Noise Floor")), (0, false));
}
