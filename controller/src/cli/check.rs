//! What a plan would do, in words.

use std::fmt::Write;

use crate::plan::{AgentAddress, Plan};
use crate::progress::span;

/// Hosts, cells in their order, and the expected duration.
pub(super) fn describe(plan: &Plan) -> String {
    let mut text = format!("study {}: placement {}\n", plan.name, plan.placement.name());
    for host in &plan.hosts {
        let agent = match &host.agent {
            AgentAddress::Local => "this host".to_owned(),
            AgentAddress::Remote(address) => format!("agent {address}"),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "host {}: {agent}, serves on {}", host.name, host.serve_on);
    }
    let cells = plan.cells();
    for &cell in &cells {
        let samples = plan.workloads[cell.workload].workload.expected_samples();
        let expected = span(plan.guess(cell).as_secs_f64());
        let _ =
            writeln!(text, "cell {:>4}  {}  {samples} samples, about {expected}", cell.id + 1, plan.cell_name(cell));
    }
    if plan.parallel {
        text += "cells of one block that share no host run side by side\n";
    }
    let all = cells.iter().map(|&cell| plan.guess(cell).as_secs_f64()).sum();
    let _ = writeln!(text, "{} cells in {} blocks, about {}", cells.len(), plan.blocks, span(all));
    text
}
