//! Which graphs a run has, and of what.

mod figure;

use std::fs;
use std::path::Path;

use serde::Serialize;

use self::figure::{Drawn, Figure, HeatMap, Panel, Point, Series, Shape};
use super::ReportError;
use super::pairs::{Pairs, hosts_of_pairs};
use super::view::{Section, View, clients};
use super::ways::PARTS;
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

impl Graph {
    fn of(name: &'static str, planned: Result<Drawing, String>) -> Self {
        match planned {
            Ok(drawing) => Self { name, drawn: true, note: drawing.note(), alt: drawing.title().to_owned() },
            Err(why) => Self { name, drawn: false, note: why, alt: String::new() },
        }
    }
}

/// More topologies than this are more lines, or bars of one group, than anyone tells apart.
const MOST_TOPOLOGIES: usize = 4;

enum Drawing {
    Figure(Figure),
    HeatMap(HeatMap),
}

impl Drawing {
    fn draw(&self) -> Result<Drawn, String> {
        match self {
            Self::Figure(figure) => figure.draw(),
            Self::HeatMap(map) => map.draw(),
        }
    }

    fn title(&self) -> &str {
        match self {
            Self::Figure(figure) => &figure.title,
            Self::HeatMap(map) => &map.title,
        }
    }

    fn note(&self) -> String {
        let (sign, without) = match self {
            Self::Figure(Figure { shape: Shape::Stacked, .. }) => ("", false),
            Self::Figure(figure) => ("whisker", figure.points().any(|point| point.interval.is_none())),
            Self::HeatMap(map) => ("±", map.points().any(|point| point.interval.is_none())),
        };
        if without {
            format!("Where there is no {sign}, there is no interval: *How to read this* says when.")
        } else {
            String::new()
        }
    }
}

/// Draws all graphs into `graphs/`.
pub(super) fn write(run_folder: &Path, view: &View<'_>) -> Result<Vec<Graph>, ReportError> {
    let folder = run_folder.join("graphs");
    fs::create_dir_all(&folder).map_err(|source| FolderError { path: folder.clone(), source })?;
    let mut graphs = Vec::new();
    for (name, planned) in planned(view) {
        if let Ok(drawing) = &planned {
            let drawn = drawing.draw().map_err(|what| ReportError::Draw { path: folder.join(name), what })?;
            write_atomically(&folder.join(format!("{name}.svg")), drawn.svg.as_bytes())?;
            write_atomically(&folder.join(format!("{name}.png")), &drawn.png)?;
        }
        graphs.push(Graph::of(name, planned));
    }
    Ok(graphs)
}

/// The graphs that [`write`] would draw.
pub(super) fn described(view: &View<'_>) -> Vec<Graph> {
    planned(view).into_iter().map(|(name, planned)| Graph::of(name, planned)).collect()
}

/// A section that has something to draw.
fn measured(section: Section<'_>) -> Result<Section<'_>, String> {
    if section.cells.is_empty() {
        return Err(format!("workload {} was not run", section.workload.name));
    }
    if section.cells.iter().all(|cell| cell.mean.is_none()) {
        return Err(format!("no sample of workload {} succeeded", section.workload.name));
    }
    Ok(section)
}

fn planned(view: &View<'_>) -> Vec<(&'static str, Result<Drawing, String>)> {
    let latency = || measured(view.latency().ok_or("the plan has no closed workload")?);
    let connect = || measured(view.connect().ok_or("the plan has no workload of kind connect")?);
    let mut graphs = vec![
        (
            "connection_time_comparison",
            connect().map(|it| {
                Drawing::Figure(means(view, &it, "Time until a connection can carry its first call", view.topologies()))
            }),
        ),
        (
            "latency_comparison",
            latency().map(|it| Drawing::Figure(means(view, &it, "Time of one call", view.topologies()))),
        ),
        ("percentile_comparison", latency().map(|it| Drawing::Figure(percentiles(view, &it)))),
    ];
    if view.results.cells.iter().any(|cell| cell.parts.contains_key("server") || !cell.unpaired.is_empty()) {
        graphs.push(("where_the_time_goes", latency().and_then(|it| ways(view, &it).map(Drawing::Figure))));
    }
    if view.manifest.topologies.iter().any(|topology| topology.baseline.is_some()) {
        graphs.push(("localhost_vs_lan_comparison", latency().map(|it| Drawing::Figure(across(view, &it)))));
    }
    if let Some(hosts) = hosts_of_pairs(view.manifest) {
        graphs.push(("host_pairs", latency().map(|it| Drawing::HeatMap(pairs(&Pairs::new(view, it, hosts))))));
    }
    graphs
}

/// By topology, a bar for each server.
fn means(view: &View<'_>, section: &Section<'_>, title: &str, topologies: Vec<String>) -> Figure {
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

/// By server, a bar for each topology that has a baseline or is one; by topology, a bar for each server, where those are
/// too many.
fn across(view: &View<'_>, section: &Section<'_>) -> Figure {
    const TITLE: &str = "Time of one call, topology by topology";
    let baselines: Vec<_> = view.manifest.topologies.iter().filter_map(|it| it.baseline.as_ref()).collect();
    let concerned = view.manifest.topologies.iter().filter(|it| it.baseline.is_some() || baselines.contains(&&it.name));
    let topologies: Vec<_> = concerned.map(|it| it.name.clone()).collect();
    if topologies.len() > MOST_TOPOLOGIES {
        return means(view, section, TITLE, topologies);
    }
    let servers: Vec<_> = view.manifest.servers.iter().map(|server| server.name.clone()).collect();
    let series = topologies.iter().enumerate().map(|(place, topology)| Series {
        name: topology.clone(),
        colour: place,
        style: 0,
        points: servers.iter().map(|server| section.cell(topology, server).and_then(mean)).collect(),
    });
    Figure {
        title: TITLE.to_owned(),
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
    let mut topologies = view.topologies();
    let left_out = topologies.len().saturating_sub(MOST_TOPOLOGIES);
    topologies.truncate(MOST_TOPOLOGIES);
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
        about: match left_out {
            0 => about(section, &topologies),
            more => format!("{} (the tables have {more} more)", about(section, &topologies)),
        },
        marks: "exact samples of all blocks",
        x_label: "Percentile".to_owned(),
        y_label: "Time (ms)".to_owned(),
        shape: Shape::Lines,
        categories: METRICS.iter().map(|(_, label)| (*label).to_owned()).collect(),
        series,
    }
}

/// By server and topology, the mean of each part above the others.
fn ways(view: &View<'_>, section: &Section<'_>) -> Result<Figure, String> {
    if !section.cells.iter().any(|cell| cell.parts.contains_key("server")) {
        return Err(format!("no call of workload {} could be taken apart", section.workload.name));
    }
    let mut topologies = view.topologies();
    topologies.truncate(MOST_TOPOLOGIES);
    let places = view.manifest.servers.iter().flat_map(|server| topologies.iter().map(move |it| (&server.name, it)));
    let cells: Vec<_> = places.map(|(server, topology)| (server, topology, section.cell(topology, server))).collect();
    let series = PARTS.iter().enumerate().map(|(place, (part, name))| Series {
        name: (*name).to_owned(),
        colour: place,
        style: 0,
        points: cells
            .iter()
            .map(|(.., cell)| Some(Point { value: cell.as_ref()?.parts.get(*part)?.mean? / 1e6, interval: None }))
            .collect(),
    });
    Ok(Figure {
        title: "Where the time of one call goes".to_owned(),
        about: about(section, &topologies),
        marks: "bars: means, one above the other",
        x_label: "Server".to_owned(),
        y_label: "Mean (ms)".to_owned(),
        shape: Shape::Stacked,
        series: series.collect(),
        categories: cells
            .iter()
            .map(
                |(server, topology, _)| {
                    if topologies.len() > 1 { format!("{server}, {topology}") } else { (*server).clone() }
                },
            )
            .collect(),
    })
}

/// A field of colours for each server.
fn pairs(pairs: &Pairs<'_>) -> HeatMap {
    let hosts: Vec<_> = pairs.hosts.iter().map(|host| (*host).to_owned()).collect();
    let panels = pairs.servers.iter().map(|it| Panel {
        name: it.server.to_owned(),
        values: it.rows.iter().map(|row| row.cells.iter().map(|cell| cell.and_then(mean)).collect()).collect(),
    });
    HeatMap {
        title: "Time of one call between every pair of hosts (ms)".to_owned(),
        about: format!("workload {} ({})", pairs.workload.name, clients(pairs.workload)),
        x_label: "Host that serves".to_owned(),
        y_label: "Host that drives".to_owned(),
        rows: hosts.clone(),
        columns: hosts,
        panels: panels.collect(),
    }
}

fn about(section: &Section<'_>, topologies: &[String]) -> String {
    let topologies = match topologies.len() {
        // Their names are at the axis.
        many if many > MOST_TOPOLOGIES => format!("{many} topologies"),
        _ => topologies.join(", "),
    };
    format!("workload {} ({}); {topologies}", section.workload.name, section.clients())
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
