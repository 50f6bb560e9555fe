//! What a cell ran beside, as far as it makes the figures doubtful.

use std::ops::RangeInclusive;

use super::Evidence;
use crate::results::schema::{ClockContradictionResult, CpusResult};
use crate::store::manifest::{ClockEventRecord, ClockRecord};

/// A driver that computes for more of its time than this cannot take every answer when it comes: what it calls the server's time
/// is its own queue. What is left is no more than a tick's worth of doubt.
const DRIVER_BUSY_MAX: f64 = 0.90;
/// A hundredth of the samples are beyond p99: time stolen from as many is enough to make them what they are.
const STOLEN_MAX: f64 = 0.01;
/// As large as what a block's course has to change by to matter.
const KHZ_SPREAD_MAX: f64 = 0.05;
/// From here on what else runs is told. Whether it harms depends on where it runs: the samples themselves say that.
const OTHERS_MAX: f64 = 0.10;

pub(super) fn doubts(evidence: &Evidence<'_>) -> Vec<String> {
    let busy = evidence.result.conditions.driver_busy.filter(|busy| *busy > DRIVER_BUSY_MAX).map(|busy| {
        let most = whole_percent(DRIVER_BUSY_MAX);
        format!(
            "The driver was the bottleneck: it computed for {} of the CPU time it can use, more than {most}. Its queue is in the \
             times; clients that are processes, or fewer of them, would tell.",
            percent(busy)
        )
    });
    let of_hosts = both(evidence)
        .into_iter()
        .flat_map(|(host, cpus)| [stolen(&host, cpus), frequency(&host, cpus), heat(&host, cpus)]);
    let of_clocks = sleeps(evidence).into_iter().chain(contradiction(evidence).or_else(|| unanswered(evidence)));
    busy.into_iter().chain(of_hosts.flatten()).chain(of_clocks).chain(silences(evidence)).collect()
}

/// What does not condemn: that others ran beside.
pub(super) fn notes(evidence: &Evidence<'_>) -> Vec<String> {
    let note = |(host, cpus): (String, &CpusResult)| {
        let others = cpus.others.filter(|others| *others > OTHERS_MAX)?;
        Some(format!("Other processes, and the kernel, used {} of {host}.", percent(others)))
    };
    both(evidence).into_iter().filter_map(note).collect()
}

/// The CPUs of both roles, in words.
fn both<'a>(evidence: &Evidence<'a>) -> [(String, &'a CpusResult); 2] {
    let (topology, conditions) = (evidence.place.topology, &evidence.result.conditions);
    [
        (format!("the driver's CPUs on {}", topology.client), &conditions.driving),
        (format!("the server's CPUs on {}", topology.server), &conditions.serving),
    ]
}

fn stolen(host: &str, cpus: &CpusResult) -> Option<String> {
    let stolen = cpus.stolen.filter(|stolen| *stolen > STOLEN_MAX)?;
    let most = whole_percent(STOLEN_MAX);
    Some(format!("The hypervisor took {} of the time of {host}, more than {most}.", percent(stolen)))
}

/// After the load only: before it CPUs rest, and most of them slowly.
fn frequency(host: &str, cpus: &CpusResult) -> Option<String> {
    let [slowest, fastest] = cpus.khz?;
    let apart = fastest as f64 > slowest as f64 * (1.0 + KHZ_SPREAD_MAX);
    let ghz = |khz: u64| khz as f64 / 1e6;
    apart.then(|| {
        format!(
            "The frequency changed: {host} ended some block at {:.2} GHz and another at {:.2}.",
            ghz(slowest),
            ghz(fastest)
        )
    })
}

fn heat(host: &str, cpus: &CpusResult) -> Option<String> {
    let throttled = cpus.throttled.filter(|count| *count > 0)?;
    Some(format!("Heat slowed down {host} {throttled} times."))
}

/// Hosts that slept within a block. That a wall clock was set is told with the clocks: no sample depends on it.
fn sleeps(evidence: &Evidence<'_>) -> Vec<String> {
    let topology = evidence.place.topology;
    let mut hosts = vec![&topology.client, &topology.server];
    hosts.dedup();
    let mut reasons = Vec::new();
    for host in hosts {
        let events = || evidence.source.manifest.clocks.iter().filter(|it| it.host == *host).flat_map(|it| &it.events);
        let slept: Vec<&ClockEventRecord> = events().filter(|event| event.kind == "slept").collect();
        let Some(shift) = shift(evidence, host) else { continue };
        // The offset is that of the end of the run, and each sleep has moved it.
        let all = |host: &str| -> i64 {
            let clocks = evidence.source.manifest.clocks.iter().filter(|it| it.host == host);
            let slept = clocks.flat_map(|it| &it.events).filter(|event| event.kind == "slept");
            slept.map(|event| event.by_ns.abs()).fold(0, i64::saturating_add)
        };
        let moved = if *host == topology.client { 0 } else { all(host).saturating_add(all(&topology.client)) };
        for (block, span) in (1..).zip(evidence.spans).filter_map(|(block, span)| Some((block, span.clone()?))) {
            let begins = span.start().saturating_add(shift).saturating_sub(moved);
            let ends = span.end().saturating_add(shift).saturating_add(moved);
            let within = |event: &&&ClockEventRecord| event.from_raw_ns <= ends && event.to_raw_ns >= begins;
            reasons.extend(slept.iter().find(within).map(|event| {
                let seconds = event.by_ns as f64 / 1e9;
                format!("{host} slept for {seconds:.1} s amid block {block}: whatever ran then was held up.")
            }));
        }
    }
    reasons
}

/// Clocks that cannot all be right. Whose is not cannot be told: it may be the one that the samples were taken by.
fn contradiction(evidence: &Evidence<'_>) -> Option<String> {
    let mut clock_pairs = evidence.source.clock_pairs.iter();
    let pairs = clock_pairs.find(|it| it.topology == evidence.place.topology.name)?;
    let ClockContradictionResult { hosts, by_ns } = pairs.contradiction.as_ref()?;
    Some(format!(
        "The clocks of {} contradict each other by {by_ns} ns: a stamp or a clock of one of them lies.",
        hosts.join(", ")
    ))
}

/// That it cannot be looked whether three clocks agree.
fn unanswered(evidence: &Evidence<'_>) -> Option<String> {
    let topology = evidence.place.topology;
    let is_asked = |host: &String| evidence.source.manifest.clocks.iter().any(|clock| clock.host == *host);
    let has_stamped = evidence.records.iter().any(|record| record.stamps.is_some());
    let why = evidence.source.asked.lost.as_ref().filter(|_| has_stamped)?;
    (is_asked(&topology.client) && is_asked(&topology.server)).then(|| {
        format!("Whether the clocks of {} and {} agree is not known: {why}.", topology.client, topology.server)
    })
}

/// From instants of samples to the CLOCK_MONOTONIC_RAW of a host; none where nothing is known of how far the clocks are apart.
fn shift(evidence: &Evidence<'_>, host: &str) -> Option<i64> {
    let client = &evidence.place.topology.client;
    let epoch = evidence.source.manifest.hosts.get(client)?.epoch_raw_ns;
    if host == client {
        return Some(epoch);
    }
    Some(
        epoch
            .saturating_add(ahead(&evidence.source.manifest.clocks, host)?)
            .saturating_sub(ahead(&evidence.source.manifest.clocks, client)?),
    )
}

/// How far a clock is ahead of the controller's; that of its own host is asked by nobody.
fn ahead(clocks: &[ClockRecord], host: &str) -> Option<i64> {
    let mut of_host = clocks.iter().filter(|it| it.host == host).peekable();
    match of_host.peek() {
        None => Some(0),
        Some(_) => of_host.filter_map(|it| it.offset_ns).next_back().map(|[offset, _]| offset),
    }
}

fn silences(evidence: &Evidence<'_>) -> Vec<String> {
    let of_block = evidence.records.iter().flat_map(|record| record.silences.iter().map(move |it| (record.block, it)));
    let told = |(block, silence): (u32, &crate::store::manifest::SilenceRecord)| {
        format!(
            "Nothing was heard of the agent of {} for {:.1} s amid block {block}: what had stopped it, or cut it off, may be in the \
             times.",
            silence.host, silence.seconds
        )
    };
    of_block.map(told).collect()
}

/// What is more than a limit never reads as that limit.
fn percent(share: f64) -> String {
    format!("{:.1} %", (1_000.0 * share).ceil() / 10.0)
}

fn whole_percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

/// When the samples of a block were taken, by the driving host's clock since its epoch.
pub(in crate::results) type Span = RangeInclusive<i64>;
