//! What a role and its CPUs did while the load ran: read once before it and once after it, never meanwhile.

use std::fs::read_to_string;
use std::time::Instant;

use rpycbench_proto::message::CpuUse;

use crate::cpu_ticks::CpuTicks;
use crate::cpu_time::tree;

/// Before the load, or after it.
pub(crate) struct Reading {
    at: Instant,
    cpus: Vec<u32>,
    role_cpu_ns: u64,
    ticks: Option<CpuTicks>,
    khz: Option<u64>,
    throttled: Option<u64>,
}

impl Reading {
    /// Of the processes below `keeper`, which may use these CPUs; any, where none is named.
    pub(crate) fn take(keeper: Option<i32>, cpus: &[u32]) -> Self {
        let watched = if cpus.is_empty() { crate::placement::cores().concat() } else { cpus.to_vec() };
        let of_each = |file: &'static str| watched.iter().filter_map(move |&cpu| number(cpu, file));
        Self {
            at: Instant::now(),
            role_cpu_ns: keeper.map_or(0, |keeper| tree(keeper).cpu_ns),
            ticks: CpuTicks::now(&watched),
            // That of the one that works: others rest.
            khz: of_each("cpufreq/scaling_cur_freq").max(),
            throttled: of_each("thermal_throttle/core_throttle_count").reduce(|sum, count| sum + count),
            cpus: cpus.to_vec(),
        }
    }

    /// The role's CPU time since then, and what its CPUs did, as far as the kernel tells.
    pub(crate) fn until_now(&self, keeper: Option<i32>) -> (u64, Option<CpuUse>) {
        let now = Self::take(keeper, &self.cpus);
        let tick_ns = 1_000_000_000 / procfs::ticks_per_second().max(1);
        let used = self.ticks.zip(now.ticks).map(|(before, after)| {
            let ticks = after.since(&before);
            CpuUse {
                wall_ns: now.at.duration_since(self.at).as_nanos().try_into().unwrap_or(u64::MAX),
                cpus: ticks.cpus,
                busy_ns: ticks.busy * tick_ns,
                stolen_ns: ticks.stolen * tick_ns,
                khz_before: self.khz,
                khz_after: now.khz,
                throttled: self.throttled.zip(now.throttled).map(|(before, after)| after.saturating_sub(before)),
            }
        });
        (now.role_cpu_ns.saturating_sub(self.role_cpu_ns), used)
    }
}

/// What a file of a CPU says; virtual machines have few of them.
fn number(cpu: u32, file: &str) -> Option<u64> {
    read_to_string(format!("/sys/devices/system/cpu/cpu{cpu}/{file}")).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_process_computes_between_two_readings_is_told_and_fits_into_the_time() {
        let own = std::process::id().cast_signed();
        let before = Reading::take(Some(own), &[]);
        let mut turns = 0_u64;
        // Until the kernel has counted some: a busy machine takes its time.
        let (cpu_ns, used) = loop {
            turns = (0..1_000_000).fold(turns, |sum, turn| std::hint::black_box(sum ^ turn));
            let (cpu_ns, used) = before.until_now(Some(own));
            if cpu_ns >= 50_000_000 {
                break (cpu_ns, used.expect("/proc/stat is there"));
            }
        };
        assert!(used.cpus >= 1 && used.busy_ns > 0, "{used:?}");
        let room = used.wall_ns * u64::from(used.cpus) + 40_000_000;
        assert!(cpu_ns <= room && used.busy_ns <= room, "{cpu_ns} ns in {used:?}");
    }
}
