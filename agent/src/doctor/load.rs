//! What else wants the CPUs now: the hypervisor, other processes.

use std::collections::HashMap;
use std::time::Duration;

use procfs::process::all_processes;

use super::{Finding, read};
use crate::cpu_ticks::CpuTicks;
use crate::placement;
use rpycbench_probe::clock::raw_ns;

/// How long the CPUs are watched: a hundred of the kernel's ticks, so that a tick is a hundredth.
const WATCHED: Duration = Duration::from_secs(1);
/// A process below this share of one CPU is as good as idle.
const BUSY_PERCENT: f64 = 5.0;
/// From here on stolen time shows in the tail of latencies, and then in everything.
const STEAL_WARN_PERCENT: f64 = 0.5;
const STEAL_BAD_PERCENT: f64 = 10.0;
/// Runnable tasks a CPU, over the last minute.
const LOAD_WARN: f64 = 0.25;

pub(super) fn examine() -> Vec<Finding> {
    let (before, used_before, since) = (CpuTicks::now(&[]), used(), raw_ns());
    watch();
    let (after, used_after, until) = (CpuTicks::now(&[]), used(), raw_ns());
    let mut findings = Vec::new();
    if let (Some(before), Some(after)) = (before, after) {
        findings.push(judge_steal(stolen(after), stolen(after.since(&before))));
    }
    if let (Ok(since), Ok(until)) = (since, until) {
        let tick_ns = 1e9 / procfs::ticks_per_second() as f64;
        findings.push(judge_busy(&busiest(&used_before, &used_after, tick_ns, (until - since) as f64)));
    }
    let cpus = placement::cores().iter().map(Vec::len).sum();
    findings.extend(read("/proc/loadavg").and_then(|text| judge_load(&text, cpus)));
    findings
}

fn watch() {
    // May end early, which the clock shows: the shares stay right.
    std::thread::park_timeout(WATCHED);
}

/// Percent of the time that was stolen.
fn stolen(ticks: CpuTicks) -> f64 {
    100.0 * ticks.stolen as f64 / ticks.all.max(1) as f64
}

fn judge_steal(since_boot: f64, now: f64) -> Finding {
    const AREA: &str = "steal";
    let found = format!("{now:.1} % of CPU time in the last second, {since_boot:.2} % since boot");
    let advice = "the hypervisor gives CPU time to others: use dedicated CPUs, or another time of day";
    match since_boot.max(now) {
        stolen if stolen >= STEAL_BAD_PERCENT => Finding::bad(AREA, found, advice),
        stolen if stolen >= STEAL_WARN_PERCENT => Finding::warn(AREA, found, advice),
        _ => Finding::ok(AREA, found),
    }
}

/// CPU ticks of every process but this one, by number and start, with its name.
fn used() -> HashMap<(i32, u64), (String, u64)> {
    let own = std::process::id().cast_signed();
    let Ok(all) = all_processes() else { return HashMap::new() };
    all.filter_map(|process| process.ok()?.stat().ok())
        .filter(|stat| stat.pid != own)
        .map(|stat| ((stat.pid, stat.starttime), (stat.comm, stat.utime + stat.stime)))
        .collect()
}

/// Processes that were there all the time and were busy, the busiest first: number, name and percent of one CPU.
fn busiest(
    before: &HashMap<(i32, u64), (String, u64)>,
    after: &HashMap<(i32, u64), (String, u64)>,
    tick_ns: f64,
    elapsed_ns: f64,
) -> Vec<(i32, String, f64)> {
    let mut busy: Vec<(i32, String, f64)> = after
        .iter()
        .filter_map(|(key, (name, ticks))| {
            let spent = ticks.saturating_sub(before.get(key)?.1) as f64 * tick_ns;
            Some((key.0, name.clone(), 100.0 * spent / elapsed_ns.max(1.0)))
        })
        .filter(|(_, _, percent)| *percent >= BUSY_PERCENT)
        .collect();
    busy.sort_by(|one, other| other.2.total_cmp(&one.2).then(one.0.cmp(&other.0)));
    busy
}

fn judge_busy(busy: &[(i32, String, f64)]) -> Finding {
    const AREA: &str = "busy";
    /// More would not fit a line.
    const SHOWN: usize = 3;
    if busy.is_empty() {
        return Finding::ok(AREA, format!("no other process above {BUSY_PERCENT} % of a CPU"));
    }
    let shown: Vec<String> =
        busy.iter().take(SHOWN).map(|(pid, name, percent)| format!("{name} ({pid}) {percent:.0} %")).collect();
    let more = if busy.len() > SHOWN { format!(" and {} more", busy.len() - SHOWN) } else { String::new() };
    Finding::warn(AREA, format!("{}{more}", shown.join(", ")), "end them or wait: they take CPU from what is measured")
}

/// `loadavg`: the text of `/proc/loadavg`.
fn judge_load(loadavg: &str, cpus: usize) -> Option<Finding> {
    const AREA: &str = "load";
    let minute: f64 = loadavg.split(' ').next()?.parse().ok()?;
    let found = format!("{minute:.2} over the last minute on {cpus} CPUs");
    if minute / cpus.max(1) as f64 >= LOAD_WARN {
        return Some(Finding::warn(AREA, found, "wait until the host is quiet"));
    }
    Some(Finding::ok(AREA, found))
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn stolen_time_is_a_share_of_all_time() {
        let ticks = CpuTicks { cpus: 1, all: 1000, busy: 650, stolen: 30 };
        assert!((stolen(ticks) - 3.0).abs() < 1e-9);
        assert!((stolen(ticks.since(&CpuTicks { cpus: 1, all: 900, busy: 600, stolen: 20 })) - 10.0).abs() < 1e-9);
        assert_eq!(stolen(CpuTicks::default()), 0.0);
    }

    #[test]
    fn steal_is_judged_by_the_worse_of_now_and_since_boot() {
        assert_eq!(judge_steal(0.1, 0.0).level, Level::Ok);
        assert_eq!(judge_steal(0.0, 1.0).level, Level::Warn);
        assert_eq!(judge_steal(0.6, 0.0).level, Level::Warn);
        assert_eq!(judge_steal(0.0, 12.0).level, Level::Bad);
    }

    #[test]
    fn only_what_ran_all_the_time_and_was_busy_is_named() {
        let process = |pid, start, name: &str, ticks| ((pid, start), (name.to_owned(), ticks));
        let before = HashMap::from([process(1, 5, "calm", 10), process(2, 5, "hog", 10), process(3, 5, "gone", 0)]);
        let after = HashMap::from([
            process(1, 5, "calm", 11),
            process(2, 5, "hog", 60),
            process(3, 9, "other with its number", 99),
        ]);
        let busy = busiest(&before, &after, 1e7, 1e9);
        assert_eq!(busy, [(2, "hog".to_owned(), 50.0)]);
        let found = judge_busy(&busy);
        assert_eq!((found.level, found.found.as_str()), (Level::Warn, "hog (2) 50 %"));
        assert_eq!(judge_busy(&[]).level, Level::Ok);
    }

    #[test]
    fn many_busy_processes_still_fit_a_line() {
        let busy: Vec<_> = (1..=5).map(|pid| (pid, "x".to_owned(), 9.0)).collect();
        assert_eq!(judge_busy(&busy).found, "x (1) 9 %, x (2) 9 %, x (3) 9 % and 2 more");
    }

    #[test]
    fn load_counts_by_the_cpus_there_are() {
        assert_eq!(judge_load("0.40 0.1 0.1 1/100 5", 2).unwrap().level, Level::Ok);
        assert_eq!(judge_load("0.60 0.1 0.1 1/100 5", 2).unwrap().level, Level::Warn);
        assert_eq!(judge_load("garbage", 2), None);
    }
}
