//! `report` of a run of ten million samples, which was never run: the samples are made up, the files are real.

use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use rpycbench_controller::store::manifest::Manifest;
use rpycbench_controller::store::samples::SamplesWriter;
use rpycbench_controller::store::table::CellKey;
use rpycbench_measure::Samples;
use rpycbench_tests::Sandbox;
use serde_json::{Value, json};

use crate::Figure;

const SERVERS: usize = 20;
const BLOCKS: u32 = 5;
/// 60 cells of five blocks: ten million in all.
const ROWS: usize = 33_334;
const WORKLOADS: [&str; 3] = ["small", "medium", "large"];

/// Wall time and peak memory.
pub(crate) fn measure() -> [Figure; 2] {
    let sandbox = Sandbox::without_environments();
    let folder = sandbox.path().join("run");
    std::fs::create_dir_all(folder.join("samples")).expect("a folder");
    let mut cells = Vec::new();
    for server in 0..SERVERS {
        for workload in WORKLOADS {
            for block in 1..=BLOCKS {
                cells.push(cell(&folder, &format!("server-{server}"), workload, block));
            }
        }
    }
    let samples = cells.len() * ROWS;
    let text = manifest(cells).to_string();
    // Read as the controller reads it: what is made up here must be what it expects.
    let _: Manifest = serde_json::from_str(&text).expect("a manifest");
    std::fs::write(folder.join("run.json"), text).expect("the manifest is written");

    let began = Instant::now();
    let outcome = sandbox.call(&["report", &folder.display().to_string()]);
    let wall = began.elapsed().as_secs_f64();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("usage of children");
    let what = "merge, statistics, report.md, report.html and graphs";
    [
        Figure {
            what,
            ours: format!("{wall:.1} s"),
            peer: format!("{:.1} million samples", samples as f64 / 1e6),
            result: format!("{:.2} s a million", wall / (samples as f64 / 1e6)),
            goal: "under 15 s for 10 million in 60 cells",
        },
        Figure {
            what: "its peak memory",
            ours: format!("{} MiB", usage.max_rss() / 1024),
            peer: "-".to_owned(),
            result: "-".to_owned(),
            goal: "under 1024 MiB",
        },
    ]
}

fn cell(folder: &std::path::Path, server: &str, workload: &str, block: u32) -> Value {
    let name = format!("samples/localhost.{server}.{workload}.python.b{block:03}.parquet");
    let key = CellKey {
        topology: "localhost".to_owned(),
        server: server.to_owned(),
        workload: workload.to_owned(),
        driver: "python".to_owned(),
        block,
    };
    let mut writer = SamplesWriter::create(&folder.join(&name), key).expect("a file");
    writer.append(&rows(u64::from(block) + server.len() as u64), 0).expect("rows are written");
    assert_eq!(writer.finish().expect("the file is whole"), ROWS as u64);
    json!({
        "id": 0, "topology": "localhost", "server": server, "workload": workload, "driver": "python", "block": block,
        "status": "complete", "reason": "", "expected": ROWS, "reported": ROWS, "stored": ROWS, "failed": 0, "samples": name,
        "round_trips_per_call": 1.0, "connections_opened": 0, "server_startup_ns": 1, "server_cpus": [1], "driver_cpus": [0],
        "server_exit": null, "driver_exit": null, "wall_s": 1.0,
    })
}

/// Latencies that scatter as real ones do: many digits, a tail.
fn rows(seed: u64) -> Samples {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut samples = Samples::default();
    let mut now = 0i64;
    for seq in 0..ROWS as u32 {
        let tail = if next() % 100 == 0 { 20 } else { 1 };
        let duration = 80_000 * tail + (next() % 60_000) as i64;
        samples.client.push(0);
        samples.seq.push(seq);
        samples.start_ns.push(now);
        samples.end_ns.push(now + duration);
        samples.error.push(0);
        samples.bytes_out.push(0);
        samples.bytes_in.push(4);
        now += duration + 700;
    }
    samples
}

fn manifest(cells: Vec<Value>) -> Value {
    let servers: Vec<Value> = (0..SERVERS)
        .map(|server| json!({ "name": format!("server-{server}"), "kind": "rpyc", "mode": "threaded" }))
        .collect();
    let workloads: Vec<Value> = WORKLOADS
        .iter()
        .map(|name| {
            json!({ "name": name, "kind": "closed", "clients": 1, "requests": ROWS, "warmup": 0,
                    "client_model": "threads", "call": "attribute", "driver": "python" })
        })
        .collect();
    json!({
        "schema": 1, "run_id": "made-up", "study": "made-up", "description": "", "started": "2026-01-01T00:00:00Z",
        "ended": "2026-01-01T01:00:00Z", "cells_wall_s": 3600.0, "version": "0", "plan_sha256": "", "placement": "separate",
        "hosts": {}, "topologies": [{ "name": "localhost", "client": "here", "server": "here", "baseline": null }],
        "servers": servers, "workloads": workloads, "cells": cells, "warnings": [],
    })
}
