//! `report.md`, from its template.

use std::path::Path;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value, context};

use super::ReportError;
use super::context::Context;
use super::number::{escape, signed, significant};
use super::view;
use crate::store::manifest::WorkloadRecord;

const REPORT: &str = include_str!("templates/report.md");
const BESIDE: &str = include_str!("templates/beside.md");
const NOTHING: &str = "–";

/// The report as text; `path` is where it will be, for errors.
pub(super) fn render(context: &Context<'_>, path: &Path) -> Result<String, ReportError> {
    let fill = || {
        let environment = environment()?;
        // Apart: whether there is anything to set beside the run changes nothing else.
        let beside = context.beside.as_ref().map(|beside| environment.get_template("beside.md")?.render(Serde(beside)));
        let beside = beside.transpose()?.unwrap_or_default();
        environment.get_template("report.md")?.render(context! { beside, ..Value::from(Serde(context)) })
    };
    fill().map_err(|source| ReportError::Template { path: path.to_path_buf(), source })
}

fn environment() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment
        .set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build()?);
    environment.add_filter("ms", |ns: Option<f64>| shown(ns, |ns| significant(ns / 1e6)));
    environment.add_filter("us", |ns: Option<f64>| shown(ns, |ns| significant(ns / 1e3)));
    environment.add_filter("signed_s", |ns: Option<f64>| shown(ns, |ns| format!("{:+.6}", ns / 1e9)));
    environment.add_filter("signed_ppm", |ppb: Option<f64>| shown(ppb, |ppb| signed(ppb / 1e3)));
    environment.add_filter("signed_ms", |ns: Option<f64>| shown(ns, |ns| signed(ns / 1e6)));
    environment.add_filter("number", |value: Option<f64>| shown(value, significant));
    environment.add_filter("percent", |share: Option<f64>| shown(share, percent));
    environment
        .add_filter("increase", |ratio: Option<f64>| shown(ratio, |it| format!("{} %", signed((it - 1.0) * 100.0))));
    environment.add_filter("mib", |bytes: Option<f64>| shown(bytes, |bytes| significant(bytes / 1_048_576.0)));
    environment.add_filter("interval", |ends: Option<Vec<f64>>| interval(ends, 1.0));
    environment.add_filter("interval_ms", |ends: Option<Vec<f64>>| interval(ends, 1e6));
    environment.add_filter("with_interval", with_interval);
    environment.add_filter("kind", |kind: String| link_kind(&kind));
    environment.add_filter("md", |text: String| escape(&text));
    environment.add_filter("clients", |workload: Serde<WorkloadRecord>| view::clients(&workload.0));
    environment.add_template("report.md", REPORT)?;
    environment.add_template("beside.md", BESIDE)?;
    Ok(environment)
}

fn shown(value: Option<f64>, show: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| NOTHING.to_owned(), show)
}

/// All of them, or not: 99.99 % must not look like 100 %.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent == 100.0 { "100 %".to_owned() } else { format!("{:.2} %", (percent * 100.0).floor() / 100.0) }
}

fn interval(ends: Option<Vec<f64>>, unit: f64) -> String {
    match ends.as_deref() {
        Some(&[low, high]) => format!("{} to {}", significant(low / unit), significant(high / unit)),
        _ => NOTHING.to_owned(),
    }
}

/// A link's kind as readers know it, with the kernel's word where that is another.
fn link_kind(kind: &str) -> String {
    let known = match kind {
        "" => return "not known".to_owned(),
        "veth" => "virtual ethernet",
        "tun" => "tun/tap",
        "bond" => "bonded",
        "vlan" => "VLAN",
        _ => return escape(kind),
    };
    format!("{known} ({kind})")
}

/// A figure in nanoseconds and half the width of its interval, in milliseconds with as many decimals.
fn with_interval(ns: Option<f64>, ends: Option<Vec<f64>>) -> String {
    let Some(ns) = ns else { return NOTHING.to_owned() };
    let value = significant(ns / 1e6);
    let decimals = value.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    match ends.as_deref() {
        Some(&[low, high]) => format!("{value} ± {:.decimals$}", (high - low) / 2e6),
        _ => format!("{value} (no interval)"),
    }
}
