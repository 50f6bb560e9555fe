//! Facts about this host.

use rpycbench_probe::clock::boot_id;
use rpycbench_proto::message::{ConfinementFacts, HostFacts};
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

/// What readers of a result need to know about this host.
pub(crate) fn facts() -> HostFacts {
    let wanted =
        RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing()).with_memory(MemoryRefreshKind::nothing().with_ram());
    let system = System::new_with_specifics(wanted).ok();
    let cpus = system.as_ref().map(System::cpus).unwrap_or_default();
    HostFacts {
        hostname: System::host_name().unwrap_or_default(),
        os: System::long_os_version().unwrap_or_default(),
        kernel: System::kernel_version().unwrap_or_default(),
        arch: std::env::consts::ARCH.to_owned(),
        cpu_model: cpus.first().map(|cpu| cpu.brand().trim().to_owned()).unwrap_or_default(),
        logical_cpus: cpus.len().try_into().unwrap_or(u32::MAX),
        physical_cores: System::physical_core_count().ok().and_then(|cores| cores.try_into().ok()).unwrap_or_default(),
        memory_bytes: system.as_ref().map(System::total_memory).unwrap_or_default(),
        virtualization: virtualization(),
        // The agent that asks knows.
        confinement: ConfinementFacts::default(),
        boot_id: boot_id(),
    }
}

/// `none`, or the hypervisor as the firmware names it, or empty where neither can be told.
fn virtualization() -> String {
    let Ok(cpuinfo) = std::fs::read_to_string("/proc/cpuinfo") else { return String::new() };
    let hypervisor =
        cpuinfo.lines().any(|line| line.starts_with("flags") && line.split(' ').any(|flag| flag == "hypervisor"));
    if !hypervisor {
        return "none".to_owned();
    }
    ["/sys/hypervisor/type", "/sys/class/dmi/id/product_name", "/sys/class/dmi/id/sys_vendor"]
        .iter()
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .map(|name| name.trim().to_owned())
        .find(|name| !name.is_empty())
        .unwrap_or_else(|| "unnamed hypervisor".to_owned())
}
