//! The CPUs a measurement gets: how many, how much of them, and from whom.

use std::path::Path;

use super::{Finding, read};
use crate::{host, placement};

pub(super) fn examine() -> Vec<Finding> {
    let cores = placement::cores();
    let facts = host::facts();
    let quota = read("/proc/self/cgroup").map(|membership| quotas(&membership)).unwrap_or_default();
    let autogroup = read("/proc/sys/kernel/sched_autogroup_enabled");
    let mut findings = vec![judge_cores(&cores, facts.logical_cpus), judge_virtualization(&facts.virtualization)];
    findings.extend(judge_quota(&quota, cores.iter().map(Vec::len).sum()));
    findings.extend(judge_autogroup(autogroup.as_deref()));
    findings
}

fn judge_cores(cores: &[Vec<u32>], online: u32) -> Finding {
    const AREA: &str = "cpus";
    let allowed: usize = cores.iter().map(Vec::len).sum();
    let (drive, serve) = cores.split_at(cores.len() / 2);
    let have = format!("{allowed} of {online} CPUs on {} cores", cores.len());
    if cores.len() < 2 {
        return Finding::warn(
            AREA,
            format!("{have}: server and driver must share them, placement separate is not possible"),
            "give this host, or the agent's affinity, at least two cores; till then figures hold both sides' work",
        );
    }
    Finding::ok(AREA, format!("{have}: {} to drive, {} to serve", counted(drive.len()), counted(serve.len())))
}

fn counted(cores: usize) -> String {
    if cores == 1 { "1 core".to_owned() } else { format!("{cores} cores") }
}

fn judge_virtualization(virtualization: &str) -> Finding {
    const AREA: &str = "machine";
    match virtualization {
        "none" => Finding::ok(AREA, "no hypervisor seen"),
        "" => Finding::ok(AREA, "whether there is a hypervisor cannot be told here"),
        name => Finding::ok(AREA, format!("virtual ({name}): see steal for what its host takes away")),
    }
}

/// The CPU limits of this process's cgroup (version 2) and of those above it, as their files have them.
fn quotas(membership: &str) -> Vec<String> {
    let Some(own) = membership.lines().find_map(|line| line.strip_prefix("0::/")) else { return Vec::new() };
    Path::new(own)
        .ancestors()
        .filter_map(|group| read(Path::new("/sys/fs/cgroup").join(group).join("cpu.max")))
        .collect()
}

/// `quotas`: lines such as `200000 100000` or `max 100000`, microseconds in a period.
fn judge_quota(quotas: &[String], allowed: usize) -> Option<Finding> {
    const AREA: &str = "cpu quota";
    let share = |quota: &String| {
        let (limit, period) = quota.split_once(' ')?;
        Some(limit.parse::<f64>().ok()? / period.parse::<f64>().ok().filter(|&period| period > 0.0)?)
    };
    let least = quotas.iter().filter_map(share).min_by(f64::total_cmp);
    match least {
        None if quotas.is_empty() => None,
        None => Some(Finding::ok(AREA, "none")),
        Some(least) => Some(Finding::warn(
            AREA,
            format!("this control group gets {least:.2} of {allowed} CPUs and is halted for the rest of each period"),
            "lift CPUQuota or the container's CPU limit, and limit by affinity instead",
        )),
    }
}

fn judge_autogroup(enabled: Option<&str>) -> Option<Finding> {
    const AREA: &str = "autogroup";
    match enabled? {
        "0" => Some(Finding::ok(AREA, "off: the scheduler shares CPUs between processes")),
        _ => Some(Finding::ok(AREA, "on: the scheduler shares CPUs between sessions, and all of a run is one session")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn one_core_with_two_threads_is_not_enough_for_placement_separate() {
        assert_eq!(judge_cores(&[vec![0, 1]], 2).level, Level::Warn);
        assert_eq!(judge_cores(&[], 0).level, Level::Warn);
        let found = judge_cores(&[vec![0, 3], vec![1, 4], vec![2, 5]], 8);
        assert_eq!(found, Finding::ok("cpus", "6 of 8 CPUs on 3 cores: 1 core to drive, 2 cores to serve"));
    }

    #[test]
    fn the_tightest_quota_counts() {
        let quotas = ["max 100000", "150000 100000", "50000 100000"].map(str::to_owned);
        let found = judge_quota(&quotas, 2).unwrap();
        assert_eq!(found.level, Level::Warn);
        assert!(found.found.contains("0.50 of 2"), "{found:?}");
        assert_eq!(judge_quota(&quotas[..1], 2).unwrap().level, Level::Ok);
        assert_eq!(judge_quota(&[], 2), None);
    }

    #[test]
    fn a_virtual_machine_is_named() {
        assert!(judge_virtualization("KVM").found.contains("KVM"));
        assert_eq!(judge_virtualization("none").found, "no hypervisor seen");
    }

    #[test]
    fn autogroup_is_told_where_the_kernel_has_it() {
        assert_eq!(judge_autogroup(None), None);
        assert!(judge_autogroup(Some("1")).unwrap().found.starts_with("on"));
        assert!(judge_autogroup(Some("0")).unwrap().found.starts_with("off"));
    }
}
