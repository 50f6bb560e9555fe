//! Differences with their intervals, one below the other.

use serde::Serialize;

use super::super::view::View;
use crate::results::schema::ComparisonResult;

/// Of more rows nobody reads a chart: the table has them all.
const MOST_ROWS: usize = 60;

/// Some comparisons of one kind.
#[derive(Serialize)]
pub(super) struct Forest<'a> {
    title: String,
    /// Why it cannot be drawn.
    why: Option<String>,
    rows: Vec<Row<'a>>,
}

/// Two cells.
#[derive(Serialize)]
struct Row<'a> {
    label: String,
    /// Whether one of them is invalid.
    doubted: bool,
    metrics: Vec<Compared<'a>>,
}

#[derive(Serialize)]
struct Compared<'a> {
    metric: &'a str,
    difference: f64,
    difference_ci95: Option<[f64; 2]>,
    ratio: Option<f64>,
    ratio_ci95: Option<[f64; 2]>,
    distinguishable: bool,
}

/// One for each topology that has a baseline, of the comparisons that are shown.
pub(super) fn topologies<'a>(view: &View<'a>, shown: &[&'a ComparisonResult]) -> Vec<Forest<'a>> {
    let pairs = view.manifest.topologies.iter().filter_map(|it| Some((it.name.as_str(), it.baseline.as_deref()?)));
    let forests = pairs.map(|(of, against)| {
        let concerned = |it: &ComparisonResult| it.kind == "topology" && it.of == of && it.against == against;
        let label = |it: &ComparisonResult| format!("{}: {}", it.workload, it.server.as_deref().unwrap_or_default());
        forest(view, format!("{of} against {against}"), shown.iter().copied().filter(|it| concerned(it)), label)
    });
    forests.collect()
}

/// One for each workload over each topology, likewise.
pub(super) fn servers<'a>(view: &View<'a>, shown: &[&'a ComparisonResult]) -> Vec<Forest<'a>> {
    if view.manifest.servers.len() < 2 {
        return Vec::new();
    }
    let workloads = view.manifest.workloads.iter().map(|workload| workload.name.as_str());
    let places =
        workloads.flat_map(|workload| view.manifest.topologies.iter().map(move |it| (it.name.as_str(), workload)));
    let forests = places.map(|(topology, workload)| {
        let concerned = |it: &ComparisonResult| {
            it.kind == "server" && it.topology.as_deref() == Some(topology) && it.workload == workload
        };
        let label = |it: &ComparisonResult| format!("{} against {}", it.of, it.against);
        forest(view, format!("{workload} on {topology}"), shown.iter().copied().filter(|it| concerned(it)), label)
    });
    forests.collect()
}

fn forest<'a>(
    view: &View<'a>,
    title: String,
    compared: impl Iterator<Item = &'a ComparisonResult>,
    label: impl Fn(&ComparisonResult) -> String,
) -> Forest<'a> {
    let mut rows: Vec<Row<'a>> = Vec::new();
    for it in compared {
        let label = label(it);
        let metric = Compared {
            metric: &it.metric,
            difference: it.difference,
            difference_ci95: it.difference_ci95,
            ratio: it.ratio,
            ratio_ci95: it.ratio_ci95,
            distinguishable: it.distinguishable,
        };
        match rows.last_mut().filter(|row| row.label == label) {
            Some(row) => row.metrics.push(metric),
            None => rows.push(Row { label, doubted: is_doubted(view, it), metrics: vec![metric] }),
        }
    }
    let why = match rows.len() {
        0 => Some("no two cells of it have samples that can be compared".to_owned()),
        many if many > MOST_ROWS => {
            Some(format!("{many} pairs are too many for a chart; the table of comparisons has them"))
        }
        _ => None,
    };
    Forest { title, rows: if why.is_some() { Vec::new() } else { rows }, why }
}

fn is_doubted(view: &View<'_>, it: &ComparisonResult) -> bool {
    let cell = |name: &str| match (&it.server, &it.topology) {
        (Some(server), _) => view.cell(name, server, &it.workload),
        (_, Some(topology)) => view.cell(topology, name, &it.workload),
        _ => None,
    };
    [&it.of, &it.against].iter().any(|name| cell(name).is_some_and(|cell| cell.verdict == "invalid"))
}
