//! All measures in one word.

use rpycbench_measure::Confinement;

use super::Tried;

/// Measures by name, in the order they are told.
pub(super) mod name {
    pub(in super::super) const ENVIRONMENT: &str = "environment";
    pub(in super::super) const USER: &str = "user";
    pub(in super::super) const CAPABILITIES: &str = "capabilities";
    pub(in super::super) const PRIVILEGES: &str = "no new privileges";
    pub(in super::super) const MEMORY: &str = "memory";
    pub(in super::super) const PROCESSES: &str = "processes";
    pub(in super::super) const RLIMITS: &str = "rlimits";
    pub(in super::super) const FILES: &str = "files";
    pub(in super::super) const PORTS: &str = "ports";
    pub(in super::super) const SIGNALS: &str = "signals";
    pub(in super::super) const SYSCALLS: &str = "system calls";
}

/// [`Confinement::Full`] is every measure. Short of that, what counts is whether files and system calls are closed: without
/// either, a process may do what its user may.
pub(super) fn of(measures: &[Tried]) -> Confinement {
    let in_force = |name: &str| measures.iter().any(|it| it.name == name && it.in_force);
    if !in_force(name::RLIMITS) || !in_force(name::PRIVILEGES) {
        Confinement::None
    } else if !in_force(name::FILES) || !in_force(name::SYSCALLS) {
        Confinement::Rlimits
    } else if measures.iter().all(|it| it.in_force) {
        Confinement::Full
    } else {
        Confinement::Partial
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level_without(missing: &[&str]) -> Confinement {
        let all = [name::USER, name::PRIVILEGES, name::MEMORY, name::RLIMITS, name::FILES, name::SYSCALLS];
        let tried =
            all.map(|name| Tried { name: name.to_owned(), in_force: !missing.contains(&name), detail: "x".into() });
        of(&tried)
    }

    #[test]
    fn full_is_nothing_less_than_everything() {
        assert_eq!(level_without(&[]), Confinement::Full);
        assert_eq!(level_without(&[name::USER]), Confinement::Partial);
        assert_eq!(level_without(&[name::USER, name::MEMORY]), Confinement::Partial);
    }

    #[test]
    fn without_files_or_system_calls_only_limits_are_left() {
        assert_eq!(level_without(&[name::FILES]), Confinement::Rlimits);
        assert_eq!(level_without(&[name::SYSCALLS]), Confinement::Rlimits);
        assert_eq!(level_without(&[name::PRIVILEGES]), Confinement::None);
        assert_eq!(of(&[]), Confinement::None);
    }
}
