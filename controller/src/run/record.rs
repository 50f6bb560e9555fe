//! What a run enters into its manifest.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use jiff::Timestamp;
use rpycbench_measure::statistics::quantile::linear;
use rpycbench_measure::{Call, ClientModel, Workload};
use rpycbench_probe::clock::{boot_id, raw_ns};
use rpycbench_proto::message::{
    CellName, ConfinementFacts, CpuUse, Driven, End, Exit, HostFacts, Link, Measure, Part, PythonFacts, Stamped, Stream,
};
use sha2::{Digest, Sha256};

use super::Settings;
use crate::plan::{Cell, DRIVER, NamedWorkload, Plan, Until};
use crate::session::Agent;
use crate::store::manifest::{
    CellRecord, CellStatus, CpuUseRecord, ExitRecord, HostRecord, LinkRecord, Manifest, MeasureRecord, PingRecord,
    PrecisionRecord, SCHEMA, ServerRecord, StampsRecord, TopologyRecord, WorkloadRecord,
};
use crate::store::table::CellKey;

/// The manifest of a run that is about to begin.
pub(super) fn manifest(settings: &Settings, run_id: &str, now: Timestamp) -> Manifest {
    let plan = &settings.plan;
    let digest = Sha256::digest(&settings.plan_bytes);
    Manifest {
        schema: SCHEMA,
        run_id: run_id.to_owned(),
        study: plan.name.clone(),
        description: plan.description.clone(),
        started: now.to_string(),
        ended: String::new(),
        // A host without such a clock has no samples to set beside it either.
        epoch_raw_ns: raw_ns().unwrap_or(0),
        boot_id: boot_id(),
        cells_wall_s: 0.0,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        plan_sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        placement: plan.placement.name().to_owned(),
        hosts: BTreeMap::new(),
        topologies: plan
            .topologies
            .iter()
            .map(|topology| TopologyRecord {
                name: topology.name.clone(),
                client: plan.hosts[topology.client].name.clone(),
                server: plan.hosts[topology.server].name.clone(),
                baseline: topology.baseline.map(|baseline| plan.topologies[baseline].name.clone()),
            })
            .collect(),
        pings: Vec::new(),
        links: Vec::new(),
        clocks: Vec::new(),
        other_clocks: Vec::new(),
        servers: plan
            .servers
            .iter()
            .map(|server| {
                let (kind, mode) = server.kind_and_mode();
                let twin_of = server.twin_of.map(|place| plan.servers[place].name.clone());
                ServerRecord { name: server.name.clone(), kind: kind.to_owned(), mode: mode.to_owned(), twin_of }
            })
            .collect(),
        workloads: plan.workloads.iter().map(workload).collect(),
        precision: plan.until.map(|Until { precision, max_blocks }| PrecisionRecord {
            wanted: precision,
            blocks: plan.blocks,
            begun: plan.blocks,
            max_blocks,
        }),
        only: settings.only.clone(),
        reference: plan.beside_published.then(|| "published-study".to_owned()),
        cells: Vec::new(),
        attempts: Vec::new(),
        resumed: Vec::new(),
        warnings: Vec::new(),
    }
}

fn workload(NamedWorkload { name, workload }: &NamedWorkload) -> WorkloadRecord {
    let (kind, clients, requests, warmup, client_model, call) = match *workload {
        Workload::Connect { count, warmup } => ("connect", 1, count, warmup, ClientModel::Threads, Call::Attribute),
        Workload::Closed { clients, requests, warmup, client_model, call } => {
            ("closed", clients, requests, warmup, client_model, call)
        }
    };
    WorkloadRecord {
        name: name.clone(),
        kind: kind.to_owned(),
        clients,
        requests,
        warmup,
        client_model: client_model.name().to_owned(),
        call: call.name().to_owned(),
        driver: DRIVER.to_owned(),
    }
}

/// Enters what an agent says of its host; returns how that differs from what is entered, where the run was taken up again.
pub(super) fn host(manifest: &mut Manifest, agent: &Agent, facts: &HostFacts) -> Option<String> {
    let HostFacts {
        hostname,
        os,
        kernel,
        arch,
        cpu_model,
        logical_cpus,
        physical_cores,
        memory_bytes,
        virtualization,
        confinement: ConfinementFacts { level, measures },
        boot_id,
    } = facts.clone();
    let measures = measures.into_iter();
    let record = HostRecord {
        agent: agent.address.clone(),
        hostname,
        os,
        kernel,
        arch,
        cpu_model,
        logical_cpus,
        physical_cores,
        memory_bytes,
        virtualization,
        boot_id,
        epoch_raw_ns: manifest.hosts.get(&agent.host).map_or(0, |known| known.epoch_raw_ns),
        confinement: level.name().to_owned(),
        confinement_measures: measures
            .map(|Measure { name, in_force, detail }| MeasureRecord { name, in_force, detail })
            .collect(),
        ..HostRecord::default()
    };
    let known = manifest.hosts.get(&agent.host);
    let changed = known.and_then(|known| change(&agent.host, known, &record));
    if known.is_some_and(|known| is_another_clock(&known.boot_id, &record.boot_id)) {
        manifest.other_clocks.push(agent.host.clone());
    }
    manifest.hosts.insert(agent.host.clone(), record);
    changed
}

/// Whether the host has been started anew between these.
pub(super) fn is_another_clock(before: &str, now: &str) -> bool {
    ![before, now].contains(&"") && before != now
}

/// What of a host is not as it was, as far as it may show in times.
fn change(host: &str, before: &HostRecord, now: &HostRecord) -> Option<String> {
    let facts = |of: &HostRecord| {
        [
            ("name", of.hostname.clone()),
            ("system", of.os.clone()),
            ("kernel", of.kernel.clone()),
            ("CPU", of.cpu_model.clone()),
            ("number of CPUs", of.logical_cpus.to_string()),
            ("memory", of.memory_bytes.to_string()),
            ("virtualisation", of.virtualization.clone()),
            ("confinement", of.confinement.clone()),
            ("start", of.boot_id.clone()),
        ]
    };
    let changed = facts(before).into_iter().zip(facts(now)).filter(|(before, now)| before != now);
    let changed: Vec<String> =
        changed.map(|((what, was), (_, is))| format!("its {what} was {was} and is {is}")).collect();
    let changed = (!changed.is_empty()).then(|| changed.join(", "))?;
    Some(format!(
        "host {host} is not what it was before the run was taken up again: {changed}; what is measured on either side may differ"
    ))
}

/// Enters the instant a host's sample times are relative to.
pub(super) fn epoch(manifest: &mut Manifest, host: &str, epoch_ns: i64) {
    if let Some(record) = manifest.hosts.get_mut(host) {
        // That of the run's beginning still holds where the run was taken up again, unless the host has started anew since.
        if record.epoch_raw_ns == 0 || record.epoch_raw_ns > epoch_ns {
            record.epoch_raw_ns = epoch_ns;
        }
    }
}

/// The instant a host's sample times are relative to.
pub(super) fn epoch_of(manifest: &Manifest, host: &str) -> i64 {
    manifest.hosts.get(host).map_or(0, |record| record.epoch_raw_ns)
}

/// Enters what is in a host's Python environment.
pub(super) fn python(manifest: &mut Manifest, host: &str, facts: PythonFacts) {
    if let Some(record) = manifest.hosts.get_mut(host) {
        record.python = facts.python;
        record.python_implementation = facts.implementation;
        record.packages = facts.packages;
    }
}

/// Forgets what is known of the network that carries a topology.
pub(super) fn forget_network(manifest: &mut Manifest, topology: &str) {
    manifest.pings.retain(|ping| ping.topology != topology);
    manifest.links.retain(|link| link.topology != topology);
}

/// Enters what a ping over a topology gave.
pub(super) fn ping(
    manifest: &mut Manifest,
    topology: String,
    target: SocketAddr,
    mut round_trip_ns: Vec<i64>,
    lost: u32,
) {
    round_trip_ns.sort_unstable();
    let at = |q: f64| linear(&round_trip_ns, q);
    manifest.pings.push(PingRecord {
        topology,
        address: target.ip().to_string(),
        count: round_trip_ns.len().try_into().unwrap_or(u32::MAX),
        lost,
        min_ns: at(0.0),
        p50_ns: at(0.5),
        p99_ns: at(0.99),
        max_ns: at(1.0),
    });
}

/// Enters what carries a topology at one of its ends; `role` is `drives` or `serves`.
pub(super) fn link(manifest: &mut Manifest, topology: &str, host: &str, role: &str, link: Link) {
    let Link { interface, kind, driver, mtu, speed_mbit_s, note } = link;
    let [topology, host, role] = [topology, host, role].map(str::to_owned);
    manifest.links.push(LinkRecord { topology, host, role, interface, kind, driver, mtu, speed_mbit_s, note });
}

/// A cell that has not begun.
pub(super) fn cell(plan: &Plan, cell: Cell) -> CellRecord {
    let topology = plan.topologies[cell.topology].name.clone();
    let server = plan.servers[cell.server].name.clone();
    let NamedWorkload { name: workload, workload: load } = &plan.workloads[cell.workload];
    let file = |folder| format!("{folder}/{topology}.{server}.{workload}.{DRIVER}.b{:03}.parquet", cell.block);
    CellRecord {
        id: cell.id,
        samples: file("samples"),
        stamps: plan.stamps.is_on(cell.block).then(|| StampsRecord { file: file("stamps"), ..StampsRecord::default() }),
        topology,
        server,
        workload: workload.clone(),
        driver: DRIVER.to_owned(),
        block: cell.block,
        attempt: 1,
        status: CellStatus::NotRun,
        reason: String::new(),
        expected: load.expected_samples(),
        reported: None,
        stored: 0,
        failed: 0,
        collected: false,
        round_trips_per_call: None,
        connections_opened: None,
        server_startup_ns: None,
        server_cpus: Vec::new(),
        driver_cpus: Vec::new(),
        server_exit: None,
        driver_exit: None,
        silences: Vec::new(),
        wall_s: 0.0,
    }
}

/// What an agent calls a cell in spans and metrics.
pub(super) fn name(cell: &CellRecord) -> CellName {
    let CellRecord { topology, server, workload, block, .. } = cell;
    CellName { topology: topology.clone(), server: server.clone(), workload: workload.clone(), block: *block }
}

/// What every row of a cell's file has in common.
pub(super) fn key(cell: &CellRecord) -> CellKey {
    let CellRecord { topology, server, workload, driver, block, .. } = cell;
    let [topology, server, workload, driver] = [topology, server, workload, driver].map(Clone::clone);
    CellKey { topology, server, workload, driver, block: *block }
}

/// The name of a cell's samples, or stamps, at the agent that takes them.
pub(super) fn stream(manifest: &Manifest, cell: &CellRecord, agent: String, part: Part) -> Stream {
    Stream { run_id: manifest.run_id.clone(), agent, cell: name(cell), attempt: cell.attempt, part }
}

/// Enters what a cell's samples ended with.
pub(super) fn end(cell: &mut CellRecord, End { samples, driven, .. }: &End) {
    cell.reported = Some(*samples);
    if let Some(driven) = driven {
        cell.round_trips_per_call = Some(driven.round_trips_per_call);
        cell.connections_opened = Some(driven.connections_opened);
        if let Some(stamps) = &mut cell.stamps {
            stamps.clients = driven.clients.iter().map(Into::into).collect();
        }
    }
}

/// Enters what a cell's stamps ended with.
pub(super) fn end_of_stamps(stamps: &mut StampsRecord, End { samples, stamped, .. }: &End) {
    stamps.reported = Some(*samples);
    stamps.full = stamped.is_some_and(|Stamped { full }| full);
}

/// What is missing of the stamps that a cell was to have.
pub(super) fn missing_stamps(cell: &CellRecord, end: Option<&End>) -> Option<String> {
    let stamps = cell.stamps.as_ref()?;
    let what = match end {
        None => format!("only {} of them have come, and no end", stamps.stored),
        Some(End { stamped: None, .. }) => "the server did not end as it was told".to_owned(),
        Some(End { samples, .. }) if *samples != stamps.stored => {
            format!("the agent counts {samples}, the controller {}", stamps.stored)
        }
        Some(_) => return None,
    };
    Some(format!("what the server has stamped is not whole: {what}"))
}

/// In what the counts of a cell differ from each other, or from the plan's.
pub(super) fn difference(cell: &CellRecord, end: Option<&End>) -> Option<String> {
    let Some(End { samples, driven, .. }) = end else {
        return Some(format!("{} samples have come, and no end", cell.stored));
    };
    if *samples != cell.stored {
        return Some(format!("the agent counts {samples} samples, the controller {}", cell.stored));
    }
    match driven {
        None => Some("the driver did not reach its end".to_owned()),
        Some(Driven { expected, .. }) if samples != expected => {
            Some(format!("the driver took {samples} of {expected} samples"))
        }
        Some(_) if *samples != cell.expected => {
            Some(format!("the driver took {samples} samples, the plan has {}", cell.expected))
        }
        Some(_) => None,
    }
}

/// How a process ended, as the manifest has it.
pub(super) fn exit(exit: Exit) -> ExitRecord {
    let Exit { code, signal, asked, stderr, user_cpu_ns, system_cpu_ns, peak_memory_bytes, load_cpu_ns, cpu_use } =
        exit;
    let cpu_use = cpu_use.map(|found| {
        let CpuUse { wall_ns, cpus, busy_ns, stolen_ns, khz_before, khz_after, throttled } = found;
        CpuUseRecord { wall_ns, cpus, busy_ns, stolen_ns, khz_before, khz_after, throttled }
    });
    ExitRecord { code, signal, asked, stderr, user_cpu_ns, system_cpu_ns, peak_memory_bytes, load_cpu_ns, cpu_use }
}
