//! What a cell ran beside: one test a reason, and that what is harmless or not known condemns nothing.

use rpycbench_controller::results;
use rpycbench_controller::results::schema::CellResult;
use rpycbench_controller::store::manifest::{
    ClockEventRecord, ClockRecord, CpuUseRecord, ExitRecord, Manifest, SilenceRecord, TopologyRecord,
};
use tempfile::TempDir;

use crate::run_folder::{self, EPOCH_NS};
use crate::{report_of, verdicts};

const SECOND: u64 = 1_000_000_000;

/// Five steady blocks, driven from turin and served by hurin, and what `change` makes of them.
fn folder_of(change: impl FnOnce(&mut Manifest)) -> TempDir {
    let folder = TempDir::new().unwrap();
    let mut manifest = run_folder::manifest(0);
    let turin = manifest.hosts["turin"].clone();
    manifest.hosts.insert("hurin".to_owned(), turin);
    manifest.topologies =
        vec![TopologyRecord { server: "hurin".to_owned(), ..run_folder::topology("lan", "turin", None) }];
    run_folder::plan_cells(&mut manifest, 5);
    manifest.cells.iter_mut().for_each(|cell| cell.expected = verdicts::SAMPLES as u64);
    run_folder::write(folder.path(), &mut manifest, |cell| Some(run_folder::samples(&verdicts::steady(cell))));
    change(&mut manifest);
    run_folder::save(folder.path(), &manifest);
    folder
}

fn cell_of(change: impl FnOnce(&mut Manifest)) -> CellResult {
    results::compute(folder_of(change).path()).unwrap().cells.remove(0)
}

/// A role that used its two CPUs for half of a second, with nobody beside it.
fn quiet() -> ExitRecord {
    let cpu_use = CpuUseRecord {
        wall_ns: SECOND,
        cpus: 2,
        busy_ns: SECOND / 2,
        stolen_ns: 0,
        khz_before: Some(800_000),
        khz_after: Some(3_000_000),
        throttled: Some(0),
    };
    ExitRecord { load_cpu_ns: SECOND / 2, cpu_use: Some(cpu_use), ..ExitRecord::default() }
}

/// What each block's driver, and each block's server, tell.
fn told(driver: impl Fn(u32) -> ExitRecord, server: impl Fn(u32) -> ExitRecord) -> CellResult {
    cell_of(|manifest| {
        for cell in &mut manifest.cells {
            (cell.driver_exit, cell.server_exit) = (Some(driver(cell.block)), Some(server(cell.block)));
        }
    })
}

fn with(change: impl Fn(&mut CpuUseRecord)) -> ExitRecord {
    let mut exit = quiet();
    exit.cpu_use.iter_mut().for_each(change);
    exit
}

#[test]
fn a_quiet_run_is_valid_and_its_facts_are_in_the_results() {
    let cell = told(|_| quiet(), |_| quiet());
    assert_eq!((cell.verdict.as_str(), cell.reasons.len()), ("valid", 0), "{:?}", cell.reasons);
    // Half a second of the one CPU that threads of one interpreter can use.
    assert_eq!(cell.conditions.driver_busy, Some(0.5));
    for cpus in [&cell.conditions.driving, &cell.conditions.serving] {
        assert_eq!(
            (cpus.stolen, cpus.others, cpus.khz, cpus.throttled),
            (Some(0.0), Some(0.0), Some([3_000_000; 2]), Some(0))
        );
    }
}

#[test]
fn agents_that_tell_nothing_leave_it_unknown_and_condemn_nothing() {
    let folder = folder_of(|_| {});
    let (results, report) = report_of(folder.path());
    let cell = &results.cells[0];
    assert_eq!((cell.verdict.as_str(), &cell.conditions), ("valid", &Default::default()), "{:?}", cell.reasons);
    let row =
        "| lan | rpyc-threaded | latency | not known | not known | not known | not known | not known | not known |";
    assert!(report.contains(row), "{report}");
    let page = std::fs::read_to_string(folder.path().join("report.html")).unwrap();
    assert!(page.contains("What every cell ran beside") && page.contains("not known"));
}

#[test]
fn a_driver_that_computes_all_the_time_is_a_doubt() {
    let busy =
        |share: f64| ExitRecord { load_cpu_ns: (share * SECOND as f64) as u64, ..with(|it| it.busy_ns = SECOND) };
    let cell = told(|_| busy(0.95), |_| quiet());
    verdicts::assert_doubt(
        &cell,
        "The driver was the bottleneck: it computed for 95.0 % of the CPU time it can use, more than 90 %.",
    );
    assert_eq!(told(|_| busy(0.90), |_| quiet()).verdict, "valid");
    // Of the server it is what a busy server does.
    assert_eq!(told(|_| quiet(), |_| busy(0.99)).verdict, "valid");
}

#[test]
fn clients_that_are_processes_can_use_a_cpu_each_as_far_as_there_are_some() {
    let busy = |clients: u32| {
        cell_of(|manifest| {
            (manifest.workloads[0].client_model, manifest.workloads[0].clients) = ("processes".to_owned(), clients);
            manifest.cells.iter_mut().for_each(|cell| cell.driver_exit = Some(quiet()));
        })
    };
    let shares = [1, 2, 3].map(|clients| busy(clients).conditions.driver_busy);
    assert_eq!(shares, [Some(0.5), Some(0.25), Some(0.25)]);
}

#[test]
fn a_load_of_less_than_half_a_second_says_nothing_of_shares() {
    let short = || ExitRecord { load_cpu_ns: SECOND / 11, ..with(|it| it.wall_ns = SECOND / 11) };
    let cell = told(|_| short(), |_| short());
    assert_eq!((cell.verdict.as_str(), cell.conditions.driver_busy), ("valid", None), "{:?}", cell.reasons);
}

#[test]
fn stolen_time_is_a_doubt_on_either_host() {
    let stolen = |share: f64| with(|it| it.stolen_ns = (share * 2.0 * SECOND as f64) as u64);
    let driving = told(|_| stolen(0.02), |_| quiet());
    verdicts::assert_doubt(
        &driving,
        "The hypervisor took 2.0 % of the time of the driver's CPUs on turin, more than 1 %.",
    );
    let serving = told(|_| quiet(), |_| stolen(0.02));
    verdicts::assert_doubt(&serving, "of the time of the server's CPUs on hurin");
    // In one block of five: 0.4 %.
    assert_eq!(told(|block| stolen(if block == 3 { 0.02 } else { 0.0 }), |_| quiet()).verdict, "valid");
}

#[test]
fn a_frequency_that_differs_between_blocks_is_a_doubt() {
    let at = |khz: u64| with(|it| it.khz_after = Some(khz));
    let cell = told(|block| at(if block == 2 { 2_400_000 } else { 3_000_000 }), |_| quiet());
    verdicts::assert_doubt(
        &cell,
        "The frequency changed: the driver's CPUs on turin ended some block at 2.40 GHz and another at 3.00.",
    );
    assert_eq!(told(|block| at(3_000_000 + u64::from(block) * 10_000), |_| quiet()).verdict, "valid");
}

#[test]
fn cpus_that_were_slowed_down_by_heat_are_a_doubt() {
    let cell = told(|_| quiet(), |block| with(|it| it.throttled = Some(u64::from(block == 4) * 7)));
    verdicts::assert_doubt(&cell, "Heat slowed down the server's CPUs on hurin 7 times.");
}

#[test]
fn what_others_used_is_told_and_condemns_nothing() {
    let cell = told(|_| with(|it| it.busy_ns = SECOND), |_| quiet());
    assert_eq!(cell.verdict, "valid", "{:?}", cell.reasons);
    assert_eq!(cell.reasons, ["Other processes, and the kernel, used 25.0 % of the driver's CPUs on turin."]);
}

/// On one host, each role is no stranger to the other; on CPUs of their own it is.
#[test]
fn on_one_host_the_other_role_is_not_one_of_the_others() {
    let others = |driver: &[u32], server: &[u32]| {
        let cell = cell_of(|manifest| {
            manifest.topologies[0].server = "turin".to_owned();
            for cell in &mut manifest.cells {
                (cell.driver_cpus, cell.server_cpus) = (driver.to_vec(), server.to_vec());
                cell.driver_exit = Some(with(|it| it.busy_ns = SECOND));
                cell.server_exit = Some(quiet());
            }
        });
        cell.conditions.driving.others
    };
    assert_eq!(others(&[], &[]), Some(0.0));
    assert_eq!(others(&[0, 1], &[1, 2]), Some(0.0));
    assert_eq!(others(&[0, 1], &[2, 3]), Some(0.25));
}

/// A clock that was asked, `ahead` of the controller's, and what has happened to it.
pub(crate) fn clock(host: &str, ahead: i64, kind: &str, from_raw_ns: i64) -> ClockRecord {
    let events =
        vec![ClockEventRecord { kind: kind.to_owned(), by_ns: 2_000_000_000, from_raw_ns, to_raw_ns: from_raw_ns + 1 }];
    ClockRecord {
        host: host.to_owned(),
        session: 0,
        transport: "udp".to_owned(),
        stamps: "kernel".to_owned(),
        probes: 9,
        lost: 0,
        forged: 0,
        forged_between_raw_ns: None,
        offset_ns: Some([ahead, 900]),
        hull_offset_ns: None,
        drift_ppb: None,
        assumption_adjusted: false,
        events,
    }
}

#[test]
fn a_host_that_slept_amid_a_block_is_a_doubt() {
    // Every block of the fixture is of the same second.
    let ahead = 40 * i64::from(u32::MAX);
    let slept = |from: i64| cell_of(|manifest| manifest.clocks = vec![clock("hurin", ahead, "slept", from)]);
    let cell = slept(EPOCH_NS + ahead + 2_000_000);
    assert_eq!(cell.verdict, "inconclusive", "{:?}", cell.reasons);
    assert!(cell.reasons[0].starts_with("hurin slept for 2.0 s amid block 1"), "{:?}", cell.reasons);
    assert_eq!(slept(EPOCH_NS + ahead + 10_000_000_000).verdict, "valid");
}

#[test]
fn a_wall_clock_that_was_set_harms_no_sample() {
    let cell = cell_of(|manifest| manifest.clocks = vec![clock("hurin", 0, "set", EPOCH_NS + 2_000_000)]);
    assert_eq!((cell.verdict.as_str(), cell.reasons.len()), ("valid", 0), "{:?}", cell.reasons);
}

#[test]
fn an_agent_that_was_silent_amid_a_block_is_a_doubt() {
    let cell = cell_of(|manifest| {
        manifest.cells[3].silences = vec![SilenceRecord { host: "hurin".to_owned(), seconds: 3.26 }];
    });
    verdicts::assert_doubt(&cell, "Nothing was heard of the agent of hurin for 3.3 s amid block 4");
}
