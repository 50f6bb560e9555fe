//! Which graphs a run has, and of what.

mod figure;

use std::fs;
use std::path::Path;

use serde::Serialize;

use self::figure::{Figure, Point, Series, Shape};
use super::ReportError;
use super::view::{Section, View};
use crate::results::schema::CellResult;
use crate::store::{FolderError, write_atomically};

/// A graph of the report: where it is, or why it was left out.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Graph {
    pub(super) name: &'static str,
    /// What a reader who cannot see it is told.
    pub(super) alt: String,
    pub(super) drawn: bool,
    /// Empty where there is nothing to add.
    pub(super) note: String,
}

/// Draws all graphs into `graphs/`.
pub(super) fn write(run_folder: &Path, view: &View<'_>) -> Result<Vec<Graph>, ReportError> {
    let folder = run_folder.join("graphs");
    fs::create_dir_all(&folder).map_err(|source| FolderError { path: folder.clone(), source })?;
    let mut graphs = Vec::new();
    for (name, planned) in planned(view) {
        let graph = match planned {
            Ok(figure) => {
                let drawn = figure.draw().map_err(|what| ReportError::Draw { path: folder.join(name), what })?;
                write_atomically(&folder.join(format!("{name}.svg")), drawn.svg.as_bytes())?;
                write_atomically(&folder.join(format!("{name}.png")), &drawn.png)?;
                Graph { name, drawn: true, note: note(&figure), alt: figure.title }
            }
            Err(why) => Graph { name, drawn: false, note: why, alt: String::new() },
        };
        graphs.push(graph);
    }
    Ok(graphs)
}

fn note(figure: &Figure) -> String {
    let without = figure.points().any(|point| point.interval.is_none());
    if without {
        "Where there is no whisker, there is no interval: it takes two blocks or more.".to_owned()
    } else {
        String::new()
    }
}

fn planned(view: &View<'_>) -> Vec<(&'static str, Result<Figure, String>)> {
    let latency = || {
        let section = view.latency().ok_or("the plan has no closed workload")?;
        if section.cells.iter().all(|cell| cell.mean.is_none()) {
            return Err(format!("no sample of workload {} succeeded", section.workload.name));
        }
        Ok(section)
    };
    let connect = || {
        let section = view.connect().ok_or("the plan has no workload of kind connect")?;
        if section.cells.iter().all(|cell| cell.mean.is_none()) {
            return Err(format!("no sample of workload {} succeeded", section.workload.name));
        }
        Ok(section)
    };
    let mut graphs = vec![
        (
            "connection_time_comparison",
            connect().map(|it| means(view, &it, "Time until a connection can carry its first call")),
        ),
        ("latency_comparison", latency().map(|it| means(view, &it, "Time of one call"))),
        ("percentile_comparison", latency().map(|it| percentiles(view, &it))),
    ];
    if view.manifest.topologies.iter().any(|topology| topology.baseline.is_some()) {
        graphs.push(("localhost_vs_lan_comparison", latency().map(|it| across(view, &it))));
    }
    graphs
}

/// By topology, a bar for each server.
fn means(view: &View<'_>, section: &Section<'_>, title: &str) -> Figure {
    let topologies = view.topologies();
    let series = view.manifest.servers.iter().enumerate().map(|(place, server)| Series {
        name: server.name.clone(),
        colour: place,
        style: 0,
        points: topologies.iter().map(|topology| section.cell(topology, &server.name).and_then(mean)).collect(),
    });
    Figure {
        title: title.to_owned(),
        about: about(section, &topologies),
        marks: "bars: mean",
        x_label: "Topology".to_owned(),
        y_label: "Mean (ms)".to_owned(),
        shape: Shape::Bars,
        series: series.collect(),
        categories: topologies,
    }
}

/// By server, a bar for each topology.
fn across(view: &View<'_>, section: &Section<'_>) -> Figure {
    let topologies = view.topologies();
    let servers: Vec<_> = view.manifest.servers.iter().map(|server| server.name.clone()).collect();
    let series = topologies.iter().enumerate().map(|(place, topology)| Series {
        name: topology.clone(),
        colour: place,
        style: 0,
        points: servers.iter().map(|server| section.cell(topology, server).and_then(mean)).collect(),
    });
    Figure {
        title: "Time of one call, topology by topology".to_owned(),
        about: about(section, &topologies),
        marks: "bars: mean",
        x_label: "Server".to_owned(),
        y_label: "Mean (ms)".to_owned(),
        shape: Shape::Bars,
        series: series.collect(),
        categories: servers,
    }
}

fn percentiles(view: &View<'_>, section: &Section<'_>) -> Figure {
    const METRICS: [(&str, &str); 5] =
        [("p50", "p50"), ("p90", "p90"), ("p95", "p95"), ("p99", "p99"), ("p999", "p99.9")];
    let topologies = view.topologies();
    let mut series = Vec::new();
    for (style, topology) in topologies.iter().enumerate() {
        for (colour, server) in view.manifest.servers.iter().enumerate() {
            let several = topologies.len() > 1;
            let name = if several { format!("{}, {topology}", server.name) } else { server.name.clone() };
            let cell = section.cell(topology, &server.name);
            let points = METRICS.iter().map(|(metric, _)| point(cell?, metric)).collect();
            series.push(Series { name, colour, style, points });
        }
    }
    Figure {
        title: "Percentiles of the time of one call".to_owned(),
        about: about(section, &topologies),
        marks: "exact samples of all blocks",
        x_label: "Percentile".to_owned(),
        y_label: "Time (ms)".to_owned(),
        shape: Shape::Lines,
        categories: METRICS.iter().map(|(_, label)| (*label).to_owned()).collect(),
        series,
    }
}

fn about(section: &Section<'_>, topologies: &[String]) -> String {
    format!("workload {} ({}); {}", section.workload.name, section.clients(), topologies.join(", "))
}

fn mean(cell: &CellResult) -> Option<Point> {
    point(cell, "mean")
}

/// A metric in milliseconds.
fn point(cell: &CellResult, metric: &str) -> Option<Point> {
    let value = match metric {
        "mean" => cell.mean,
        "p50" => cell.p50,
        "p90" => cell.p90,
        "p95" => cell.p95,
        "p99" => cell.p99,
        _ => cell.p999,
    }?;
    let interval = cell.ci95.get(metric).copied().flatten();
    Some(Point { value: value / 1e6, interval: interval.map(|ends| ends.map(|end| end / 1e6)) })
}
