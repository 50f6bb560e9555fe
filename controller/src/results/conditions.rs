//! What a cell ran beside, over all its blocks: how much of its CPUs the driver used, and what else used the CPUs of both roles.

use super::compute::Place;
use super::schema::{ConditionsResult, CpusResult};
use crate::store::manifest::{CellRecord, CpuUseRecord, ExitRecord};

/// The kernel counts CPU time in ticks of a hundredth of a second, and one is missed or gained at either end of a block: shares of
/// less time than fifty ticks say nothing.
const LEAST_NS: u128 = 500_000_000;

/// Of the blocks of a cell that have samples, as far as their agents tell.
pub(super) fn of(place: Place<'_>, records: &[&CellRecord]) -> ConditionsResult {
    let measured: Vec<_> = records.iter().copied().filter(|it| it.stored > 0).collect();
    let one_host = place.topology.client == place.topology.server;
    let readings = |own: Role, other: Role| -> Vec<Reading> {
        let reading = |record: &&CellRecord| Reading::of(record, own, other, one_host);
        measured.iter().filter_map(reading).collect()
    };
    let (driving, serving) = (readings(DRIVER, SERVER), readings(SERVER, DRIVER));
    ConditionsResult { driver_busy: driver_busy(place, &driving), driving: cpus(&driving), serving: cpus(&serving) }
}

/// How a record tells of a role.
#[derive(Clone, Copy)]
struct Role {
    exit: fn(&CellRecord) -> Option<&ExitRecord>,
    cpus: fn(&CellRecord) -> &[u32],
}

const DRIVER: Role = Role { exit: |record| record.driver_exit.as_ref(), cpus: |record| &record.driver_cpus };
const SERVER: Role = Role { exit: |record| record.server_exit.as_ref(), cpus: |record| &record.server_cpus };

/// A role in a block.
struct Reading {
    cpu_use: CpuUseRecord,
    /// CPU time of the role itself.
    own_ns: u64,
    /// That of the other role, where it may run on the same CPUs.
    beside_ns: u64,
}

impl Reading {
    fn of(record: &CellRecord, own: Role, other: Role, one_host: bool) -> Option<Self> {
        let exit = (own.exit)(record)?;
        let (mine, others) = ((own.cpus)(record), (other.cpus)(record));
        let apart = !mine.is_empty() && !others.is_empty() && !mine.iter().any(|cpu| others.contains(cpu));
        let beside = (other.exit)(record).filter(|_| one_host && !apart);
        Some(Self {
            cpu_use: exit.cpu_use?,
            own_ns: exit.load_cpu_ns,
            beside_ns: beside.map_or(0, |exit| exit.load_cpu_ns),
        })
    }

    /// Neither the roles nor idle.
    fn others_ns(&self) -> u64 {
        self.cpu_use.busy_ns.saturating_sub(self.own_ns).saturating_sub(self.beside_ns)
    }
}

fn sum(readings: &[Reading], of: impl Fn(&Reading) -> u64) -> u128 {
    readings.iter().map(|it| u128::from(of(it))).sum()
}

/// A share of the time of so many CPUs; none of too little time.
fn share(readings: &[Reading], part: impl Fn(&Reading) -> u64, cpus: impl Fn(&Reading) -> u32) -> Option<f64> {
    let wall = sum(readings, |it| it.cpu_use.wall_ns);
    let time = sum(readings, |it| it.cpu_use.wall_ns.saturating_mul(cpus(it).into()));
    (wall >= LEAST_NS && time > 0).then(|| sum(readings, part) as f64 / time as f64)
}

/// Threads of one Python process share one interpreter lock: they have one CPU, however many there are.
fn driver_busy(place: Place<'_>, readings: &[Reading]) -> Option<f64> {
    let usable = if place.workload.client_model == "processes" { place.workload.clients } else { 1 };
    share(readings, |it| it.own_ns, |it| it.cpu_use.cpus.min(usable))
}

fn cpus(readings: &[Reading]) -> CpusResult {
    let all = |it: &Reading| it.cpu_use.cpus;
    let khz = || readings.iter().filter_map(|it| it.cpu_use.khz_after);
    CpusResult {
        stolen: share(readings, |it| it.cpu_use.stolen_ns, all),
        others: share(readings, Reading::others_ns, all),
        khz: khz().min().zip(khz().max()).map(|(slowest, fastest)| [slowest, fastest]),
        throttled: readings.iter().filter_map(|it| it.cpu_use.throttled).reduce(u64::saturating_add),
    }
}
