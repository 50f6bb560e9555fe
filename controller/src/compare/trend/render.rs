//! A trend for people.

use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Serialize;

use super::chart::{self, Chart};
use super::{Point, Series, Study, Trend};
use crate::compare::words::sentence;
use crate::report::number::escape;
use crate::report::{html, template};

const MARKDOWN: &str = include_str!("templates/trend.md");
const PAGE: [(&str, &str); 1] = [("trend.html", include_str!("templates/trend.html"))];

/// As Markdown.
///
/// # Errors
/// When the template cannot be filled in.
pub fn markdown(trend: &Trend) -> Result<String, minijinja::Error> {
    let mut environment = template::environment()?;
    environment.add_filter("md", |text: String| escape(&text));
    environment.template_from_str(MARKDOWN)?.render(view(trend))
}

/// As one page that works offline.
///
/// # Errors
/// When the template cannot be filled in.
pub fn html(trend: &Trend) -> Result<String, minijinja::Error> {
    let own = context! { title => format!("Trend of {}", trend.folder), kind => "trend" };
    // Its charts are drawn already.
    html::fill(&PAGE, &(), context! { ..own, ..view(trend) })
}

fn view(trend: &Trend) -> Value {
    let studies: Vec<_> = trend.studies.iter().map(StudyView::of).collect();
    context! { trend => Value::from(Serde(trend)), studies => Value::from(Serde(studies)) }
}

#[derive(Serialize)]
struct StudyView<'a> {
    study: &'a Study,
    told: Vec<Told<'a>>,
    series: Vec<SeriesView<'a>>,
}

/// A change that is told apart.
#[derive(Serialize)]
struct Told<'a> {
    cell: &'a str,
    metric: &'a str,
    run: &'a str,
    against: &'a str,
    sentence: String,
}

#[derive(Serialize)]
struct SeriesView<'a> {
    series: &'a Series,
    chart: Option<Chart>,
    rows: Vec<RowView<'a>>,
}

#[derive(Serialize)]
struct RowView<'a> {
    run: &'a str,
    started: &'a str,
    point: Option<&'a Point>,
    /// What can be said of it beside the one before.
    remark: String,
}

impl<'a> StudyView<'a> {
    fn of(study: &'a Study) -> Self {
        let told = study.series.iter().flat_map(|series| told(study, series)).collect();
        let series = study.series.iter().map(|series| SeriesView {
            series,
            chart: chart::of(series),
            rows: rows(study, series),
        });
        Self { study, told, series: series.collect() }
    }
}

fn told<'a>(study: &'a Study, series: &'a Series) -> impl Iterator<Item = Told<'a>> {
    let points = study.runs.iter().zip(&series.points).filter_map(|(run, point)| Some((run, point.as_ref()?)));
    points.flat_map(|(run, point)| {
        point.changes.iter().map(|change| Told {
            cell: &series.cell,
            metric: &change.metric,
            run: &run.folder,
            against: before(study, point),
            sentence: sentence(change),
        })
    })
}

fn before<'a>(study: &'a Study, point: &Point) -> &'a str {
    point.against.and_then(|place| study.runs.get(place)).map_or("", |run| run.folder.as_str())
}

fn rows<'a>(study: &'a Study, series: &'a Series) -> Vec<RowView<'a>> {
    let row = |(run, point): (&'a super::RunMark, &'a Option<Point>)| RowView {
        run: &run.folder,
        started: &run.started,
        point: point.as_ref(),
        remark: point.as_ref().map_or_else(|| "not in the run".to_owned(), |point| remark(study, point)),
    };
    study.runs.iter().zip(&series.points).map(row).collect()
}

fn remark(study: &Study, point: &Point) -> String {
    let figures = point.changes.iter().filter(|it| ["p50", "p99"].contains(&it.metric.as_str()));
    let changes: Vec<String> = figures.map(|it| format!("{} {}", it.metric, sentence(it))).collect();
    match (point.against, point.obstacles.first()) {
        _ if point.verdict == "invalid" => point.reasons.first().cloned().unwrap_or_default(),
        (None, _) => "nothing before it to compare with".to_owned(),
        (_, Some(it)) => {
            format!("not comparable with {}: {} {} there, {} here", before(study, point), it.field, it.base, it.new)
        }
        _ if !changes.is_empty() => changes.join("; "),
        _ if point.changes.is_empty() => "no difference can be told".to_owned(),
        _ => "no difference of p50 and p99 can be told; other figures differ".to_owned(),
    }
}
