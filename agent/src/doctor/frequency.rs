//! Whether the CPUs keep one speed.

use std::collections::BTreeMap;

use super::{Finding, read};

const CPUS: &str = "/sys/devices/system/cpu";

pub(super) fn examine() -> Vec<Finding> {
    let turbo = match (read(format!("{CPUS}/intel_pstate/no_turbo")), read(format!("{CPUS}/cpufreq/boost"))) {
        (Some(off), _) => Some(Turbo { on: off == "0", path: "intel_pstate/no_turbo", off: "1" }),
        (None, Some(on)) => Some(Turbo { on: on == "1", path: "cpufreq/boost", off: "0" }),
        (None, None) => None,
    };
    let mut findings = vec![judge_governors(&governors())];
    findings.extend(turbo.map(judge_turbo));
    findings
}

fn governors() -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(CPUS) else { return Vec::new() };
    entries.filter_map(|entry| read(entry.ok()?.path().join("cpufreq/scaling_governor"))).collect()
}

/// `governors`: one for each CPU that has any.
fn judge_governors(governors: &[String]) -> Finding {
    const AREA: &str = "governor";
    if governors.is_empty() {
        return Finding::ok(AREA, "no frequency control to be seen, as in most virtual machines");
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for governor in governors {
        *counts.entry(governor).or_default() += 1;
    }
    let found: Vec<String> = counts.iter().map(|(governor, count)| format!("{governor} on {count} CPUs")).collect();
    let found = found.join(", ");
    if counts.keys().eq(&["performance"]) {
        return Finding::ok(AREA, found);
    }
    let advice =
        format!("figures follow the clock rate: echo performance | sudo tee {CPUS}/cpu*/cpufreq/scaling_governor");
    Finding::warn(AREA, found, advice)
}

/// Clock rates above the nominal one, and how they are switched off.
struct Turbo {
    on: bool,
    path: &'static str,
    off: &'static str,
}

fn judge_turbo(Turbo { on, path, off }: Turbo) -> Finding {
    const AREA: &str = "turbo";
    if !on {
        return Finding::ok(AREA, "off");
    }
    let advice = format!("for figures that repeat: echo {off} | sudo tee {CPUS}/{path}");
    Finding::warn(AREA, "on: the clock rate depends on heat and on what other cores do", advice)
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    fn judge(governors: &[&str]) -> Finding {
        judge_governors(&governors.iter().map(|&governor| governor.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn every_cpu_must_run_at_full_speed() {
        assert_eq!(judge(&["performance", "performance"]), Finding::ok("governor", "performance on 2 CPUs"));
        let mixed = judge(&["powersave", "performance", "powersave"]);
        assert_eq!((mixed.level, mixed.found.as_str()), (Level::Warn, "performance on 1 CPUs, powersave on 2 CPUs"));
        assert_eq!(judge(&["schedutil"]).level, Level::Warn);
        assert_eq!(judge(&[]).level, Level::Ok);
    }

    #[test]
    fn turbo_is_worth_a_warning_with_the_switch_of_this_machine() {
        let on = judge_turbo(Turbo { on: true, path: "cpufreq/boost", off: "0" });
        assert_eq!(on.level, Level::Warn);
        assert!(on.advice.contains("echo 0 | sudo tee /sys/devices/system/cpu/cpufreq/boost"), "{on:?}");
        assert_eq!(judge_turbo(Turbo { on: false, path: "", off: "" }).level, Level::Ok);
    }
}
