//! A run folder as a run would have left it, with samples that the test makes up.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use rpycbench_controller::store::manifest::{
    CellRecord, CellStatus, ExitRecord, HostRecord, LinkRecord, Manifest, MeasureRecord, PingRecord, SCHEMA,
    ServerRecord, TopologyRecord, WorkloadRecord,
};
use rpycbench_controller::store::samples::SamplesWriter;
use rpycbench_controller::store::table::CellKey;
use rpycbench_measure::Samples;

/// What the driving host's clock says when the run is opened.
pub(crate) const EPOCH_NS: i64 = 7_000_000_000_000;

/// One host, one server, one closed workload of one client: add to it what a test needs.
pub(crate) fn manifest(blocks: u32) -> Manifest {
    let mut manifest = Manifest {
        pings: Vec::new(),
        links: Vec::new(),
        clocks: Vec::new(),
        schema: SCHEMA,
        run_id: "0198c0de-0000-7000-8000-000000000000".to_owned(),
        study: "rpyc-vs-http".to_owned(),
        description: "Parallels VM on the same *macOS* host".to_owned(),
        started: "2026-01-02T03:04:05Z".to_owned(),
        ended: "2026-01-02T03:14:05Z".to_owned(),
        epoch_raw_ns: 0,
        boot_id: String::new(),
        other_clocks: Vec::new(),
        cells_wall_s: 600.0,
        version: "0.1.0".to_owned(),
        plan_sha256: "ab".repeat(32),
        placement: "separate".to_owned(),
        hosts: BTreeMap::from([("turin".to_owned(), host("turin"))]),
        topologies: vec![topology("localhost", "turin", None)],
        servers: vec![server("rpyc-threaded", "rpyc", "threaded")],
        workloads: vec![workload("latency", "closed", 1, 4)],
        precision: None,
        only: None,
        reference: None,
        attempts: Vec::new(),
        resumed: Vec::new(),
        cells: Vec::new(),
        warnings: vec!["turbo is on: clock | speed may *vary*".to_owned()],
    };
    plan_cells(&mut manifest, blocks);
    manifest
}

/// What the published study compares, on one host or, with `lan`, on two.
pub(crate) fn study(blocks: u32, lan: bool) -> Manifest {
    let mut manifest = manifest(0);
    manifest.servers.push(server("rpyc-forking", "rpyc", "forking"));
    manifest.servers.push(server("http-threaded", "flask", "threaded"));
    manifest.workloads = vec![
        workload("connect", "connect", 1, 100),
        workload("latency", "closed", 1, 1000),
        workload("concurrency", "closed", 10, 100),
    ];
    if lan {
        manifest.hosts.insert("hurin".to_owned(), host("hurin"));
        let lan = TopologyRecord { server: "hurin".to_owned(), ..topology("lan", "turin", Some("localhost")) };
        manifest.topologies.push(lan);
    }
    plan_cells(&mut manifest, blocks);
    manifest
}

/// Three hosts and every ordered pair of them but one, each against what its client has alone, over one server of each kind.
pub(crate) fn three_hosts(blocks: u32) -> Manifest {
    const HOSTS: [&str; 3] = ["hurin", "morwen", "turin"];
    let mut manifest = study(0, false);
    manifest.servers.remove(1);
    manifest.workloads.truncate(2);
    manifest.topologies = HOSTS.map(|host| topology(host, host, None)).into();
    for client in HOSTS {
        manifest.hosts.insert(client.to_owned(), host(client));
        for server in HOSTS.into_iter().filter(|server| *server != client && (client, *server) != ("morwen", "hurin")) {
            let name = format!("{client}-{server}");
            let pair = TopologyRecord { server: server.to_owned(), ..topology(&name, client, Some(client)) };
            manifest.pings.push(ping(&name, 120_000.0));
            manifest.links.push(link(&name, client, "drives", "ethernet"));
            manifest.links.push(link(&name, server, "serves", "veth"));
            manifest.topologies.push(pair);
        }
    }
    plan_cells(&mut manifest, blocks);
    manifest
}

pub(crate) fn ping(topology: &str, median_ns: f64) -> PingRecord {
    let [min_ns, p50_ns, p99_ns, max_ns] = [0.9, 1.0, 1.5, 2.0].map(|of| Some(of * median_ns));
    let (topology, address) = (topology.to_owned(), "10.211.55.14".to_owned());
    PingRecord { topology, address, count: 200, lost: 0, min_ns, p50_ns, p99_ns, max_ns }
}

/// A card says its speed; a virtual interface neither has a driver nor is shown in /sys.
pub(crate) fn link(topology: &str, host: &str, role: &str, kind: &str) -> LinkRecord {
    let card = kind == "ethernet";
    LinkRecord {
        topology: topology.to_owned(),
        host: host.to_owned(),
        role: role.to_owned(),
        interface: "eth0".to_owned(),
        kind: kind.to_owned(),
        driver: if card { "e1000e" } else { "" }.to_owned(),
        mtu: Some(1500),
        speed_mbit_s: card.then_some(1000),
        note: if card { "" } else { "speed and driver cannot be told" }.to_owned(),
    }
}

pub(crate) fn topology(name: &str, host: &str, baseline: Option<&str>) -> TopologyRecord {
    let baseline = baseline.map(str::to_owned);
    TopologyRecord { name: name.to_owned(), client: host.to_owned(), server: host.to_owned(), baseline }
}

pub(crate) fn server(name: &str, kind: &str, mode: &str) -> ServerRecord {
    ServerRecord { name: name.to_owned(), kind: kind.to_owned(), mode: mode.to_owned(), twin_of: None }
}

pub(crate) fn workload(name: &str, kind: &str, clients: u32, requests: u32) -> WorkloadRecord {
    let [name, kind] = [name, kind].map(str::to_owned);
    let [client_model, call, driver] = ["threads", "attribute", "python"].map(str::to_owned);
    WorkloadRecord { name, kind, clients, requests, warmup: 10, client_model, call, driver }
}

fn host(name: &str) -> HostRecord {
    HostRecord {
        agent: "127.0.0.1:7443".to_owned(),
        epoch_raw_ns: EPOCH_NS,
        boot_id: String::new(),
        hostname: format!("{name}.example"),
        os: "Debian GNU/Linux 12".to_owned(),
        kernel: "6.1.0-28-amd64".to_owned(),
        arch: "x86_64".to_owned(),
        cpu_model: "Intel(R) Core(TM) i9-9980HK CPU @ 2.40GHz".to_owned(),
        logical_cpus: 16,
        physical_cores: 8,
        memory_bytes: 32 << 30,
        virtualization: "kvm".to_owned(),
        confinement: "partial".to_owned(),
        confinement_measures: [("files", true, "reads software"), ("memory", false, "no control group")]
            .map(|(name, in_force, detail)| MeasureRecord {
                name: name.to_owned(),
                in_force,
                detail: detail.to_owned(),
            })
            .to_vec(),
        python: "3.11.6".to_owned(),
        python_implementation: "CPython".to_owned(),
        packages: BTreeMap::from([("rpyc".to_owned(), "6.0.2".to_owned()), ("flask".to_owned(), "3.1.3".to_owned())]),
    }
}

/// Every cell of the plan, none of them run.
pub(crate) fn plan_cells(manifest: &mut Manifest, blocks: u32) {
    manifest.cells.clear();
    for block in 1..=blocks {
        for topology in &manifest.topologies {
            for server in &manifest.servers {
                for workload in &manifest.workloads {
                    let id = manifest.cells.len() as u32;
                    manifest.cells.push(cell(id, topology, server, workload, block));
                }
            }
        }
    }
}

fn cell(
    id: u32,
    topology: &TopologyRecord,
    server: &ServerRecord,
    workload: &WorkloadRecord,
    block: u32,
) -> CellRecord {
    CellRecord {
        collected: false,
        id,
        topology: topology.name.clone(),
        server: server.name.clone(),
        workload: workload.name.clone(),
        driver: workload.driver.clone(),
        block,
        attempt: 1,
        status: CellStatus::NotRun,
        reason: String::new(),
        expected: u64::from(workload.clients) * u64::from(workload.requests),
        reported: None,
        stored: 0,
        failed: 0,
        samples: format!("samples/{id:04}.parquet"),
        stamps: None,
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

/// Writes the samples of every cell that has some, and `run.json`.
pub(crate) fn write(folder: &Path, manifest: &mut Manifest, measure: impl Fn(&CellRecord) -> Option<Samples>) {
    fs::create_dir_all(folder.join("samples")).unwrap();
    for cell in &mut manifest.cells {
        let Some(samples) = measure(cell) else { continue };
        let key = CellKey {
            topology: cell.topology.clone(),
            server: cell.server.clone(),
            workload: cell.workload.clone(),
            driver: cell.driver.clone(),
            block: cell.block,
        };
        let mut writer = SamplesWriter::create(&folder.join(&cell.samples), key).unwrap();
        writer.append(&samples, EPOCH_NS).unwrap();
        cell.stored = writer.finish().unwrap();
        cell.reported = Some(cell.stored);
        cell.failed = samples.failed() as u64;
        cell.status = CellStatus::Complete;
        cell.round_trips_per_call = Some(if cell.server.starts_with("rpyc") { 2.0 } else { 1.0 });
        cell.connections_opened = Some(if cell.server.starts_with("rpyc") { 0 } else { cell.stored });
        (cell.server_cpus, cell.driver_cpus) = (vec![0], vec![1]);
        let exit =
            ExitRecord { peak_memory_bytes: 30 << 20, load_cpu_ns: 100_000 * cell.stored, ..ExitRecord::default() };
        cell.server_exit = Some(exit);
    }
    save(folder, manifest);
}

/// Columns of a file as whoever knows Parquet reads them.
pub(crate) fn int64s<const N: usize>(path: &Path, names: [&str; N]) -> Vec<[Option<i64>; N]> {
    let reader = SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap();
    let values = |row: Row| {
        names.map(|name| match row.get_column_iter().find(|(column, _)| *column == name).unwrap().1 {
            Field::Long(value) => Some(*value),
            _ => None,
        })
    };
    reader.get_row_iter(None).unwrap().map(|row| values(row.unwrap())).collect()
}

pub(crate) fn save(folder: &Path, manifest: &Manifest) {
    fs::write(folder.join("run.json"), serde_json::to_vec(manifest).unwrap()).unwrap();
}

/// Calls one after the other, a microsecond apart. A duration below 0 is a call that failed after that time.
pub(crate) fn samples(durations_ns: &[i64]) -> Samples {
    let mut samples = Samples { errors: vec!["timed out".to_owned()], ..Samples::default() };
    let mut now = EPOCH_NS + 1_000_000;
    for (seq, duration) in durations_ns.iter().enumerate() {
        samples.client.push(0);
        samples.seq.push(seq as u32);
        samples.start_ns.push(now);
        now += duration.abs();
        samples.end_ns.push(now);
        now += 1_000;
        samples.error.push(u32::from(*duration < 0));
        samples.bytes_out.push(0);
        samples.bytes_in.push(0);
    }
    samples
}

/// Samples of a cell of [`study`] that look like real ones: the same for the same cell.
pub(crate) fn lifelike(cell: &CellRecord, count: usize) -> Samples {
    let seed = cell.samples.bytes().chain(cell.server.bytes());
    let mut state =
        seed.fold(0x9E37_79B9_7F4A_7C15_u64, |state, byte| (state ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3));
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    };
    let http = cell.server.starts_with("http");
    let typical = match (cell.workload.as_str(), http) {
        ("connect", true) => 22e3,
        ("connect", false) => 810e3,
        ("concurrency", true) => 11.0e6,
        ("concurrency", false) => 3.2e6,
        (_, true) => 1.12e6,
        (_, false) => 0.31e6,
    };
    let forking = if cell.server.ends_with("forking") { 1.02 } else { 1.0 };
    let network = if cell.topology == "lan" { 210e3 } else { 0.0 };
    let start = 1.0 + 0.03 * (uniform() - 0.5);
    let durations: Vec<i64> = (0..count)
        .map(|_| {
            let normal = (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos();
            let tail = if uniform() < 0.01 { 3.0 } else { 1.0 };
            ((typical * forking * start + network) * (0.15 * normal).exp() * tail) as i64
        })
        .collect();
    let mut samples = samples(&durations);
    if cell.workload == "connect" {
        samples.tcp_ns = durations.iter().map(|duration| Some((*duration).min(20_000))).collect();
        if !http {
            samples.handshake_ns = durations.iter().map(|duration| Some((duration - 20_000).max(0))).collect();
        }
    }
    samples
}
