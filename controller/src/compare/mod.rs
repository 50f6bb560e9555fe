//! What has changed between two runs, or between two topologies or servers of one: cells of the same name in pairs, every
//! figure with its difference and ratio, and whether it can be told from none.
//!
//! Blocks of one run are interleaved in time and compared in pairs; those of two runs are not ([`Relation`]). All
//! comparisons are looked at together: the confidence of their intervals is that of
//! [`discovery`](rpycbench_measure::statistics::discovery), and whatever is called slower or faster is so at that confidence.
//! Cells that are invalid have no say in it, and are told beside their figures.

mod changes;
mod comparable;
pub mod document;
mod error;
pub mod gate;
mod hosts;
mod pairs;
mod render;
pub mod trend;
mod words;

use std::path::{Path, PathBuf};

use rpycbench_measure::statistics::Relation;
use wildmatch::WildMatch;

use self::document::{Document, Side};
use self::gate::Gate;
use self::pairs::Matched;
use crate::results::{self, Gathered, ResultsError};
use crate::store::manifest::{CellStatus, Manifest};

pub use self::error::CompareError;
pub use self::render::{html, markdown};

/// A run with the samples of its cells.
pub struct Run {
    folder: PathBuf,
    manifest: Manifest,
    cells: Vec<Gathered>,
}

impl Run {
    /// Reads a run folder. Samples that cannot be read do not fail it: the cells they belong to are invalid.
    ///
    /// # Errors
    /// When `run.json` cannot be read.
    pub fn open(folder: &Path) -> Result<Self, ResultsError> {
        let manifest = results::manifest(folder)?;
        let cells = results::gathered(folder, &manifest);
        Ok(Self { folder: folder.to_owned(), manifest, cells })
    }

    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn into_cells(self) -> Vec<Gathered> {
        self.cells
    }

    fn side(&self, of: Option<&str>) -> Side {
        let incomplete = self.manifest.cells.iter().filter(|cell| cell.status != CellStatus::Complete).count();
        Side {
            folder: self.folder.display().to_string(),
            of: of.map(str::to_owned),
            run_id: self.manifest.run_id.clone(),
            study: self.manifest.study.clone(),
            started: self.manifest.started.clone(),
            version: self.manifest.version.clone(),
            cells: self.manifest.cells.len() as u64,
            incomplete: incomplete as u64,
        }
    }
}

/// What is set against what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Axis {
    /// A run against another.
    Runs,
    /// A topology of a run against another of it.
    Topologies {
        /// The one looked at.
        new: String,
        /// The one it is set against.
        base: String,
    },
    /// A server of a run against another of it.
    Servers {
        /// The one looked at.
        new: String,
        /// The one it is set against.
        base: String,
    },
}

impl Axis {
    fn relation(&self) -> Relation {
        match self {
            Self::Runs => Relation::Apart,
            Self::Topologies { .. } | Self::Servers { .. } => Relation::Interleaved,
        }
    }

    /// The base and what is set against it, within a run.
    fn names(&self) -> [Option<&str>; 2] {
        match self {
            Self::Runs => [None, None],
            Self::Topologies { new, base } | Self::Servers { new, base } => [Some(base), Some(new)],
        }
    }
}

/// How to compare.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only cells whose name (`topology/server/workload/driver`, without what is compared) matches; `*` and `?` are wild.
    pub only: Option<String>,
    /// Whether also what is not comparable is compared; the document then says in what it differs.
    pub force: bool,
    /// What must not have changed by more.
    pub gates: Vec<Gate>,
}

/// Compares two runs, or with another `axis` a run, given twice, with itself.
///
/// # Errors
/// Where there is nothing to compare, or what there is cannot be compared.
pub fn compare(base: &Run, new: &Run, axis: &Axis, wanted: &Wanted) -> Result<Document, CompareError> {
    check_names(new, axis)?;
    let mut matched = Matched::of(base, new, axis);
    if let Some(only) = &wanted.only {
        matched.keep(&WildMatch::new(only));
    }
    if matched.pairs.is_empty() {
        return Err(CompareError::NothingInCommon { only: wanted.only.clone(), example: matched.example() });
    }
    let found: Vec<_> =
        matched.pairs.iter().map(|pair| comparable::obstacles(pair, [&base.manifest, &new.manifest], axis)).collect();
    if !wanted.force {
        comparable::refuse(&matched.pairs, &found)?;
    }
    let family = changes::Family::of(matched.pairs.iter().map(|pair| pair.compared(axis.relation())).collect());
    let obstacles = found.into_iter().map(|it| it.obstacles);
    let pairs = matched.pairs.iter().zip(family.changes()).zip(obstacles);
    let cells: Vec<_> = pairs.map(|((pair, changes), obstacles)| pair.document(changes, obstacles)).collect();
    let gates = wanted.gates.iter().map(|gate| gate.judge(&cells, &matched.only_in_base)).collect();
    let [of_base, of_new] = axis.names();
    let mut warnings = if *axis == Axis::Runs { hosts::warnings(&base.manifest, &new.manifest) } else { Vec::new() };
    warnings.extend(matched.pairs.iter().flat_map(|pair| comparable::doubts(pair, [base, new], axis)));
    Ok(Document {
        schema: document::SCHEMA,
        base: base.side(of_base),
        new: new.side(of_new),
        interleaved: axis.relation() == Relation::Interleaved,
        confidence: family.confidence().share(),
        comparisons: family.comparisons() as u64,
        told_apart: family.told_apart() as u64,
        warnings,
        cells,
        only_in_base: matched.only_in_base,
        only_in_new: matched.only_in_new,
        gates,
    })
}

fn check_names(run: &Run, axis: &Axis) -> Result<(), CompareError> {
    let (what, known): (_, Vec<&str>) = match axis {
        Axis::Runs => return Ok(()),
        Axis::Topologies { .. } => ("topology", run.manifest.topologies.iter().map(|it| it.name.as_str()).collect()),
        Axis::Servers { .. } => ("server", run.manifest.servers.iter().map(|it| it.name.as_str()).collect()),
    };
    let names = axis.names().into_iter().flatten();
    match names.into_iter().find(|name| !known.contains(name)) {
        None => Ok(()),
        Some(name) => {
            let (folder, name) = (run.folder.display().to_string(), name.to_owned());
            Err(CompareError::Unknown { what, name, folder, known: known.join(", ") })
        }
    }
}
