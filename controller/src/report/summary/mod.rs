//! The results in sentences. A difference is only claimed where it can be told from chance.

mod many;

use super::number::{escape, signed, significant};
use super::view::{Difference, Section, View, clients};
use crate::results::schema::CellResult;

/// Of more topologies than this nobody reads a paragraph each.
const MOST_TOPOLOGIES: usize = 6;

/// One paragraph for each workload of each topology, then one for each topology that has a baseline; where there are very
/// many topologies, one for each server of each workload.
pub(super) fn sentences(view: &View<'_>) -> Vec<String> {
    let sections: Vec<_> = view.manifest.workloads.iter().map(|workload| view.section(workload)).collect();
    if view.manifest.topologies.len() > MOST_TOPOLOGIES {
        let servers = || view.manifest.servers.iter().map(|server| server.name.as_str());
        return sections
            .iter()
            .flat_map(|it| servers().filter_map(|server| many::topologies(view, it, server)))
            .collect();
    }
    let mut sentences = Vec::new();
    for topology in view.topologies() {
        let here = sections.iter().map(|section| section.of_topology(&topology)).filter(|it| !it.cells.is_empty());
        sentences.extend(here.map(|section| servers(view, &section, &topology)));
    }
    for topology in &view.manifest.topologies {
        if let Some(baseline) = &topology.baseline {
            sentences.extend(sections.iter().map(|section| network(view, section, &topology.name, baseline)));
        }
    }
    sentences
}

/// The servers of a topology against the one with the lowest mean.
fn servers(view: &View<'_>, section: &Section<'_>, topology: &str) -> String {
    let what = if section.workload.kind == "connect" { "per connection" } else { "per call" };
    let lead = format!("**{}** on {topology} ({}): ", section.workload.name, clients(section.workload));
    let mut usable: Vec<_> = section.cells.iter().copied().filter(|cell| is_usable(cell)).collect();
    usable.sort_by(|a, b| a.mean.unwrap_or(f64::NAN).total_cmp(&b.mean.unwrap_or(f64::NAN)));
    let mut clauses = Vec::new();
    if let Some((first, others)) = usable.split_first() {
        clauses.push(format!("{} takes {} {what} on average", first.server, mean(first)));
        for other in others {
            let found = view.servers(topology, &section.workload.name, &other.server, &first.server, "mean");
            clauses.push(set_against(other, found, &first.server));
        }
    }
    clauses.extend(left_out(section.cells.iter().copied()));
    if clauses.is_empty() { format!("{lead}nothing was measured.") } else { format!("{lead}{}.", clauses.join("; ")) }
}

fn set_against(cell: &CellResult, found: Option<Difference>, other: &str) -> String {
    let name = format!("{} ({})", cell.server, mean(cell));
    match found {
        Some(Difference { distinguishable: true, ratio: Some(ratio), ratio_ci95, .. }) => {
            format!("{name} takes {} times as long{}", significant(ratio), interval(ratio_ci95, ""))
        }
        Some(Difference { distinguishable: true, difference, difference_ci95, .. }) => {
            let ends = difference_ci95.map(|ends| ends.map(|end| end / 1e6));
            format!("{name} differs by {} ms{}", signed(difference / 1e6), interval(ends, " ms"))
        }
        Some(Difference { difference_ci95: None, .. }) | None => {
            format!("{name} cannot be told apart from {other}, as fewer than two blocks can be compared")
        }
        Some(_) => format!("{name} cannot be told apart from {other}"),
    }
}

/// What the way to another host adds.
fn network(view: &View<'_>, section: &Section<'_>, topology: &str, baseline: &str) -> String {
    let workload = &section.workload.name;
    let mut clauses = Vec::new();
    for server in &view.manifest.servers {
        let cells = [topology, baseline].map(|topology| section.cell(topology, &server.name));
        let [Some(of), Some(against)] = cells else { continue };
        if !is_usable(of) || !is_usable(against) {
            clauses.push(format!("{} is left out, as one of its cells is invalid", server.name));
            continue;
        }
        let found = view.topology(topology, baseline, &server.name, workload, "mean");
        clauses.push(format!("{} {}", server.name, against_baseline(found)));
    }
    let lead = format!("**{workload}**, {topology} against {baseline}: ");
    if clauses.is_empty() { format!("{lead}nothing was measured.") } else { format!("{lead}{}.", clauses.join("; ")) }
}

fn against_baseline(found: Option<Difference>) -> String {
    match found {
        Some(Difference { distinguishable: true, difference, difference_ci95, ratio, .. }) => {
            let percent = ratio.map_or_else(String::new, |ratio| format!(", {} %", signed((ratio - 1.0) * 100.0)));
            let more = if difference < 0.0 { "less" } else { "more" };
            let ends = difference_ci95.map(|[low, high]| if difference < 0.0 { [-high, -low] } else { [low, high] });
            let ends = interval(ends.map(|ends| ends.map(|end| end / 1e6)), " ms");
            format!("takes {} ms {more}{percent}{ends}", significant(difference.abs() / 1e6))
        }
        Some(Difference { difference, difference_ci95: ends @ Some(_), .. }) => {
            let ends = interval(ends.map(|ends| ends.map(|end| end / 1e6)), " ms");
            format!("differs by {} ms, which cannot be told from zero{ends}", signed(difference / 1e6))
        }
        _ => "has a difference that cannot be told from zero, as fewer than two blocks can be compared".to_owned(),
    }
}

fn left_out<'a>(cells: impl Iterator<Item = &'a CellResult>) -> Option<String> {
    let names: Vec<_> = cells.filter(|cell| !is_usable(cell)).map(|cell| escape(&cell.server)).collect();
    let (verb, whose) = if names.len() == 1 { ("is", "its figures are") } else { ("are", "their figures are") };
    (!names.is_empty()).then(|| format!("{} {verb} left out, as {whose} invalid (see Cells)", names.join(", ")))
}

fn is_usable(cell: &CellResult) -> bool {
    cell.verdict != "invalid" && cell.mean.is_some()
}

fn mean(cell: &CellResult) -> String {
    cell.mean.map_or_else(|| "–".to_owned(), |mean| format!("{} ms", significant(mean / 1e6)))
}

fn interval(ends: Option<[f64; 2]>, unit: &str) -> String {
    let Some([low, high]) = ends else { return String::new() };
    format!(" (95 % interval {} to {}{unit})", significant(low), significant(high))
}
