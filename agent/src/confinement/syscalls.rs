//! What neither a server nor a driver asks the kernel for, and gets refused (seccomp).
//!
//! A list of what is denied, not of what is allowed: libraries under test may use anything ordinary. The kernel remembers
//! which calls a filter always lets pass and runs the filter for none of them; what is left is what any filter costs, see
//! `make bench`.

use std::collections::BTreeMap;

use nix::libc;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter, sock_filter,
};

/// Denied with EPERM.
const DENIED: &[libc::c_long] = &[
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // File systems and namespaces.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_mount_setattr,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_quotactl,
    libc::SYS_fanotify_init,
    // The kernel itself.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_syslog,
    libc::SYS_acct,
    // Keys.
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // The host's clock and name.
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_settimeofday,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
    libc::SYS_personality,
    libc::SYS_lookup_dcookie,
    libc::SYS_nfsservctl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
    #[cfg(target_arch = "x86_64")]
    libc::SYS__sysctl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_uselib,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ustat,
];

/// Flags of `clone` that make a namespace. Only the user's is of use to a process without capabilities, and it gives some.
const NEW_USER_NAMESPACE: u64 = libc::CLONE_NEWUSER as u64;

/// How many are denied.
pub(super) fn count() -> usize {
    DENIED.len()
}

/// Takes these calls away from this process and those it forks, for good.
pub(super) fn deny() -> Result<(), String> {
    let architecture = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| error.to_string())?;
    for filter in filters(architecture).map_err(|error| error.to_string())? {
        apply_filter(&filter).map_err(|error| error.to_string())?;
    }
    Ok(())
}

/// Two of them, as one filter has one answer: EPERM, and for `clone3` ENOSYS. Its flags lie in memory that no filter can
/// look at; the C library then takes `clone`.
fn filters(architecture: TargetArch) -> Result<[BpfProgram; 2], seccompiler::BackendError> {
    let flags = SeccompCondition::new(
        0,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::MaskedEq(NEW_USER_NAMESPACE),
        NEW_USER_NAMESPACE,
    )?;
    let mut denied: BTreeMap<_, _> = DENIED.iter().map(|&number| (number, Vec::new())).collect();
    denied.insert(libc::SYS_clone, vec![SeccompRule::new(vec![flags])?]);
    let unknown = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    let denied = [no_other_numbers(), filter(denied, libc::EPERM, architecture)?].concat();
    Ok([denied, filter(unknown, libc::ENOSYS, architecture)?])
}

fn filter(
    calls: BTreeMap<libc::c_long, Vec<SeccompRule>>,
    errno: libc::c_int,
    architecture: TargetArch,
) -> Result<BpfProgram, seccompiler::BackendError> {
    let answer = SeccompAction::Errno(errno.cast_unsigned());
    SeccompFilter::new(calls, SeccompAction::Allow, answer, architecture)?.try_into()
}

/// Refuses what x86-64 calls x32: the same system calls by other numbers, which the list does not have.
fn no_other_numbers() -> BpfProgram {
    const LOAD_NUMBER: u16 = 0x20;
    const JUMP_UNLESS_AT_LEAST: u16 = 0x35;
    const RETURN: u16 = 0x06;
    const X32: u32 = 0x4000_0000;
    const REFUSE: u32 = 0x0005_0000 | libc::ENOSYS.cast_unsigned();
    if !cfg!(target_arch = "x86_64") {
        return Vec::new();
    }
    vec![
        sock_filter { code: LOAD_NUMBER, jt: 0, jf: 0, k: 0 },
        sock_filter { code: JUMP_UNLESS_AT_LEAST, jt: 0, jf: 1, k: X32 },
        sock_filter { code: RETURN, jt: 0, jf: 0, k: REFUSE },
    ]
}
