//! A comparison for people: Markdown for a terminal or a pull request, and one page of HTML.

use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Serialize;

use super::document::{CellChange, Document, GateResult, MetricChange, Outcome, Verdict};
use super::words::sentence;
use crate::report::number::{escape, significant};
use crate::report::{html, template};

const MARKDOWN: &str = include_str!("templates/compare.md");
const PAGE: [(&str, &str); 1] = [("compare.html", include_str!("templates/compare.html"))];

/// As Markdown, a line for each figure.
///
/// # Errors
/// When the template cannot be filled in.
pub fn markdown(document: &Document) -> Result<String, minijinja::Error> {
    let mut environment = template::environment()?;
    environment.add_filter("md", |text: String| escape(&text));
    environment.template_from_str(MARKDOWN)?.render(view(document))
}

/// As one page that works offline.
///
/// # Errors
/// When the template cannot be filled in.
pub fn html(document: &Document) -> Result<String, minijinja::Error> {
    let title = format!("{} against {}", document.new.study, document.base.study);
    let charts = Charts::of(document);
    let own = context! { title => title, kind => "comparison", why_no_chart => charts.why_not() };
    html::fill(&PAGE, &charts, context! { ..own, ..view(document) })
}

/// Of more rows nobody reads a chart: the table has them all.
const MOST_ROWS: usize = 60;

/// Everything the templates speak of.
fn view(document: &Document) -> Value {
    let cells: Vec<_> = document.cells.iter().map(Rows::of).collect();
    let gates: Vec<_> = document.gates.iter().map(Judged::of).collect();
    let gates = Value::from(Serde(gates));
    let confidence = format!("{:.2} %", document.confidence * 100.0);
    context! { it => Value::from(Serde(document)), cells => Value::from(Serde(cells)), gates => gates, confidence => confidence }
}

#[derive(Serialize)]
struct Rows<'a> {
    cell: &'a CellChange,
    invalid: bool,
    rows: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    change: &'a MetricChange,
    metric: &'a str,
    base: String,
    new: String,
    sentence: String,
    told: bool,
}

impl<'a> Rows<'a> {
    fn of(cell: &'a CellChange) -> Self {
        let rows = cell.changes.iter().map(|change| {
            let shown = |value: f64| match change.unit.as_str() {
                "ns" => format!("{} ms", significant(value / 1e6)),
                _ => format!("{}/s", significant(value)),
            };
            Row {
                change,
                metric: name(&change.metric),
                base: shown(change.base),
                new: shown(change.new),
                sentence: sentence(change),
                told: matches!(change.verdict, Verdict::Slower | Verdict::Faster),
            }
        });
        Self { cell, invalid: cell.is_invalid(), rows: rows.collect() }
    }
}

fn name(metric: &str) -> &str {
    match metric {
        "throughput_per_s" => "throughput",
        "p999" => "p99.9",
        other => other,
    }
}

/// A gate and the cells that a reader must know of.
#[derive(Serialize)]
struct Judged<'a> {
    gate: &'a str,
    outcome: &'static str,
    cells: Vec<(&'static str, &'a str, &'a str)>,
}

impl<'a> Judged<'a> {
    fn of(result: &'a GateResult) -> Self {
        let has = |outcome| result.cells.iter().any(|cell| cell.outcome == outcome);
        let outcome = match () {
            () if has(Outcome::Tripped) => "tripped",
            () if has(Outcome::Unjudged) => "not judged everywhere",
            () => "passed",
        };
        let word = |outcome| match outcome {
            Outcome::Tripped => Some("tripped"),
            Outcome::Unjudged => Some("not judged"),
            Outcome::Unsure => Some("may be beyond, not sure"),
            Outcome::Passed => None,
        };
        let cells =
            result.cells.iter().filter_map(|cell| Some((word(cell.outcome)?, cell.cell.as_str(), cell.why.as_str())));
        Self { gate: &result.gate, outcome, cells: cells.collect() }
    }
}

/// What the script draws.
#[derive(Serialize)]
struct Charts<'a> {
    confidence: f64,
    changes: [Forest<'a>; 1],
}

#[derive(Serialize)]
struct Forest<'a> {
    rows: Vec<ForestRow<'a>>,
}

/// As those of a report.
#[derive(Serialize)]
struct ForestRow<'a> {
    label: &'a str,
    doubted: bool,
    metrics: Vec<ForestMetric<'a>>,
}

#[derive(Serialize)]
struct ForestMetric<'a> {
    metric: &'a str,
    difference: f64,
    difference_ci95: Option<[f64; 2]>,
    ratio: Option<f64>,
    ratio_ci95: Option<[f64; 2]>,
    distinguishable: bool,
}

impl<'a> Charts<'a> {
    fn of(document: &'a Document) -> Self {
        let rows = document.cells.iter().filter(|cell| !cell.changes.is_empty()).map(|cell| ForestRow {
            label: &cell.cell,
            doubted: cell.is_invalid(),
            metrics: cell.changes.iter().map(metric).collect(),
        });
        Self { confidence: document.confidence, changes: [Forest { rows: rows.collect() }] }
    }

    /// Why there is nothing to draw.
    fn why_not(&self) -> Option<String> {
        let [forest] = &self.changes;
        match forest.rows.len() {
            0 => Some("no two cells have samples that can be compared".to_owned()),
            many if many > MOST_ROWS => Some(format!("{many} cells are too many for a chart; the table has them")),
            _ => None,
        }
    }
}

fn metric(change: &MetricChange) -> ForestMetric<'_> {
    ForestMetric {
        metric: &change.metric,
        difference: change.difference,
        difference_ci95: change.difference_interval,
        ratio: change.ratio,
        ratio_ci95: change.ratio_interval,
        distinguishable: matches!(change.verdict, Verdict::Slower | Verdict::Faster),
    }
}
