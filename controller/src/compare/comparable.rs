//! What must be the same for a comparison to mean something, and what a reader should know where it is not.

use super::document::Obstacle;
use super::pairs::Pair;
use super::{Axis, CompareError, Run};
use crate::results::schema::CellResult;
use crate::store::manifest::{CellRecord, Manifest};

/// Two values of one thing; none where it is not known.
struct Field {
    name: &'static str,
    values: [Option<String>; 2],
}

/// Why two cells cannot be compared.
pub(super) struct Obstacles {
    first: Option<&'static str>,
    pub(super) obstacles: Vec<Obstacle>,
}

pub(super) fn obstacles(pair: &Pair<'_>, manifests: [&Manifest; 2], axis: &Axis) -> Obstacles {
    let mut fields = load([&pair.base.result, &pair.new.result]);
    // Servers are compared to see what their libraries and calls make of the same load.
    if !matches!(axis, Axis::Servers { .. }) {
        fields.extend(service([&pair.base.result, &pair.new.result], manifests));
    }
    differing(fields)
}

/// The same for cells of that name in two runs.
pub(crate) fn obstacles_between_runs(cells: [&CellResult; 2], manifests: [&Manifest; 2]) -> Vec<Obstacle> {
    let fields = load(cells).into_iter().chain(service(cells, manifests)).collect();
    differing(fields).obstacles
}

/// What was asked of the clients.
fn load(cells: [&CellResult; 2]) -> Vec<Field> {
    let field = |name, value: fn(&CellResult) -> String| Field { name, values: cells.map(|cell| Some(value(cell))) };
    vec![
        field("client model", |it| it.client_model.clone()),
        field("number of clients", |it| it.clients.to_string()),
        field("metric", |it| it.metric.clone()),
        field("unit", |it| it.unit.clone()),
    ]
}

/// What a sample is of.
fn service(cells: [&CellResult; 2], manifests: [&Manifest; 2]) -> Vec<Field> {
    let [base, new] = [0, 1].map(|side| {
        let (cell, manifest) = (cells[side], manifests[side]);
        let server = manifest.servers.iter().find(|server| server.name == cell.server);
        [
            server.map(|server| server.kind.clone()),
            server.map(|server| server.mode.clone()),
            Some(cell.call.clone()),
            cell.connection.clone(),
        ]
    });
    let names = ["server's kind", "server's mode", "call", "connection"];
    let values = base.into_iter().zip(new).map(|(base, new)| [base, new]);
    names.into_iter().zip(values).map(|(name, values)| Field { name, values }).collect()
}

fn differing(fields: Vec<Field>) -> Obstacles {
    let mut found = Obstacles { first: None, obstacles: Vec::new() };
    for field in fields {
        // What is not known on a side is no difference; a cell that did not say is invalid or has no samples.
        let [Some(base), Some(new)] = field.values else { continue };
        if base != new {
            found.first = found.first.or(Some(field.name));
            found.obstacles.push(Obstacle { field: field.name.to_owned(), base, new });
        }
    }
    found
}

/// Refuses where any pair cannot be compared.
pub(super) fn refuse(pairs: &[Pair<'_>], found: &[Obstacles]) -> Result<(), CompareError> {
    let mut refused = pairs.iter().zip(found).filter_map(|(pair, it)| Some((pair, it.first?, it.obstacles.first()?)));
    let Some((pair, field, first)) = refused.next() else { return Ok(()) };
    let (base, new) = (first.base.clone(), first.new.clone());
    Err(CompareError::NotComparable { cell: pair.name.clone(), field, base, new, others: refused.count() })
}

/// In what else two cells differ, a sentence each.
pub(super) fn doubts(pair: &Pair<'_>, runs: [&Run; 2], axis: &Axis) -> Vec<String> {
    let workloads = [(runs[0], &pair.base.result), (runs[1], &pair.new.result)].map(|(run, cell)| {
        let workload = run.manifest.workloads.iter().find(|it| it.name == cell.workload);
        workload.map(|it| (it.requests.to_string(), it.warmup.to_string()))
    });
    let stamped = [(runs[0], &pair.base.result), (runs[1], &pair.new.result)].map(|(run, cell)| {
        let of_cell = |it: &&CellRecord| {
            (&it.topology, &it.server, &it.workload) == (&cell.topology, &cell.server, &cell.workload)
        };
        let stamped = |it: &&CellRecord| it.stamps.is_some();
        run.manifest.cells.iter().filter(of_cell).filter(stamped).count().to_string()
    });
    let [base, new] = [&pair.base.result, &pair.new.result];
    let known = |connection: &Option<String>| connection.clone().unwrap_or_else(|| "unknown".to_owned());
    let mut differing = vec![("blocks with samples", base.blocks.to_string(), new.blocks.to_string())];
    if let [Some(base), Some(new)] = workloads {
        differing.push(("requests of each client", base.0, new.0));
        differing.push(("warm-up requests", base.1, new.1));
    }
    if matches!(axis, Axis::Servers { .. }) {
        differing.push(("call", base.call.clone(), new.call.clone()));
    }
    let [stamped_of_base, stamped_of_new] = stamped;
    // A server that stamps takes longer by that.
    differing.push(("blocks in which the server stamped", stamped_of_base, stamped_of_new));
    differing.push(("connection", known(&base.connection), known(&new.connection)));
    let differing = differing.into_iter().filter(|(_, base, new)| base != new);
    differing
        .map(|(what, base, new)| format!("{}: {what} {base} in the base, {new} in the new one.", pair.name))
        .collect()
}
