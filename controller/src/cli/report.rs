//! `report`: results, reports and exports of a run, made again from its samples.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::say;
use crate::error::Error;
use crate::{export, report, results};

/// Which run, and what to make of it.
#[derive(Clone, Debug, Args)]
pub(super) struct Asked {
    /// The run folder.
    run_dir: PathBuf,
    /// What to make; default: json, md and html.
    #[arg(long, value_delimiter = ',', value_enum, default_values_t = [Format::Json, Format::Md, Format::Html], hide_default_value = true)]
    format: Vec<Format>,
}

/// What can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// report.md and the graphs.
    Md,
    /// report.html, one file that works offline.
    Html,
    /// results.json, results_local.json, results_remote.json.
    Json,
    /// cells.csv and comparisons.csv.
    Csv,
    /// histograms.hlog, an HdrHistogram V2 interval log.
    Hgrm,
}

pub(super) fn run(asked: &Asked) -> Result<(), Error> {
    let folder = &asked.run_dir;
    let wants = |format| asked.format.contains(&format);
    let mut made = Vec::new();
    if [Format::Json, Format::Md, Format::Html, Format::Csv].into_iter().any(wants) {
        let results = results::compute(folder)?;
        if wants(Format::Json) {
            results::write(folder, &results)?;
            made.push(folder.join("results.json"));
        }
        if wants(Format::Md) {
            made.push(report::write(folder, &results)?);
        }
        if wants(Format::Html) {
            made.push(report::write_page(folder, &results)?);
        }
        if wants(Format::Csv) {
            made.extend(export::csv::write(folder, &results)?);
        }
    }
    if wants(Format::Hgrm) {
        made.push(export::histograms::write(folder)?);
    }
    say(&made.iter().map(|path| format!("made {}\n", path.display())).collect::<String>());
    Ok(())
}
