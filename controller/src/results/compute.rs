//! From the samples of a run to its results.

use std::path::Path;

use rpycbench_measure::statistics::Cell;

use super::cells::{self, Gathered};
use super::compare::Comparisons;
use super::files::{ResultsError, manifest};
use super::parallel::in_parallel;
use super::schema::{CellResult, Results, SCHEMA};
use super::source::Source;
use super::stamping;
use crate::store::manifest::{CellRecord, CellStatus, Manifest, ServerRecord, TopologyRecord, WorkloadRecord};

/// Computes the results of a run from `run.json` and the samples it points to.
///
/// Samples that are missing or cannot be read do not fail it: the cells they belong to say so.
///
/// # Errors
/// When `run.json` cannot be read.
pub fn compute(run_folder: &Path) -> Result<Results, ResultsError> {
    Ok(compute_of(run_folder, &manifest(run_folder)?))
}

/// [`compute`] for a `run.json` that was read before.
pub fn compute_of(run_folder: &Path, manifest: &Manifest) -> Results {
    let source = Source::of(run_folder, manifest);
    let mut figures = Vec::new();
    let mut comparisons = Comparisons::default();
    let mut stamping = Vec::new();
    // One workload at a time: cells are only compared within one, so no more samples than its own are in memory.
    for workload in &manifest.workloads {
        let gathered = gather(&source, workload);
        let lookup = |topology: &str, server: &str| {
            gathered.iter().find(|it| it.place.topology.name == topology && it.place.server.name == server)
        };
        comparisons.add(manifest, workload, |topology, server| lookup(topology, server).map(|it| &it.cell));
        stamping.extend(gathered.iter().flat_map(|it| stamping::cost(manifest, it.place, &it.cell)));
        figures.extend(gathered.into_iter().map(|it| it.result));
    }
    // Wide: a file that was edited by hand may say anything.
    let expected: u128 = manifest.cells.iter().map(|cell| u128::from(cell.expected)).sum();
    let all_here = expected == figures.iter().map(|cell| u128::from(cell.count)).sum();
    // One that was cut short before its first cell, or amid them, has entered no others.
    let has_ended = !manifest.ended.is_empty() && !manifest.cells.is_empty();
    let all_whole = manifest.cells.iter().all(|cell| cell.status == CellStatus::Complete);
    let complete = has_ended && all_here && all_whole;
    Results {
        schema: SCHEMA,
        run_id: manifest.run_id.clone(),
        study: manifest.study.clone(),
        complete,
        cells: in_plan_order(manifest, figures),
        comparisons: comparisons.into_vec().into_iter().chain(stamping).collect(),
        clock_pairs: source.clock_pairs,
    }
}

/// Every cell of a run with its samples, in the order of the workloads.
pub(crate) fn gathered(run_folder: &Path, manifest: &Manifest) -> Vec<Gathered> {
    let workloads = manifest.workloads.iter();
    let places: Vec<_> = workloads.flat_map(|workload| places(manifest, workload)).collect();
    let source = Source::of(run_folder, manifest);
    in_parallel(&places, |&place| cells::gather(&source, place))
}

/// Where a cell stands in the plan, apart from its blocks.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) topology: &'a TopologyRecord,
    pub(super) server: &'a ServerRecord,
    pub(super) workload: &'a WorkloadRecord,
}

impl Place<'_> {
    pub(super) fn is_of(&self, record: &CellRecord) -> bool {
        record.topology == self.topology.name
            && record.server == self.server.name
            && record.workload == self.workload.name
            && record.driver == self.workload.driver
    }
}

struct Done<'a> {
    place: Place<'a>,
    cell: Cell,
    result: CellResult,
}

/// All cells of a workload, in the plan's order.
fn gather<'a>(source: &Source<'a>, workload: &'a WorkloadRecord) -> Vec<Done<'a>> {
    in_parallel(&places(source.manifest, workload), |&place| {
        let Gathered { cell, result } = cells::gather(source, place);
        Done { place, cell, result }
    })
}

/// Where a workload has cells, in the plan's order.
pub(super) fn places<'a>(manifest: &'a Manifest, workload: &'a WorkloadRecord) -> Vec<Place<'a>> {
    let topologies = manifest.topologies.iter();
    topologies
        .flat_map(|topology| manifest.servers.iter().map(move |server| Place { topology, server, workload }))
        // A run may have been told to leave some out.
        .filter(|place| manifest.cells.iter().any(|record| place.is_of(record)))
        .collect()
}

fn in_plan_order(manifest: &Manifest, mut cells: Vec<CellResult>) -> Vec<CellResult> {
    let topology = |name: &str| manifest.topologies.iter().position(|it| it.name == name);
    let server = |name: &str| manifest.servers.iter().position(|it| it.name == name);
    // Stable: the workloads are in order already.
    cells.sort_by_key(|cell| (topology(&cell.topology), server(&cell.server)));
    cells
}
