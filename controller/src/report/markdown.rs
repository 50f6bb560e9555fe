//! `report.md`, from its template.

use std::path::Path;

use minijinja::value::Serde;
use minijinja::{Environment, Value, context};

use super::ReportError;
use super::context::Context;
use super::number::escape;
use super::template;

const REPORT: &str = include_str!("templates/report.md");
const BESIDE: &str = include_str!("templates/beside.md");

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
    let mut environment = template::environment()?;
    environment.add_filter("md", |text: String| escape(&text));
    environment.add_template("report.md", REPORT)?;
    environment.add_template("beside.md", BESIDE)?;
    Ok(environment)
}
