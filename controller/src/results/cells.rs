//! The figures of one cell: its blocks read, pooled and judged.

use std::collections::BTreeMap;

use rpycbench_measure::statistics::{Cell, Metric, NoInterval, quantile};

use super::block::Block;
use super::compute::Place;
use super::conditions;
use super::schema::{CellResult, ConditionsResult, PartResult};
use super::source::Source;
use super::verdict::{self, Evidence};
use super::ways::Ways;
use crate::store::manifest::{CellRecord, Manifest};
use crate::store::samples::{self, BlockColumns};

/// A cell, for comparisons, and its figures.
pub(crate) struct Gathered {
    /// The samples of its blocks.
    pub(crate) cell: Cell,
    /// What they say.
    pub(crate) result: CellResult,
}

/// Reads the blocks of a cell. One that cannot be read counts as one that delivered nothing, and the verdict says so.
pub(super) fn gather(source: &Source<'_>, place: Place<'_>) -> Gathered {
    let manifest = source.manifest;
    let records = records_of(manifest, place);
    let blocks = manifest.cells.iter().map(|cell| cell.block).max().unwrap_or(0);
    let mut parts = Parts::default();
    let mut unreadable = Vec::new();
    let mut ways = Ways::default();
    let (mut samples, mut courses, mut spans) = (Vec::new(), Vec::new(), Vec::new());
    for block in 1..=blocks {
        let record = records.iter().find(|record| record.block == block);
        let record = record.filter(|it| it.stored > 0);
        let read = record.map(|it| (it, samples::read(&source.folder.join(&it.samples))));
        let block = match read {
            None => Block::default(),
            Some((record, Ok(columns))) => {
                let block = Block::of(&columns);
                parts.add(&columns, block.steady_from_ns);
                ways.add(source, record, &columns, block.steady_from_ns);
                block
            }
            Some((_, Err(error))) => {
                unreadable.push((block, error.to_string()));
                Block::default()
            }
        };
        samples.push(block.samples);
        courses.push(block.course);
        spans.push(block.span);
    }
    let cell = Cell::new(samples);
    let mut result = figures(&cell, place, &records);
    let (of_ways, unpaired) = ways.into_results();
    result.parts = parts.into_results().into_iter().chain(of_ways).collect();
    result.unpaired = unpaired;
    result.conditions = conditions::of(place, &records);
    let evidence = Evidence {
        source,
        place,
        records: &records,
        blocks,
        unreadable: &unreadable,
        result: &result,
        cell: &cell,
        courses: &courses,
        spans: &spans,
    };
    let (verdict, reasons) = verdict::of(&evidence);
    result.verdict = verdict.to_owned();
    result.reasons = reasons;
    Gathered { cell, result }
}

fn records_of<'a>(manifest: &'a Manifest, place: Place<'_>) -> Vec<&'a CellRecord> {
    let mut records: Vec<_> = manifest.cells.iter().filter(|record| place.is_of(record)).collect();
    records.sort_by_key(|record| record.block);
    records
}

fn figures(cell: &Cell, place: Place<'_>, records: &[&CellRecord]) -> CellResult {
    let Place { topology, server, workload } = place;
    let summary = cell.summary();
    let connects = workload.kind == "connect";
    let ci95 = Metric::ALL.map(|metric| (metric.name().to_owned(), cell.interval(metric).map(Into::into)));
    CellResult {
        topology: topology.name.clone(),
        server: server.name.clone(),
        workload: workload.name.clone(),
        driver: workload.driver.clone(),
        client_model: workload.client_model.clone(),
        clients: workload.clients,
        call: call(connects, &server.kind, &workload.call).to_owned(),
        connection: connection(connects, records).map(str::to_owned),
        metric: if connects { "connect" } else { "latency" }.to_owned(),
        unit: "ns".to_owned(),
        blocks: cell.blocks().iter().filter(|block| block.count() > 0).count() as u32,
        count: summary.count,
        failed: summary.failed,
        warmup_cut: summary.warmup_cut,
        success_rate: summary.success_rate,
        duration_s: summary.duration_s,
        throughput_per_s: summary.throughput_per_s,
        mean: summary.mean,
        stddev: summary.stddev,
        min: summary.min,
        p50: summary.p50,
        p90: summary.p90,
        p95: summary.p95,
        p99: summary.p99,
        p999: summary.p999,
        max: summary.max,
        ci95: BTreeMap::from(ci95),
        no_interval: no_interval(cell),
        round_trips_per_call: average(records.iter().filter_map(|it| it.round_trips_per_call)),
        parts: BTreeMap::new(),
        unpaired: BTreeMap::new(),
        server_cpu_ns_per_call: server_cpu_ns_per_call(records),
        server_peak_memory_bytes: records
            .iter()
            .filter_map(|it| it.server_exit.as_ref())
            .map(|it| it.peak_memory_bytes)
            .max(),
        conditions: ConditionsResult::default(),
        verdict: String::new(),
        reasons: Vec::new(),
    }
}

/// Why there is none, by metric.
fn no_interval(cell: &Cell) -> BTreeMap<String, String> {
    let why = |metric: Metric| {
        let word = match cell.try_interval(metric).err()? {
            NoInterval::NoSamples => "no_samples",
            NoInterval::OneBlock => "one_block",
            NoInterval::FewBlocks => "few_blocks",
            NoInterval::FewBeyond => "few_beyond",
            NoInterval::FewEffectiveBeyond { .. } => "few_effective_beyond",
            NoInterval::StartsDiffer { .. } => "starts_differ",
            NoInterval::Unbounded => "unbounded",
        };
        Some((metric.name().to_owned(), word.to_owned()))
    };
    Metric::ALL.into_iter().filter_map(why).collect()
}

fn call(connects: bool, server_kind: &str, shape: &str) -> &'static str {
    match (connects, server_kind, shape) {
        (true, _, _) => "connect",
        (false, "flask", _) => "GET /ping",
        (false, _, "bound") => "bound ping()",
        (false, _, _) => "root.ping()",
    }
}

/// `None` where a block did not count its connections, or where some calls opened one and others did not.
fn connection(connects: bool, records: &[&CellRecord]) -> Option<&'static str> {
    let measured = || records.iter().filter(|it| it.stored > 0);
    let opened: Option<u128> = measured().map(|it| it.connections_opened.map(u128::from)).sum();
    let stored: u128 = measured().map(|it| u128::from(it.stored)).sum();
    match opened {
        _ if connects => Some("new"),
        Some(0) if stored > 0 => Some("reused"),
        Some(opened) if stored > 0 && opened >= stored => Some("new"),
        _ => None,
    }
}

fn server_cpu_ns_per_call(records: &[&CellRecord]) -> Option<f64> {
    let measured = records.iter().filter_map(|it| Some((it.server_exit.as_ref()?.load_cpu_ns, it.stored)));
    let (cpu, calls) =
        measured.fold((0_u128, 0_u128), |(cpu, calls), it| (cpu + u128::from(it.0), calls + u128::from(it.1)));
    (calls > 0).then(|| cpu as f64 / calls as f64)
}

fn average(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

/// Parts of the successful samples, by name.
#[derive(Default)]
struct Parts {
    tcp: Vec<i64>,
    handshake: Vec<i64>,
}

impl Parts {
    /// Adds those of samples that start at `from_ns` or later.
    fn add(&mut self, columns: &BlockColumns, from_ns: i64) {
        for (part, column) in [(&mut self.tcp, &columns.tcp_ns), (&mut self.handshake, &columns.handshake_ns)] {
            let counts = columns.ok.iter().zip(&columns.start_ns).map(|(ok, start)| *ok && *start >= from_ns);
            part.extend(column.iter().zip(counts).filter(|(_, counts)| *counts).filter_map(|(value, _)| *value));
        }
    }

    fn into_results(self) -> BTreeMap<String, PartResult> {
        let parts = [("tcp", self.tcp), ("handshake", self.handshake)];
        let parts = parts.into_iter().filter(|(_, durations)| !durations.is_empty());
        parts.map(|(name, durations)| (name.to_owned(), part_result(durations))).collect()
    }
}

fn part_result(mut durations: Vec<i64>) -> PartResult {
    durations.sort_unstable();
    let sum: i128 = durations.iter().map(|&duration| i128::from(duration)).sum();
    PartResult {
        count: durations.len() as u64,
        mean: (!durations.is_empty()).then(|| sum as f64 / durations.len() as f64),
        p50: quantile::linear(&durations, 0.5),
        p99: quantile::linear(&durations, 0.99),
        range: None,
    }
}
