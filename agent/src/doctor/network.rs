//! How many connections this host can hold, and how many it can open one after the other.

use nix::sys::resource::{Resource, getrlimit};

use super::{Finding, read};

const IPV4: &str = "/proc/sys/net/ipv4";
/// How long the kernel keeps the port of a connection that was closed here (TCP_TIMEWAIT_LEN, fixed).
const TIME_WAIT_S: u32 = 60;
/// A driver and a server need a few dozen besides their connections.
const FEW_FILES: u64 = 1024;
/// Of the usual range of 28,232.
const FEW_PORTS: u32 = 16_000;

pub(super) fn examine() -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        findings.push(judge_open_files(soft, hard));
    }
    let range = read(format!("{IPV4}/ip_local_port_range"));
    let reuse = read(format!("{IPV4}/tcp_tw_reuse")).and_then(|text| text.parse().ok()).unwrap_or(0);
    findings.extend(range.and_then(|range| judge_ports(&range, reuse)));
    findings
}

fn judge_open_files(soft: u64, hard: u64) -> Finding {
    const AREA: &str = "open files";
    let found = format!("at most {soft} in a process (hard limit {hard}), and a connection is one");
    if soft < FEW_FILES {
        return Finding::warn(AREA, found, "raise it: ulimit -n 65536, or LimitNOFILE= in the unit");
    }
    Finding::ok(AREA, found)
}

/// `range`: first and last, as in `ip_local_port_range`; `reuse`: `tcp_tw_reuse` (0 never, 1 always, 2 on loopback).
fn judge_ports(range: &str, reuse: u32) -> Option<Finding> {
    const AREA: &str = "ports";
    let mut ends = range.split_whitespace().map(|end| end.parse::<u32>().ok());
    let (first, last) = (ends.next()??, ends.next()??);
    let ports = (last + 1).saturating_sub(first);
    let sustained = ports / TIME_WAIT_S;
    let (where_reused, limited) = match reuse {
        0 => ("nowhere", "everywhere"),
        2 => ("on loopback", "between hosts"),
        _ => return judge_count(ports, format!("{ports} to call from, used anew after a second")),
    };
    let found = format!(
        "{ports} to call from, used anew {where_reused}: with a new connection for each request {limited} \
         {sustained}/s can be kept up, or {ports} in a burst"
    );
    if reuse == 0 {
        return Some(Finding::warn(AREA, found, "sudo sysctl net.ipv4.tcp_tw_reuse=1 on the host that drives"));
    }
    judge_count(ports, found)
}

fn judge_count(ports: u32, found: String) -> Option<Finding> {
    const AREA: &str = "ports";
    if ports < FEW_PORTS {
        let advice = "sudo sysctl net.ipv4.ip_local_port_range=\"32768 60999\" on the host that drives";
        return Some(Finding::warn(AREA, found, advice));
    }
    Some(Finding::ok(AREA, found))
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    #[test]
    fn few_open_files_mean_few_connections() {
        assert_eq!(judge_open_files(20_000, 20_000).level, Level::Ok);
        assert_eq!(judge_open_files(256, 4096).level, Level::Warn);
    }

    #[test]
    fn a_driver_that_connects_for_every_request_runs_out_of_ports() {
        let usual = judge_ports("32768\t60999", 2).unwrap();
        assert_eq!(usual.level, Level::Ok);
        assert!(usual.found.contains("between hosts 470/s"), "{usual:?}");
        assert_eq!(judge_ports("32768\t60999", 0).unwrap().level, Level::Warn);
        assert!(!judge_ports("32768\t60999", 1).unwrap().found.contains("/s"));
        assert_eq!(judge_ports("60000 60999", 1).unwrap().level, Level::Warn);
        assert_eq!(judge_ports("60000 60999", 2).unwrap().level, Level::Warn);
        assert_eq!(judge_ports("garbage", 2), None);
    }
}
