//! `trend`: a folder of runs as one page.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::say;
use crate::compare::trend::{self, Trend};
use crate::error::Error;
use crate::report::ReportError;
use crate::store::write_atomically;

/// Which runs, and how they are told.
#[derive(Clone, Debug, Args)]
pub(super) struct Asked {
    /// The folder that run folders are in, such as results.
    folder: PathBuf,
    /// What to make; default: both.
    #[arg(long, value_delimiter = ',', value_enum)]
    format: Vec<Format>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// trend.html, one page that works offline.
    Html,
    /// trend.md.
    Md,
}

pub(super) fn run(asked: &Asked) -> Result<(), Error> {
    let trend = Trend::of(&asked.folder)?;
    for format in [Format::Html, Format::Md] {
        if !asked.format.is_empty() && !asked.format.contains(&format) {
            continue;
        }
        let (name, text) = match format {
            Format::Html => ("trend.html", trend::html(&trend)),
            Format::Md => ("trend.md", trend::markdown(&trend)),
        };
        let path = asked.folder.join(name);
        let text = text.map_err(|source| ReportError::Template { path: path.clone(), source })?;
        write_atomically(&path, text.as_bytes()).map_err(ReportError::from)?;
        say(&format!("made {}\n", path.display()));
    }
    Ok(())
}
