//! Which CPUs a role's processes get.
//!
//! On a small machine the same call takes 15 or 40 µs depending on where the scheduler happens to put client and server;
//! a result that does not fix this does not repeat.

use std::collections::BTreeSet;

use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;
use rpycbench_measure::Placement;
use rpycbench_proto::message::Pinned;

/// The part an agent plays in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Serve,
    Drive,
}

/// The CPUs for a role on this host. They depend on the role alone, not on whether the other role is on the same host,
/// so that a topology of two hosts is pinned like one of a single host.
pub(crate) fn place(role: Role, placement: Placement) -> Pinned {
    choose(role, placement, &cores())
}

fn choose(role: Role, placement: Placement, cores: &[Vec<u32>]) -> Pinned {
    match placement {
        Placement::Free => Pinned::default(),
        Placement::Same => Pinned { cpus: cores.iter().flatten().take(1).copied().collect(), note: String::new() },
        Placement::Separate if cores.len() < 2 => {
            Pinned { cpus: Vec::new(), note: "only one core: server and driver share it".to_owned() }
        }
        Placement::Separate => {
            let (drive, serve) = cores.split_at(cores.len() / 2);
            let half = if role == Role::Drive { drive } else { serve };
            Pinned { cpus: half.iter().flatten().copied().collect(), note: String::new() }
        }
    }
}

/// The CPUs this process may use, grouped by physical core: two threads of one core are not separate CPUs.
pub(crate) fn cores() -> Vec<Vec<u32>> {
    let Ok(allowed) = sched_getaffinity(Pid::from_raw(0)) else { return Vec::new() };
    let allowed: Vec<u32> = (0..CpuSet::count())
        .filter(|&cpu| allowed.is_set(cpu) == Ok(true))
        .filter_map(|cpu| cpu.try_into().ok())
        .collect();
    let mut cores: Vec<Vec<u32>> = Vec::new();
    let mut seen = BTreeSet::new();
    for &cpu in &allowed {
        if seen.contains(&cpu) {
            continue;
        }
        let mut core: Vec<u32> = siblings(cpu).into_iter().filter(|sibling| allowed.contains(sibling)).collect();
        if !core.contains(&cpu) {
            core = vec![cpu];
        }
        seen.extend(core.iter().copied());
        cores.push(core);
    }
    cores
}

fn siblings(cpu: u32) -> Vec<u32> {
    std::fs::read_to_string(format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"))
        .map(|list| parse_list(list.trim()))
        .unwrap_or_default()
}

/// The kernel's list format, such as `0-2,8`.
fn parse_list(list: &str) -> Vec<u32> {
    list.split(',')
        .filter_map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            Some(first.parse().ok()?..=last.parse().ok()?)
        })
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_roles_get_cores_that_do_not_overlap() {
        let cores = vec![vec![0, 4], vec![1, 5], vec![2, 6]];
        let drive = choose(Role::Drive, Placement::Separate, &cores).cpus;
        let serve = choose(Role::Serve, Placement::Separate, &cores).cpus;
        assert_eq!((drive, serve), (vec![0, 4], vec![1, 5, 2, 6]));
    }

    #[test]
    fn two_threads_of_one_core_are_not_taken_for_separate_cpus() {
        let pinned = choose(Role::Serve, Placement::Separate, &[vec![0, 1]]);
        assert_eq!(pinned.cpus, [0; 0]);
        assert!(pinned.note.contains("only one core"), "{pinned:?}");
    }

    #[test]
    fn same_means_one_cpu_for_both() {
        let cores = vec![vec![2, 6], vec![3, 7]];
        assert_eq!(choose(Role::Serve, Placement::Same, &cores).cpus, [2]);
        assert_eq!(choose(Role::Drive, Placement::Same, &cores).cpus, [2]);
    }

    #[test]
    fn the_kernels_list_format_is_understood() {
        assert_eq!(parse_list("0-2,8"), [0, 1, 2, 8]);
        assert_eq!(parse_list("5"), [5]);
    }
}
