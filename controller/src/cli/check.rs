//! What a plan would do, in words.

use std::fmt::Write;

use crate::plan::{AgentAddress, Cell, Plan, Until};
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
    if let Some(twin) = plan.servers.iter().find(|server| server.twin_of.is_some()) {
        let _ = writeln!(text, "{} is the first server once more: how far the two seem to differ is noise", twin.name);
    }
    text + &summary(plan, &cells)
}

/// How many cells and blocks, and for how long; from the fewest to the most.
fn summary(plan: &Plan, least: &[Cell]) -> String {
    let expected = |cells: &[Cell]| span(cells.iter().map(|&cell| plan.guess(cell).as_secs_f64()).sum());
    let (blocks, cells, time) = (plan.blocks, least.len(), expected(least));
    let Some(Until { precision, max_blocks }) = plan.until else {
        return format!("{cells} cells in {blocks} blocks, about {time}\n");
    };
    let most = plan.most_cells();
    let (most_cells, most_time) = (most.len(), expected(&most));
    format!(
        "{cells} to {most_cells} cells in {blocks} to {max_blocks} blocks, about {time} to {most_time}: until {precision} holds for \
         every cell\n"
    )
}
