//! In what the surroundings of two runs differ: no reason to refuse, but one to doubt that a change is the server's.

use std::collections::BTreeSet;

use crate::store::manifest::{CellStatus, HostRecord, Manifest};

/// A sentence for each difference, and for each that is not complete.
pub(super) fn warnings(base: &Manifest, new: &Manifest) -> Vec<String> {
    let mut warnings = Vec::new();
    for (side, manifest) in [("base", base), ("new one", new)] {
        let incomplete = manifest.cells.iter().filter(|cell| cell.status != CellStatus::Complete).count();
        if incomplete > 0 {
            warnings
                .push(format!("The {side} is not complete: {incomplete} of {} cells are not.", manifest.cells.len()));
        }
    }
    warnings.extend(differences(base, new));
    warnings
}

/// A sentence for each difference.
pub(super) fn differences(base: &Manifest, new: &Manifest) -> Vec<String> {
    let mut warnings = Vec::new();
    let run = [
        ("study", &base.study, &new.study),
        ("version of the controller", &base.version, &new.version),
        ("placement", &base.placement, &new.placement),
    ];
    warnings.extend(run.into_iter().filter(|(_, base, new)| base != new).map(|it| sentence("The runs", it)));
    let names: BTreeSet<&String> = base.hosts.keys().chain(new.hosts.keys()).collect();
    for name in names {
        match (base.hosts.get(name), new.hosts.get(name)) {
            (Some(base), Some(new)) => warnings.extend(host(name, base, new)),
            (Some(_), None) => warnings.push(format!("Host {name} is only in the base.")),
            _ => warnings.push(format!("Host {name} is only in the new one.")),
        }
    }
    warnings
}

fn host(name: &str, base: &HostRecord, new: &HostRecord) -> Vec<String> {
    let [facts_of_base, facts_of_new] = [base, new].map(facts);
    let facts = facts_of_base.into_iter().zip(facts_of_new).map(|((what, base), (_, new))| (what, base, new));
    let packages: BTreeSet<&String> = base.packages.keys().chain(new.packages.keys()).collect();
    let version = |host: &HostRecord, package: &String| host.packages.get(package).cloned().unwrap_or_default();
    let packages = packages.into_iter().map(|it| (it.as_str(), version(base, it), version(new, it)));
    let differing = facts.chain(packages).filter(|(_, base, new)| base != new);
    differing.map(|(what, base, new)| sentence(&format!("Host {name}"), (what, &base, &new))).collect()
}

fn facts(host: &HostRecord) -> [(&'static str, String); 11] {
    [
        ("host name", host.hostname.clone()),
        ("operating system", host.os.clone()),
        ("kernel", host.kernel.clone()),
        ("architecture", host.arch.clone()),
        ("CPU", host.cpu_model.clone()),
        ("number of CPUs", host.logical_cpus.to_string()),
        ("bytes of memory", host.memory_bytes.to_string()),
        ("virtualization", host.virtualization.clone()),
        ("confinement", host.confinement.clone()),
        ("Python", host.python.clone()),
        ("implementation of Python", host.python_implementation.clone()),
    ]
}

fn sentence(whose: &str, (what, base, new): (&str, &String, &String)) -> String {
    let shown = |value: &String| if value.is_empty() { "none".to_owned() } else { value.clone() };
    format!("{whose}: {what} {} in the base, {} in the new one.", shown(base), shown(new))
}
