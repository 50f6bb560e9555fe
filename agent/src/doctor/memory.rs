//! Memory: for the recordings that drivers keep in it, and what the kernel does behind a process's back.

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::statvfs::statvfs;

use super::{Finding, read};

/// A row of a recording.
const ROW_BYTES: u64 = 56;
const MIB: u64 = 1 << 20;
/// A server, a driver of a hundred processes and their recordings fit.
const ROOMY_BYTES: u64 = 1024 * MIB;
/// Below this two interpreters with their libraries push each other out.
const TIGHT_BYTES: u64 = 192 * MIB;

pub(super) fn examine() -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(meminfo) = read("/proc/meminfo") {
        findings.extend(judge_available(&meminfo));
        findings.extend(judge_recordings(
            &meminfo,
            memfd_create("rpycbench-doctor", MFdFlags::MFD_CLOEXEC).is_ok(),
            temporary(),
        ));
        findings.extend(judge_swap(&meminfo));
    }
    findings.extend(read("/sys/kernel/mm/transparent_hugepage/enabled").and_then(|text| judge_huge_pages(&text)));
    findings
}

/// Bytes free where a driver makes its recording when there is no memfd.
fn temporary() -> u64 {
    let folder = std::env::temp_dir();
    statvfs(&folder).map_or(0, |system| system.blocks_available().saturating_mul(system.fragment_size()))
}

/// A field of `/proc/meminfo`, such as `MemAvailable:  23870304 kB`, in bytes.
fn field(meminfo: &str, name: &str) -> Option<u64> {
    let value = meminfo.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    value.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

fn judge_available(meminfo: &str) -> Option<Finding> {
    const AREA: &str = "memory";
    let (available, total) = (field(meminfo, "MemAvailable")?, field(meminfo, "MemTotal")?);
    let found = format!("{} of {} MiB available", available / MIB, total / MIB);
    let advice = "end what is not needed, or add memory: a host that swaps or kills measures nothing";
    Some(match available {
        ..TIGHT_BYTES => Finding::bad(AREA, found, advice),
        TIGHT_BYTES..ROOMY_BYTES => Finding::warn(AREA, found, advice),
        _ => Finding::ok(AREA, found),
    })
}

/// `memfd`: whether anonymous files can be made; `temporary_bytes`: what is free where recordings go otherwise.
fn judge_recordings(meminfo: &str, memfd: bool, temporary_bytes: u64) -> Option<Finding> {
    const AREA: &str = "recordings";
    // Half: the rest is for those who are measured.
    let calls = field(meminfo, "MemAvailable")? / 2 / ROW_BYTES / 1_000_000;
    if memfd {
        return Some(Finding::ok(AREA, format!("in anonymous memory: room for about {calls} million calls a cell")));
    }
    let found = format!("no memfd here: they go to files in the temporary folder, {} MiB free", temporary_bytes / MIB);
    Some(Finding::warn(AREA, found, "point TMPDIR at a tmpfs, so that no disk takes part"))
}

fn judge_swap(meminfo: &str) -> Option<Finding> {
    const AREA: &str = "swap";
    /// What was moved out long ago and never missed.
    const HARMLESS_BYTES: u64 = 64 * MIB;
    let used = field(meminfo, "SwapTotal")?.saturating_sub(field(meminfo, "SwapFree")?);
    let found = format!("{} MiB in use", used / MIB);
    if used < HARMLESS_BYTES {
        return Some(Finding::ok(AREA, found));
    }
    Some(Finding::warn(
        AREA,
        found,
        "a page that has to be fetched is a slow call: free memory, then swapoff -a for the run",
    ))
}

/// `enabled`: such as `always [madvise] never`.
fn judge_huge_pages(enabled: &str) -> Option<Finding> {
    const AREA: &str = "huge pages";
    let chosen = enabled.split_once('[')?.1.split_once(']')?.0;
    if chosen != "always" {
        return Some(Finding::ok(AREA, format!("{chosen}: only where a program asks")));
    }
    let advice = "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled";
    Some(Finding::warn(AREA, "always: the kernel may stop a process to make them, which shows in the tail", advice))
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    const MEMINFO: &str = "MemTotal:       24684084 kB\nMemFree:        21543668 kB\nMemAvailable:   23870304 kB\n\
                           SwapTotal:       2097148 kB\nSwapFree:        2097148 kB\nHugePages_Total:       0\n";

    #[test]
    fn a_field_is_found_by_its_whole_name() {
        assert_eq!(field(MEMINFO, "MemTotal"), Some(24_684_084 * 1024));
        assert_eq!(field(MEMINFO, "Mem"), None);
        assert_eq!(field(MEMINFO, "HugePages_Total"), None);
    }

    #[test]
    fn memory_is_judged_by_what_is_available() {
        assert_eq!(judge_available(MEMINFO).unwrap().level, Level::Ok);
        assert_eq!(judge_available("MemTotal: 2000000 kB\nMemAvailable: 400000 kB").unwrap().level, Level::Warn);
        assert_eq!(judge_available("MemTotal: 2000000 kB\nMemAvailable: 100000 kB").unwrap().level, Level::Bad);
        assert_eq!(judge_available("MemTotal: 2000000 kB"), None);
    }

    #[test]
    fn recordings_are_told_where_they_go_and_how_many_calls_fit() {
        let found = judge_recordings("MemAvailable: 10937500 kB", true, 0).unwrap();
        assert!(found.level == Level::Ok && found.found.contains("about 100 million"), "{found:?}");
        assert_eq!(judge_recordings(MEMINFO, false, 5 * MIB).unwrap().level, Level::Warn);
    }

    #[test]
    fn swap_matters_once_it_is_used() {
        assert_eq!(judge_swap(MEMINFO).unwrap().level, Level::Ok);
        assert_eq!(judge_swap("SwapTotal: 2097148 kB\nSwapFree: 1000000 kB").unwrap().level, Level::Warn);
    }

    #[test]
    fn huge_pages_that_nobody_asked_for_are_worth_a_warning() {
        assert_eq!(judge_huge_pages("always [madvise] never").unwrap().level, Level::Ok);
        assert_eq!(judge_huge_pages("[always] madvise never").unwrap().level, Level::Warn);
        assert_eq!(judge_huge_pages("garbage"), None);
    }
}
