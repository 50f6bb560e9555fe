//! Facts, field for field.

use rpycbench_measure::Confinement;

use crate::message::{
    CellName, CertificateState, ConfinementFacts, Consent, CpuUse, Exit, HostFacts, Link, Measure, Pinned, PythonFacts,
};
use crate::pb;

impl From<HostFacts> for pb::HostFacts {
    fn from(facts: HostFacts) -> Self {
        let HostFacts {
            hostname,
            os,
            kernel,
            arch,
            cpu_model,
            logical_cpus,
            physical_cores,
            memory_bytes,
            virtualization,
            confinement,
            boot_id,
        } = facts;
        Self {
            hostname,
            os,
            kernel,
            arch,
            cpu_model,
            logical_cpus,
            physical_cores,
            memory_bytes,
            virtualization,
            confinement: Some(confinement.into()),
            boot_id,
        }
    }
}

impl From<pb::HostFacts> for HostFacts {
    fn from(facts: pb::HostFacts) -> Self {
        let pb::HostFacts {
            hostname,
            os,
            kernel,
            arch,
            cpu_model,
            logical_cpus,
            physical_cores,
            memory_bytes,
            virtualization,
            confinement,
            boot_id,
        } = facts;
        Self {
            hostname,
            os,
            kernel,
            arch,
            cpu_model,
            logical_cpus,
            physical_cores,
            memory_bytes,
            virtualization,
            confinement: confinement.map(Into::into).unwrap_or_default(),
            boot_id,
        }
    }
}

impl From<ConfinementFacts> for pb::Confinement {
    fn from(ConfinementFacts { level, measures }: ConfinementFacts) -> Self {
        let level = match level {
            Confinement::None => pb::ConfinementLevel::None,
            Confinement::Rlimits => pb::ConfinementLevel::Rlimits,
            Confinement::Partial => pb::ConfinementLevel::Partial,
            Confinement::Full => pb::ConfinementLevel::Full,
        };
        let measures =
            measures.into_iter().map(|Measure { name, in_force, detail }| pb::Measure { name, in_force, detail });
        Self { level: level.into(), measures: measures.collect() }
    }
}

impl From<pb::Confinement> for ConfinementFacts {
    fn from(facts: pb::Confinement) -> Self {
        // A level this side does not know is none that it can vouch for.
        let level = match facts.level() {
            pb::ConfinementLevel::Unspecified | pb::ConfinementLevel::None => Confinement::None,
            pb::ConfinementLevel::Rlimits => Confinement::Rlimits,
            pb::ConfinementLevel::Partial => Confinement::Partial,
            pb::ConfinementLevel::Full => Confinement::Full,
        };
        let measures = facts.measures.into_iter();
        let measures = measures.map(|pb::Measure { name, in_force, detail }| Measure { name, in_force, detail });
        Self { level, measures: measures.collect() }
    }
}

impl From<CertificateState> for pb::CertificateState {
    fn from(state: CertificateState) -> Self {
        let CertificateState { not_before_unix_s, not_after_unix_s, renewal_due } = state;
        Self { not_before_unix_s, not_after_unix_s, renewal_due }
    }
}

impl From<pb::CertificateState> for CertificateState {
    fn from(state: pb::CertificateState) -> Self {
        let pb::CertificateState { not_before_unix_s, not_after_unix_s, renewal_due } = state;
        Self { not_before_unix_s, not_after_unix_s, renewal_due }
    }
}

impl From<PythonFacts> for pb::Prepared {
    fn from(facts: PythonFacts) -> Self {
        let PythonFacts { python, implementation, packages, built } = facts;
        Self { python, implementation, packages: packages.into_iter().collect(), built }
    }
}

impl From<pb::Prepared> for PythonFacts {
    fn from(facts: pb::Prepared) -> Self {
        let pb::Prepared { python, implementation, packages, built } = facts;
        Self { python, implementation, packages: packages.into_iter().collect(), built }
    }
}

impl From<CellName> for pb::CellName {
    fn from(CellName { topology, server, workload, block }: CellName) -> Self {
        Self { topology, server, workload, block }
    }
}

impl From<pb::CellName> for CellName {
    fn from(pb::CellName { topology, server, workload, block }: pb::CellName) -> Self {
        Self { topology, server, workload, block }
    }
}

impl From<Consent> for pb::Consent {
    fn from(Consent { certificate, signature }: Consent) -> Self {
        Self { certificate, signature }
    }
}

impl From<pb::Consent> for Consent {
    fn from(pb::Consent { certificate, signature }: pb::Consent) -> Self {
        Self { certificate, signature }
    }
}

impl From<Link> for pb::Link {
    fn from(link: Link) -> Self {
        let Link { interface, kind, driver, mtu, speed_mbit_s, note } = link;
        Self { interface, kind, driver, mtu, speed_mbit_s, note }
    }
}

impl From<pb::Link> for Link {
    fn from(link: pb::Link) -> Self {
        let pb::Link { interface, kind, driver, mtu, speed_mbit_s, note } = link;
        Self { interface, kind, driver, mtu, speed_mbit_s, note }
    }
}

impl From<Pinned> for pb::Pinned {
    fn from(Pinned { cpus, note }: Pinned) -> Self {
        Self { cpus, note }
    }
}

impl From<pb::Pinned> for Pinned {
    fn from(pb::Pinned { cpus, note }: pb::Pinned) -> Self {
        Self { cpus, note }
    }
}

impl From<Exit> for pb::Exit {
    fn from(exit: Exit) -> Self {
        let Exit { code, signal, asked, stderr, user_cpu_ns, system_cpu_ns, peak_memory_bytes, load_cpu_ns, cpu_use } =
            exit;
        let cpu_use = cpu_use.map(Into::into);
        Self { code, signal, asked, stderr, user_cpu_ns, system_cpu_ns, peak_memory_bytes, load_cpu_ns, cpu_use }
    }
}

impl From<pb::Exit> for Exit {
    fn from(exit: pb::Exit) -> Self {
        let pb::Exit {
            code,
            signal,
            asked,
            stderr,
            user_cpu_ns,
            system_cpu_ns,
            peak_memory_bytes,
            load_cpu_ns,
            cpu_use,
        } = exit;
        let cpu_use = cpu_use.map(Into::into);
        Self { code, signal, asked, stderr, user_cpu_ns, system_cpu_ns, peak_memory_bytes, load_cpu_ns, cpu_use }
    }
}

impl From<CpuUse> for pb::CpuUse {
    fn from(found: CpuUse) -> Self {
        let CpuUse { wall_ns, cpus, busy_ns, stolen_ns, khz_before, khz_after, throttled } = found;
        Self { wall_ns, cpus, busy_ns, stolen_ns, khz_before, khz_after, throttled }
    }
}

impl From<pb::CpuUse> for CpuUse {
    fn from(found: pb::CpuUse) -> Self {
        let pb::CpuUse { wall_ns, cpus, busy_ns, stolen_ns, khz_before, khz_after, throttled } = found;
        Self { wall_ns, cpus, busy_ns, stolen_ns, khz_before, khz_after, throttled }
    }
}
