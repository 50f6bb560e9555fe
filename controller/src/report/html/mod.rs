//! `report.html`: the run as one page, which needs nothing but itself.
//!
//! Words and tables come from the templates and are there without JavaScript; the page's own script draws the charts from one
//! JSON element. The page loads nothing and sends nothing: its Content-Security-Policy allows its own style and script, by hash.

mod embed;
mod figures;
mod forest;
mod headline;
mod loads;
mod marked;
mod ways;

use std::path::Path;

use minijinja::value::Serde;
use minijinja::{Environment, Value, context, escape_formatter};
use serde::Serialize;

use self::embed::{json, policy};
use self::figures::Figures;
use super::context::Context;
use super::view::View;
use super::{ReportError, template};
use crate::plain::plain;
use crate::results::curves::Curves;

const STYLE: &str = concat!(include_str!("page/style.css"), include_str!("page/parts.css"));
/// Each file uses what those before it define.
const SCRIPT: &str = concat!(
    "\"use strict\";\n",
    include_str!("page/numbers.js"),
    include_str!("page/scales.js"),
    include_str!("page/drawing.js"),
    include_str!("page/chart.js"),
    include_str!("page/lines.js"),
    include_str!("page/rows.js"),
    include_str!("page/figures.js"),
    include_str!("page/tables.js"),
    include_str!("page/page.js"),
);
/// What pages share.
const SHARED: [(&str, &str); 2] =
    [("frame.html", include_str!("templates/frame.html")), ("macros.html", include_str!("templates/macros.html"))];
const TEMPLATES: [(&str, &str); 9] = [
    ("report.html", include_str!("templates/report.html")),
    ("cells.html", include_str!("templates/cells.html")),
    ("figures.html", include_str!("templates/figures.html")),
    ("comparisons.html", include_str!("templates/comparisons.html")),
    ("noise.html", include_str!("templates/noise.html")),
    ("beside.html", include_str!("templates/beside.html")),
    ("hosts.html", include_str!("templates/hosts.html")),
    ("run.html", include_str!("templates/run.html")),
    ("reading.html", include_str!("templates/reading.html")),
];

/// The page; `plan` is the plan's text, and `path` where the page will be, for errors.
pub(super) fn render(
    view: &View<'_>,
    context: &Context<'_>,
    curves: &Curves,
    plan: Option<&str>,
    path: &Path,
) -> Result<String, ReportError> {
    let metrics = shown_metrics(view.results.comparisons.len());
    let figures = Figures::new(view, curves, metrics);
    let own = context! {
        title => &view.manifest.study,
        kind => "report",
        figures => Value::from(Serde(&figures)),
        headline => Value::from(Serde(headline::of(view))),
        beside => Value::from(Serde(&context.beside)),
        metrics => Value::from(Serde(metrics)),
        most_charts => MOST_CHARTS,
        plan => plan.map(|plan| plan.replace('\t', "    ")),
    };
    fill(&TEMPLATES, &figures, context! { ..own, ..Value::from(Serde(context)) })
        .map_err(|source| ReportError::Template { path: path.to_path_buf(), source })
}

/// A page in the frame that all have: the first of `templates`, which uses the others, and `data` for the charts of the script.
pub(crate) fn fill(
    templates: &[(&'static str, &'static str)],
    data: &impl Serialize,
    context: Value,
) -> Result<String, minijinja::Error> {
    let mut environment = environment()?;
    for &(name, source) in templates {
        environment.add_template(name, source)?;
    }
    let own = context! {
        policy => policy(STYLE, SCRIPT),
        style => Value::from_safe_string(STYLE.to_owned()),
        script => Value::from_safe_string(SCRIPT.to_owned()),
        data => Value::from_safe_string(json(data)?),
    };
    let name = templates.first().map_or("frame.html", |(name, _)| name);
    environment.get_template(name)?.render(context! { ..own, ..context })
}

/// Comparisons of more are too much for a page: `results.json` has them all.
const MOST_COMPARISONS: usize = 4_000;
/// Charts of one kind; of more a reader chooses one at a time.
const MOST_CHARTS: usize = 12;

/// Of which metrics the page has every comparison.
fn shown_metrics(comparisons: usize) -> &'static [&'static str] {
    const ALL: &[&str] = &["mean", "p50", "p90", "p95", "p99", "p999", "throughput_per_s"];
    match comparisons {
        few if few <= MOST_COMPARISONS => ALL,
        // One in seven is of the mean.
        _ => &["mean"],
    }
}

/// A time of `run.json` to the second.
fn moment(time: String) -> String {
    let (date, time) = time.split_once('T').unwrap_or((&time, ""));
    let seconds = time.split(['.', 'Z']).next().unwrap_or_default();
    format!("{date} {seconds}")
}

fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = template::environment()?;
    environment.add_filter("moment", moment);
    environment.add_filter("marked", |text: String| Value::from_safe_string(marked::html(&text)));
    // Whatever a name or an error has in it, the page shows it and obeys none of it.
    environment.set_formatter(|out, state, value| match value.as_str() {
        Some(text) if !value.is_safe() => escape_formatter(out, state, &Value::from(plain(text))),
        _ => escape_formatter(out, state, value),
    });
    for (name, source) in SHARED {
        environment.add_template(name, source)?;
    }
    Ok(environment)
}
