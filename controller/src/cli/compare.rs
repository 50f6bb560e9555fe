//! `compare`: what has changed, and whether CI may go on.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::say;
use crate::compare::document::{Document, Outcome};
use crate::compare::gate::Gate;
use crate::compare::{self, Axis, Run, Wanted};
use crate::error::Error;
use crate::report::ReportError;
use crate::store::{FolderError, write_atomically};

/// What is set against what, and how it is told.
#[derive(Clone, Debug, Args)]
pub(super) struct Asked {
    /// The run folder that is set against; with --topology or --server the run that both are in.
    base: PathBuf,
    /// The run folder that is looked at.
    #[arg(required_unless_present_any = ["topology", "server"], conflicts_with_all = ["topology", "server", "against"])]
    new: Option<PathBuf>,
    /// Look at this topology of the run.
    #[arg(long, value_name = "NAME", requires = "against", conflicts_with = "server")]
    topology: Option<String>,
    /// Look at this server of the run.
    #[arg(long, value_name = "NAME", requires = "against")]
    server: Option<String>,
    /// The topology or server of the same run that is set against.
    #[arg(long, value_name = "NAME")]
    against: Option<String>,
    /// Exit with 3 where a change is sure to be beyond this, such as "p99 > 5%", "p50 > 200us", "throughput < -5%"; with 4
    /// where a cell cannot be judged. Can be given several times.
    #[arg(long, value_name = "EXPR")]
    gate: Vec<Gate>,
    /// Compare only cells whose name (topology/server/workload/driver, without what is compared) matches; * and ? are wild.
    #[arg(long, value_name = "GLOB")]
    only: Option<String>,
    /// Compare also what is not comparable; it is then said in what cells differ.
    #[arg(long)]
    force: bool,
    /// How to tell it.
    #[arg(long, value_delimiter = ',', value_enum, default_value = "md")]
    format: Vec<Format>,
    /// Write compare.md, compare.json and compare.html there instead of one of them to stdout.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// How a comparison is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A line for each figure.
    Md,
    /// All of it, for programs.
    Json,
    /// One page that works offline.
    Html,
}

pub(super) fn run(asked: &Asked) -> Result<(), Error> {
    let (axis, new) = sides(asked)?;
    if asked.format.len() > 1 && asked.out.is_none() {
        return Err(Error::Usage("several formats need a folder to be written to: --out DIR".to_owned()));
    }
    let wanted = Wanted { only: asked.only.clone(), force: asked.force, gates: asked.gate.clone() };
    let base = Run::open(&asked.base)?;
    let other = new.map(Run::open).transpose()?;
    let document = compare::compare(&base, other.as_ref().unwrap_or(&base), &axis, &wanted)?;
    tell(asked, &document)?;
    verdict(&document)
}

fn sides(asked: &Asked) -> Result<(Axis, Option<&Path>), Error> {
    let base = asked.against.clone().unwrap_or_default();
    Ok(match (&asked.topology, &asked.server, &asked.new) {
        (Some(new), _, _) => (Axis::Topologies { new: new.clone(), base }, None),
        (_, Some(new), _) => (Axis::Servers { new: new.clone(), base }, None),
        (_, _, Some(new)) => (Axis::Runs, Some(new)),
        _ => {
            return Err(Error::Usage(
                "compare needs two run folders, or --topology or --server with --against".to_owned(),
            ));
        }
    })
}

fn tell(asked: &Asked, document: &Document) -> Result<(), Error> {
    if let Some(folder) = &asked.out {
        let failed = |source| ReportError::from(FolderError { path: folder.clone(), source });
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    for format in &asked.format {
        let (name, text) = match format {
            Format::Md => ("compare.md", compare::markdown(document)),
            Format::Html => ("compare.html", compare::html(document)),
            Format::Json => ("compare.json", Ok(json(document)?)),
        };
        let path = asked.out.as_deref().unwrap_or(Path::new("")).join(name);
        let text = text.map_err(|source| ReportError::Template { path: path.clone(), source })?;
        if asked.out.is_none() {
            say(&text);
            continue;
        }
        write_atomically(&path, text.as_bytes()).map_err(ReportError::from)?;
        say(&format!("made {}\n", path.display()));
    }
    Ok(())
}

fn json(document: &Document) -> Result<String, Error> {
    let text = serde_json::to_string_pretty(document);
    text.map(|text| text + "\n").map_err(|error| Error::Usage(format!("cannot write the comparison as JSON: {error}")))
}

/// What gates say: one that has tripped is sure, whatever else could not be judged.
fn verdict(document: &Document) -> Result<(), Error> {
    let cells = |outcome| {
        let gates = document.gates.iter();
        gates.flat_map(move |it| {
            it.cells.iter().filter(move |cell| cell.outcome == outcome).map(|cell| (&it.gate, cell))
        })
    };
    let named =
        |outcome| cells(outcome).map(|(gate, cell)| format!("{gate} in {} ({})", cell.cell, cell.why)).collect();
    if cells(Outcome::Tripped).next().is_some() {
        return Err(Error::Tripped(named(Outcome::Tripped)));
    }
    if cells(Outcome::Unjudged).next().is_some() {
        return Err(Error::Unjudged(named(Outcome::Unjudged)));
    }
    Ok(())
}
