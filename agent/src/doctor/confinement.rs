//! What servers and drivers are kept from here.

use std::path::Path;

use rpycbench_measure::Confinement as Level;
use rpycbench_proto::message::{ConfinementFacts, Measure};

use super::Finding;
use crate::confinement::Confinement;
use crate::limits::LimitsSource;

const AREA: &str = "confinement";

pub(super) fn examine(state: &Path, limits: &LimitsSource) -> Vec<Finding> {
    // As the agent does, who makes it an absolute one.
    let state = std::path::absolute(state).unwrap_or_else(|_| state.to_owned());
    let found = Confinement::find(&state);
    // Limits that cannot be read are a finding of their own.
    judge(&limits.read().map_or_else(|_| found.facts(), |limits| found.within(&limits).facts()))
}

fn judge(ConfinementFacts { level, measures }: &ConfinementFacts) -> Vec<Finding> {
    let names = |wanted: bool| -> String {
        let chosen = measures.iter().filter(|it| it.in_force == wanted).map(|it| match it.name.as_str() {
            // Of these the amount counts as well.
            name @ ("memory" | "processes") => format!("{name} ({})", it.detail),
            name => name.to_owned(),
        });
        chosen.collect::<Vec<_>>().join(", ")
    };
    if *level == Level::Full {
        return vec![Finding::ok(AREA, format!("full: {}", names(true)))];
    }
    let missing = measures.iter().filter(|it| !it.in_force);
    let missing =
        missing.map(|Measure { name, detail, .. }| Finding::warn(AREA, format!("not {name}: {detail}"), advice(name)));
    let in_force = if names(true).is_empty() { "nothing".to_owned() } else { names(true) };
    std::iter::once(Finding::ok(AREA, format!("{}: {in_force}", level.name()))).chain(missing).collect()
}

/// The next step for a measure that is missing.
fn advice(name: &str) -> &'static str {
    match name {
        "user" => "run the agent as a user of its own (deploy/README.md), or give it a --state that others can pass to",
        "memory" | "processes" => "run the agent as a systemd unit with Delegate=yes, as deploy/systemd does",
        "files" | "ports" | "signals" => "use a newer kernel, and name landlock among its security modules",
        _ => "look at what confines the agent itself: a container's profile may forbid it",
    }
}

#[cfg(test)]
mod tests {
    use super::super::Level as Weight;
    use super::*;

    fn measure(name: &str, in_force: bool) -> Measure {
        Measure { name: name.to_owned(), in_force, detail: "why".to_owned() }
    }

    #[test]
    fn each_measure_that_is_missing_has_a_line_and_a_next_step() {
        let measures = vec![measure("files", true), measure("memory", false), measure("user", false)];
        let found = judge(&ConfinementFacts { level: Level::Partial, measures });
        assert_eq!(found[0], Finding::ok(AREA, "partial: files"));
        assert_eq!((found[1].level, found[1].found.as_str()), (Weight::Warn, "not memory: why"));
        assert!(found[1].advice.contains("Delegate"), "{found:?}");
        assert!(found[2].advice.contains("--state"), "{found:?}");
    }

    #[test]
    fn a_host_that_can_do_everything_needs_one_line() {
        let found = judge(&ConfinementFacts { level: Level::Full, measures: vec![measure("files", true)] });
        assert_eq!(found, [Finding::ok(AREA, "full: files")]);
    }
}
