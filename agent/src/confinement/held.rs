//! Who says how much a role may use: the host's administrator, or the agent where it is stricter.

use serde::{Deserialize, Serialize};

use super::Limits;
use super::level::name;
use crate::limits::{Denial, Limits as Rules};

/// What a role has asked for in vain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exceeded {
    /// More memory: the kernel has ended a process for it, or denied it.
    pub memory: bool,
    /// More processes or threads: the kernel has denied them.
    pub processes: bool,
}

/// The administrator's rules, where they are what holds a role; `None`: the agent's own limit is smaller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    memory: Option<Denial>,
    processes: Option<Denial>,
}

/// Of each amount the smaller one, and whose it is.
pub(super) fn within(own: &Limits, rules: &Rules) -> (Limits, Held) {
    let memory = rules.max_memory.value.at_most().filter(|&most| most <= own.memory_bytes);
    let processes = rules.max_processes.value.at_most().filter(|&most| most <= own.processes);
    let limits = Limits {
        memory_bytes: memory.unwrap_or(own.memory_bytes),
        processes: processes.unwrap_or(own.processes),
        ..*own
    };
    let held =
        Held { memory: memory.map(|_| rules.more_memory()), processes: processes.map(|_| rules.more_processes()) };
    (limits, held)
}

impl Held {
    /// Why a role that has exceeded something had to fail, in one line.
    pub(crate) fn why(&self, exceeded: Exceeded) -> Option<String> {
        const OWN: &str = "denied by the agent's own limit, see its host facts:";
        let said = |denial: &Option<Denial>, asked: &str| match denial {
            Some(denial) => denial.to_string(),
            None => format!("{OWN} {asked}"),
        };
        match exceeded {
            Exceeded { memory: true, .. } => Some(said(&self.memory, "its processes together asked for more memory")),
            Exceeded { processes: true, .. } => Some(said(&self.processes, "it asked for more processes and threads")),
            Exceeded { memory: false, processes: false } => None,
        }
    }

    /// A measure's detail, with the amount and whose it is where it has one.
    pub(super) fn in_words(&self, measure: &str, in_force: bool, detail: &str, limits: &Limits) -> String {
        let by = |denial: &Option<Denial>| denial.as_ref().map(|it| format!(" by {}", it.rule())).unwrap_or_default();
        let (memory, processes) = (limits.memory_bytes >> 20, limits.processes);
        match (measure, in_force) {
            (name::MEMORY, true) => format!("{memory} MiB{}, {detail}", by(&self.memory)),
            (name::MEMORY, false) => {
                let each = limits.data_bytes() >> 20;
                format!("{detail}; each process alone is limited to {each} MiB{} (rlimit)", by(&self.memory))
            }
            (name::PROCESSES, true) => format!("{processes}{}, {detail}", by(&self.processes)),
            _ => detail.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const OWN: Limits = Limits { memory_bytes: 100 << 20, processes: 100, open_files: 1, file_bytes: 1 };

    fn rules(text: &str) -> Rules {
        Rules::parse(Path::new("limits.toml"), text, None).expect("sound")
    }

    #[test]
    fn the_smaller_of_rule_and_own_limit_holds() {
        let (limits, held) = within(&OWN, &rules("max_memory = \"64MiB\"\nmax_processes = 200"));
        assert_eq!((limits.memory_bytes, limits.processes), (64 << 20, 100));
        assert!(held.memory.is_some() && held.processes.is_none());
        let (limits, held) = within(&OWN, &rules("max_memory = \"unlimited\"\nmax_processes = 100"));
        assert_eq!((limits.memory_bytes, limits.processes), (100 << 20, 100));
        assert!(held.memory.is_none() && held.processes.is_some());
    }

    #[test]
    fn what_was_exceeded_is_said_with_the_rule_and_its_value() {
        let (limits, held) = within(&OWN, &rules("max_memory = \"64MiB\""));
        let memory = Exceeded { memory: true, processes: false };
        let said = "denied by max_memory = \"64MiB\" in limits.toml: its processes together asked for more memory";
        assert_eq!(held.why(memory).as_deref(), Some(said));
        assert_eq!(held.why(Exceeded::default()), None);
        let own = held.why(Exceeded { memory: false, processes: true }).expect("a reason");
        assert!(own.contains("the agent's own limit"), "{own}");
        let detail = "64 MiB by max_memory = \"64MiB\" in limits.toml, control group";
        assert_eq!(held.in_words("memory", true, "control group", &limits), detail);
        assert_eq!(held.in_words("processes", true, "control group", &limits), "100, control group");
        assert_eq!(held.in_words("files", true, "closed", &limits), "closed");
    }
}
