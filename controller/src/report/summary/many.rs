//! A server over many topologies, in one sentence.

use super::super::number::{escape, signed};
use super::super::view::{Difference, Section, View};
use super::{is_usable, mean};
use crate::results::schema::CellResult;

/// `None` where the server has no cell of the workload.
pub(super) fn topologies(view: &View<'_>, section: &Section<'_>, server: &str) -> Option<String> {
    let cells: Vec<_> = section.cells.iter().copied().filter(|cell| cell.server == server).collect();
    let mut usable: Vec<_> = cells.iter().copied().filter(|cell| is_usable(cell)).collect();
    usable.sort_by(|a, b| a.mean.unwrap_or(f64::NAN).total_cmp(&b.mean.unwrap_or(f64::NAN)));
    let lead = format!("**{}**, {} over {} topologies: ", section.workload.name, escape(server), cells.len());
    let mut clauses = Vec::new();
    if let [least, .., most] = usable.as_slice() {
        let place = |cell: &CellResult| format!("{} ({})", mean(cell), escape(&cell.topology));
        clauses.push(format!("on average from {} to {}", place(least), place(most)));
    }
    clauses.extend(against_baselines(view, &usable));
    let without: Vec<_> = cells.iter().copied().filter(|cell| !is_usable(cell)).collect();
    if !without.is_empty() {
        let names: Vec<_> = without.iter().map(|cell| escape(&cell.topology)).collect();
        clauses.push(format!("{} left out, as the figures there are invalid (see Cells)", names.join(", ")));
    }
    (!cells.is_empty()).then(|| format!("{lead}{}.", clauses.join("; ")))
}

fn against_baselines(view: &View<'_>, cells: &[&CellResult]) -> Vec<String> {
    let (mut told, mut not_told) = (Vec::new(), Vec::new());
    for topology in &view.manifest.topologies {
        let cell = cells.iter().find(|cell| cell.topology == topology.name);
        let (Some(cell), Some(baseline)) = (cell, &topology.baseline) else { continue };
        let counterpart = cells.iter().any(|other| other.topology == *baseline);
        let found = view.topology(&topology.name, baseline, &cell.server, &cell.workload, "mean");
        match found.filter(|_| counterpart) {
            Some(Difference { distinguishable: true, difference, .. }) => told.push(difference / 1e6),
            _ => not_told.push(escape(&topology.name)),
        }
    }
    let (least, most) =
        (told.iter().copied().fold(f64::INFINITY, f64::min), told.iter().copied().fold(f64::MIN, f64::max));
    let mut clauses = Vec::new();
    match told.len() {
        0 => {}
        1 => clauses.push(format!("against its baseline {} ms on 1", signed(least))),
        count => clauses.push(format!("against their baselines {} to {} ms on {count}", signed(least), signed(most))),
    }
    if told.is_empty() && not_told.len() > 1 {
        clauses.push(format!(
            "a difference cannot be told from zero on any of the {} that have a baseline",
            not_told.len()
        ));
    } else if !not_told.is_empty() {
        clauses.push(format!("a difference cannot be told from zero on {}", not_told.join(", ")));
    }
    clauses
}
