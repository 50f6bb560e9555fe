//! What report.md says where.

use std::fs;

use tempfile::TempDir;

use crate::run_folder::{self, lifelike, study, three_hosts, write};
use crate::{four_calls, report_of};

#[test]
fn the_report_has_the_sections_of_the_study_and_every_graph() {
    let folder = TempDir::new().unwrap();
    let mut manifest = study(3, true);
    manifest.reference = Some("published-study".to_owned());
    write(folder.path(), &mut manifest, |cell| Some(lifelike(cell, cell.expected as usize)));
    let (_, report) = report_of(folder.path());
    for heading in [
        "## Summary",
        "## How to read this",
        "## localhost performance",
        "## lan performance",
        "### Connection Establishment Time",
        "### Request Latency",
        "### Latency Percentiles",
        "### Concurrency",
        "### RPyC-to-HTTP Ratios",
        "### lan against localhost",
        "## Beside the published study",
        "## Hardware and Versions",
        "## Cells",
        "## Warnings",
        "## Reproduce",
    ] {
        assert!(report.contains(&format!("\n{heading}\n")), "{heading} is missing:\n{report}");
    }
    for graph in
        ["connection_time_comparison", "latency_comparison", "percentile_comparison", "localhost_vs_lan_comparison"]
    {
        let name = |ending| folder.path().join("graphs").join(format!("{graph}.{ending}"));
        assert!(fs::read(name("png")).unwrap().starts_with(b"\x89PNG"));
        assert!(fs::read_to_string(name("svg")).unwrap().contains("viewBox"));
        assert!(report.contains(&format!("](graphs/{graph}.png)")), "{graph}");
    }
    let cells = |line: &str| line.replace("\\|", "").matches('|').count();
    let lines: Vec<&str> = report.lines().collect();
    for pair in lines.windows(2).filter(|pair| pair.iter().all(|line| line.starts_with('|'))) {
        assert_eq!(cells(pair[0]), cells(pair[1]), "{}\n{}", pair[0], pair[1]);
    }
    let tables = || lines.split(|line| !line.starts_with('|')).filter(|table| !table.is_empty());
    assert!(
        tables().all(|table| table.get(1).is_some_and(|line| line.starts_with("|---"))),
        "a table is torn:\n{report}"
    );
    assert!(report.contains("| rpyc-threaded | 3.34 |"), "the published table");
    let lan = report.split("What the LAN adds (lan against localhost)").nth(1).unwrap();
    assert!(
        lan.contains("| rpyc-threaded | -33 % | ") && lan.contains(" | 47 % | +"),
        "the published LAN tables: {lan}"
    );
    assert!(lan.contains(" | 1.58 | +"), "the published added latency: {lan}");
    assert!(report.contains("turbo is on: clock \\| speed may \\*vary\\*"), "free text is escaped");
}

#[test]
fn a_plan_without_connect_or_baseline_says_what_it_left_out() {
    let (folder, _) = four_calls();
    let (_, report) = report_of(folder.path());
    assert!(
        report.contains("connection\\_time\\_comparison was left out: the plan has no workload of kind connect"),
        "{report}"
    );
    assert!(!folder.path().join("graphs/localhost_vs_lan_comparison.png").exists());
    assert!(!report.contains("Beside the published study"));
}

#[test]
fn three_hosts_have_a_table_and_a_heat_map_of_every_pair() {
    let folder = TempDir::new().unwrap();
    let mut manifest = three_hosts(3);
    // A call takes 100 µs on one host and 300 between two, RPyC and HTTP alike; blocks agree but for a microsecond.
    write(folder.path(), &mut manifest, |cell| {
        let typical = if cell.topology.contains('-') { 300_000 } else { 100_000 };
        let block = i64::from(cell.block) * 500;
        Some(run_folder::samples(&vec![typical + block; cell.expected as usize]))
    });
    let (_, report) = report_of(folder.path());
    for row in [
        "| Driven from ↓, served by → | hurin | morwen | turin |",
        "| **hurin** | 0.101 ± 0.001 | 0.301 ± 0.001 | 0.301 ± 0.001 |",
        "| **morwen** | – | 0.101 ± 0.001 | 0.301 ± 0.001 |",
        "| **morwen** | – | – | 0.120 |",
    ] {
        assert!(report.contains(row), "{row} is missing:\n{report}");
    }
    assert_eq!(report.matches("| **turin** | 0.301").count(), 2, "a table for each server:\n{report}");
    let svg = fs::read_to_string(folder.path().join("graphs/host_pairs.svg")).unwrap();
    assert!(fs::read(folder.path().join("graphs/host_pairs.png")).unwrap().starts_with(b"\x89PNG"));
    for text in ["rpyc-threaded", "http-threaded", ">0.301<", ">0.101<", ">–<"] {
        assert!(svg.contains(text), "{text} is not written in the heat map");
    }
    assert!(report.contains("](graphs/host_pairs.png)"), "{report}");
    // Eight topologies are too many for a paragraph each.
    let summary = report.split("## How to read").next().unwrap();
    assert!(summary.contains("**latency**, rpyc-threaded over 8 topologies: on average from 0.101 ms"), "{summary}");
    assert!(summary.contains("against their baselines +0.200 to +0.200 ms on 5"), "{summary}");
    assert_eq!(summary.matches("\n- ").count(), 4, "{summary}");
}

#[test]
fn over_many_topologies_differences_that_cannot_be_told_from_zero_are_named() {
    let folder = TempDir::new().unwrap();
    let mut manifest = three_hosts(3);
    write(folder.path(), &mut manifest, |cell| {
        let wobble = if cell.topology == "hurin-turin" { 9_000 * (i64::from(cell.block) - 2) } else { 0 };
        let added = if cell.topology.contains('-') && wobble == 0 { 50_000 } else { 0 };
        let added = if cell.topology == "hurin-turin" { 0 } else { added };
        Some(run_folder::samples(&vec![100_000 + wobble + added; cell.expected as usize]))
    });
    let (_, report) = report_of(folder.path());
    let summary = report.split("## How to read").next().unwrap();
    assert!(summary.contains("ms on 4; a difference cannot be told from zero on hurin-turin."), "{summary}");
}

#[test]
fn two_hosts_have_neither_table_nor_heat_map_of_pairs() {
    let folder = TempDir::new().unwrap();
    let mut manifest = study(2, true);
    write(folder.path(), &mut manifest, |cell| Some(lifelike(cell, 10)));
    let (_, report) = report_of(folder.path());
    assert!(!report.contains("Pairs of hosts") && !folder.path().join("graphs/host_pairs.svg").exists());
}

#[test]
fn what_carries_a_topology_is_told_for_both_ends() {
    let folder = TempDir::new().unwrap();
    let mut manifest = three_hosts(2);
    write(folder.path(), &mut manifest, |cell| Some(lifelike(cell, 5)));
    let (_, report) = report_of(folder.path());
    for row in [
        "| hurin-turin | hurin drives | eth0 | ethernet | e1000e | 1000 | 1500 | – |",
        "| hurin-turin | turin serves | eth0 | virtual ethernet (veth) | – | not known | 1500 | speed and driver cannot be told |",
    ] {
        assert!(report.contains(row), "{row} is missing:\n{report}");
    }
}

#[test]
fn every_table_of_a_lan_says_how_much_longer_than_its_baseline_or_that_it_cannot_be_told() {
    let folder = TempDir::new().unwrap();
    let mut manifest = study(3, true);
    manifest.pings = vec![run_folder::ping("localhost", 20_000.0), run_folder::ping("lan", 120_000.0)];
    write(folder.path(), &mut manifest, |cell| {
        let wobble = i64::from(cell.block) - 2;
        let lan = cell.topology == "lan";
        let typical = match cell.server.as_str() {
            // Twice as long over the LAN, plain to see.
            "rpyc-threaded" => (100_000 + 100 * wobble) * (1 + i64::from(lan)),
            // Now above, now below.
            _ => 100_000 + if lan { 9_000 * wobble } else { 0 },
        };
        Some(run_folder::samples(&vec![typical; cell.expected as usize]))
    });
    let (_, report) = report_of(folder.path());
    let lan = report.split("## lan performance").nth(1).unwrap();
    for (heading, column, more) in [
        ("### Connection Establishment Time", "Handshake mean (ms) | vs localhost |", "| +100 % |"),
        ("### Request Latency", "Throughput (calls/s) | vs localhost |", "| +100 % |"),
        // 201 µs for a call and the gap after it, against 101.
        ("### Concurrency", "Mean latency under load (ms) | Duration vs localhost |", "| +99.0 % |"),
    ] {
        let table = lan.split(heading).nth(1).unwrap().split("###").next().unwrap();
        let row = |server: &str| table.lines().find(|line| line.starts_with(&format!("| {server} "))).unwrap();
        assert!(table.contains(column), "{column} is missing:\n{table}");
        assert!(row("rpyc-threaded").contains(more), "{table}");
        assert!(row("http-threaded").contains("%, cannot be told from zero |"), "{table}");
    }
    assert!(!report.split("## lan performance").next().unwrap().contains("vs localhost"), "localhost has no baseline");
    // Two round trips a call, each 0.1 ms longer.
    let added = lan.split("### lan against localhost").nth(1).unwrap();
    assert!(added.contains("| +0.200 | yes |"), "{added}");
    assert!(added.contains("no: cannot be told from zero |"), "{added}");
    let summary = report.split("## How to read").next().unwrap();
    assert!(summary.contains("lan against localhost: rpyc-threaded takes 0.100 ms more"), "{summary}");
    assert!(summary.contains("ms, which cannot be told from zero (95 % interval"), "{summary}");
    let ratios = report.split("### RPyC-to-HTTP Ratio by Topology").nth(1).unwrap();
    assert!(ratios.contains("| lan | 0.500"), "{ratios}");
}
