//! How the figures of a study went from run to run: a folder of run folders, each study for itself, in the order in which
//! the runs were started.
//!
//! Every cell is set against the last run in which it was not invalid, if it was measured in the same way there. The cells of a
//! run are looked at together (see [`compare`](super)): of twenty runs in which nothing has changed, one is expected to
//! have any change that is told.

mod chart;
mod folder;
mod render;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use rpycbench_measure::statistics::Relation;
use serde::Serialize;

use self::folder::Found;
use super::Run;
use super::changes::{Compared, Family};
use super::comparable::obstacles_between_runs;
use super::document::{MetricChange, Obstacle, Verdict};
use super::hosts;
use super::pairs::full_name;
use crate::results::Gathered;
use crate::results::schema::CellResult;
use crate::store::manifest::{CellStatus, Manifest};

pub use self::folder::TrendError;
pub use self::render::{html, markdown};

/// What a folder of runs tells.
#[derive(Debug, Serialize)]
pub struct Trend {
    folder: String,
    studies: Vec<Study>,
    /// What is in the folder and no run that can be read, and why.
    skipped: Vec<[String; 2]>,
}

/// The runs of one study.
#[derive(Debug, Serialize)]
struct Study {
    name: String,
    runs: Vec<RunMark>,
    series: Vec<Series>,
}

/// A run of a study.
#[derive(Debug, Serialize)]
struct RunMark {
    folder: String,
    started: String,
    version: String,
    /// Cells of it, block by block.
    cells: usize,
    incomplete: usize,
    /// Cells over all blocks whose figures cannot be believed.
    invalid: usize,
    /// In what else it differs from the run before it, a sentence each.
    surroundings: Vec<String>,
}

/// A cell through all runs.
#[derive(Debug, Serialize)]
struct Series {
    cell: String,
    /// As many as there are runs; none where the run does not have the cell.
    points: Vec<Option<Point>>,
}

/// A cell in a run.
#[derive(Debug, Serialize)]
struct Point {
    p50: Option<f64>,
    p50_ci95: Option<[f64; 2]>,
    p99: Option<f64>,
    p99_ci95: Option<[f64; 2]>,
    verdict: String,
    reasons: Vec<String>,
    /// The run it is set against, by its place.
    against: Option<usize>,
    /// Why it cannot be compared.
    obstacles: Vec<Obstacle>,
    /// What is told apart.
    changes: Vec<MetricChange>,
}

impl Trend {
    /// Reads every run of a folder, one after the other.
    ///
    /// # Errors
    /// When the folder cannot be read, or holds no run.
    pub fn of(folder: &Path) -> Result<Self, TrendError> {
        let Found { runs, skipped } = folder::find(folder)?;
        let mut studies: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for run in runs {
            studies.entry(run.manifest.study.clone()).or_default().push(run);
        }
        let mut trend = Self { folder: folder.display().to_string(), studies: Vec::new(), skipped };
        for (name, runs) in studies {
            let mut course = Course::default();
            for run in runs {
                match Run::open(&run.path) {
                    Ok(open) => course.add(run.name, open),
                    // It was there a moment ago.
                    Err(error) => trend.skipped.push([run.name, error.to_string()]),
                }
            }
            trend.studies.push(course.into_study(name));
        }
        Ok(trend)
    }
}

/// What is known after some runs.
#[derive(Default)]
struct Course {
    runs: Vec<RunMark>,
    manifests: Vec<Manifest>,
    /// In the order in which cells came to be.
    names: Vec<String>,
    points: HashMap<String, Vec<(usize, Point)>>,
    /// Of each cell the last that was not invalid.
    last: HashMap<String, (usize, Gathered)>,
}

impl Course {
    fn add(&mut self, folder: String, run: Run) {
        let place = self.runs.len();
        let manifest = run.manifest().clone();
        let cells = run.into_cells();
        let surroundings = self.manifests.last().map(|before| hosts::differences(before, &manifest));
        self.runs.push(RunMark { surroundings: surroundings.unwrap_or_default(), ..mark(folder, &manifest, &cells) });
        self.manifests.push(manifest);
        let mut points = self.points_of(&cells);
        for cell in cells {
            let name = full_name(&cell.result);
            let Some(point) = points.remove(&name) else { continue };
            if !self.points.contains_key(&name) {
                self.names.push(name.clone());
            }
            self.points.entry(name.clone()).or_default().push((place, point));
            if cell.result.verdict != "invalid" {
                self.last.insert(name, (place, cell));
            }
        }
    }

    /// The cells of the newest run, each against the last of its kind.
    fn points_of(&self, cells: &[Gathered]) -> HashMap<String, Point> {
        let mut points: HashMap<String, Point> = HashMap::new();
        let mut compared = Vec::new();
        for cell in cells {
            let name = full_name(&cell.result);
            let mut point = Point::of(&cell.result);
            if let Some((place, last)) = self.last.get(&name) {
                point.against = Some(*place);
                point.obstacles = self.obstacles(*place, &last.result, &cell.result);
                if point.obstacles.is_empty() {
                    let pair = Compared { of: cell, against: last, relation: Relation::Apart };
                    compared.push((name.clone(), pair));
                }
            }
            points.insert(name, point);
        }
        let family = Family::of(compared.iter().map(|(_, pair)| *pair).collect());
        for ((name, pair), changes) in compared.iter().zip(family.changes()) {
            let told = |change: &MetricChange| matches!(change.verdict, Verdict::Slower | Verdict::Faster);
            if let Some(point) = points.get_mut(name).filter(|_| pair.of.result.verdict != "invalid") {
                point.changes = changes.into_iter().filter(told).collect();
            }
        }
        points
    }

    fn obstacles(&self, place: usize, last: &CellResult, cell: &CellResult) -> Vec<Obstacle> {
        let manifests = self.manifests.get(place).zip(self.manifests.last());
        manifests.map_or_else(Vec::new, |(before, now)| obstacles_between_runs([last, cell], [before, now]))
    }

    fn into_study(mut self, name: String) -> Study {
        let runs = self.runs.len();
        let series = self.names.into_iter().map(|cell| {
            let mut points: Vec<Option<Point>> = (0..runs).map(|_| None).collect();
            for (place, point) in self.points.remove(&cell).unwrap_or_default() {
                if let Some(slot) = points.get_mut(place) {
                    *slot = Some(point);
                }
            }
            Series { cell, points }
        });
        Study { name, series: series.collect(), runs: self.runs }
    }
}

fn mark(folder: String, manifest: &Manifest, cells: &[Gathered]) -> RunMark {
    let invalid: BTreeSet<String> =
        cells.iter().filter(|cell| cell.result.verdict == "invalid").map(|cell| full_name(&cell.result)).collect();
    RunMark {
        folder,
        started: manifest.started.clone(),
        version: manifest.version.clone(),
        cells: manifest.cells.len(),
        incomplete: manifest.cells.iter().filter(|cell| cell.status != CellStatus::Complete).count(),
        invalid: invalid.len(),
        surroundings: Vec::new(),
    }
}

impl Point {
    fn of(cell: &CellResult) -> Self {
        let interval = |metric: &str| cell.ci95.get(metric).copied().flatten();
        Self {
            p50: cell.p50,
            p50_ci95: interval("p50"),
            p99: cell.p99,
            p99_ci95: interval("p99"),
            verdict: cell.verdict.clone(),
            reasons: cell.reasons.clone(),
            against: None,
            obstacles: Vec::new(),
            changes: Vec::new(),
        }
    }
}
