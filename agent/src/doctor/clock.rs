//! The clock that samples are taken with, and the one certificates are judged by.

use std::path::Path;

use procfs::process::all_processes;

use super::{Finding, read};
use rpycbench_probe::clock::raw_ns;

const SOURCE: &str = "/sys/devices/system/clocksource/clocksource0";
/// Readings to take the median of.
const READINGS: usize = 1_001;
/// A reading without a system call takes tens of nanoseconds.
const SLOW_READING_NS: i64 = 300;

pub(super) fn examine() -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(current) = read(format!("{SOURCE}/current_clocksource")) {
        let available = read(format!("{SOURCE}/available_clocksource")).unwrap_or_default();
        findings.push(judge_source(&current, &available));
    }
    findings.push(judge_readings(readings()));
    findings.push(judge_wall_clock(wall_clock_keeper().as_deref()));
    findings
}

fn judge_source(current: &str, available: &str) -> Finding {
    const AREA: &str = "clock source";
    /// Those that are read without a system call, on x86 and ARM.
    const QUICK: [&str; 4] = ["tsc", "arch_sys_counter", "kvm-clock", "hyperv_clocksource_tsc_page"];
    if QUICK.contains(&current) {
        return Finding::ok(AREA, current);
    }
    let advice = if available.split_whitespace().any(|source| source == "tsc") {
        format!("echo tsc | sudo tee {SOURCE}/current_clocksource")
    } else {
        "the kernel found no better one (dmesg | grep -i clocksource says why): use another machine".to_owned()
    };
    Finding::warn(AREA, format!("{current}: each reading is a system call and costs far more than with tsc"), advice)
}

/// Nanoseconds between consecutive readings, or why there are none.
fn readings() -> Result<Vec<i64>, String> {
    let stamps: Vec<i64> =
        (0..=READINGS).map(|_| raw_ns()).collect::<Result<_, _>>().map_err(|error| error.to_string())?;
    Ok(stamps.windows(2).map(|pair| pair[1] - pair[0]).collect())
}

fn judge_readings(readings: Result<Vec<i64>, String>) -> Finding {
    const AREA: &str = "clock";
    let mut steps = match readings {
        Ok(steps) => steps,
        Err(why) => {
            let found = format!("CLOCK_MONOTONIC_RAW cannot be read: {why}");
            return Finding::bad(AREA, found, "samples are taken with it: use a Linux kernel that has it");
        }
    };
    if steps.iter().any(|&step| step < 0) {
        return Finding::bad(
            AREA,
            "CLOCK_MONOTONIC_RAW goes backwards",
            "use another machine: its CPUs disagree on time",
        );
    }
    steps.sort_unstable();
    let median = steps.get(steps.len() / 2).copied().unwrap_or_default();
    let found = format!("CLOCK_MONOTONIC_RAW takes {median} ns a reading");
    if median > SLOW_READING_NS {
        return Finding::warn(AREA, found, "every sample holds one reading: see clock source");
    }
    Finding::ok(AREA, found)
}

/// What keeps the wall clock right, as far as it can be seen without asking anyone.
fn wall_clock_keeper() -> Option<String> {
    if Path::new("/run/systemd/timesync/synchronized").exists() {
        return Some("systemd-timesyncd".to_owned());
    }
    all_processes()
        .ok()?
        .filter_map(|process| process.ok()?.stat().ok())
        .map(|stat| stat.comm)
        .find(|name| keeps_wall_clock(name))
}

/// By the name of a process, which the kernel cuts at 15 characters.
fn keeps_wall_clock(process: &str) -> bool {
    ["chronyd", "ntpd", "openntpd", "ptp4l", "phc2sys", "prltimesync", "VBoxService", "vmtoolsd"].contains(&process)
}

fn judge_wall_clock(keeper: Option<&str>) -> Finding {
    const AREA: &str = "wall clock";
    match keeper {
        Some(keeper) => Finding::ok(AREA, format!("kept by {keeper}; samples do not use it")),
        None => Finding::warn(
            AREA,
            "nothing seen that keeps it right; samples do not use it",
            "compare `date -u` on all hosts, or install chrony: certificates are refused where it is far off",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn a_clock_source_that_needs_system_calls_is_worth_a_warning() {
        assert_eq!(judge_source("tsc", "tsc hpet").level, Level::Ok);
        assert_eq!(judge_source("arch_sys_counter", "arch_sys_counter").level, Level::Ok);
        let hpet = judge_source("hpet", "tsc hpet acpi_pm");
        assert!(hpet.level == Level::Warn && hpet.advice.starts_with("echo tsc"), "{hpet:?}");
        let unstable = judge_source("hpet", "hpet acpi_pm");
        assert!(unstable.level == Level::Warn && !unstable.advice.contains("echo tsc"), "{unstable:?}");
    }

    #[test]
    fn the_raw_clock_must_be_there_forward_and_quick() {
        assert_eq!(
            judge_readings(Ok(vec![20, 40, 90_000])),
            Finding::ok("clock", "CLOCK_MONOTONIC_RAW takes 40 ns a reading")
        );
        assert_eq!(judge_readings(Ok(vec![900, 1_000, 1_100])).level, Level::Warn);
        assert_eq!(judge_readings(Ok(vec![20, -1, 30])).level, Level::Bad);
        assert_eq!(judge_readings(Err("EINVAL".to_owned())).level, Level::Bad);
    }

    #[test]
    fn a_keeper_of_the_wall_clock_is_known_by_its_process() {
        assert!(keeps_wall_clock("chronyd"));
        assert!(!keeps_wall_clock("rcu_preempt"));
        assert_eq!(judge_wall_clock(Some("chronyd")).level, Level::Ok);
        assert_eq!(judge_wall_clock(None).level, Level::Warn);
    }
}
