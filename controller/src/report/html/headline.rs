//! What a reader sees first: how much was measured, how far it can be believed, and what one call takes.

use serde::Serialize;

use super::super::view::View;
use crate::results::schema::CellResult;
use crate::store::manifest::WorkloadRecord;

/// More servers, or topologies of one, are for tables.
const MOST: usize = 6;

#[derive(Serialize)]
pub(super) struct Headline<'a> {
    samples: u64,
    failed: u64,
    blocks: u32,
    valid: usize,
    inconclusive: usize,
    invalid: usize,
    /// Of the tiles.
    workload: Option<&'a WorkloadRecord>,
    /// One for each server; none where there are too many.
    tiles: Vec<Tile<'a>>,
}

#[derive(Serialize)]
struct Tile<'a> {
    server: &'a str,
    /// As in charts.
    colour: usize,
    /// One for each topology.
    cells: Vec<&'a CellResult>,
}

pub(super) fn of<'a>(view: &View<'a>) -> Headline<'a> {
    let cells = &view.results.cells;
    let judged = |verdict: &str| cells.iter().filter(|cell| cell.verdict == verdict).count();
    let latency = view.latency();
    let tile = |(colour, server): (usize, &'a str)| {
        let of_server = latency.iter().flat_map(|section| &section.cells).copied().filter(|cell| cell.server == server);
        Tile { server, colour, cells: of_server.collect() }
    };
    let servers = view.manifest.servers.iter().map(|server| server.name.as_str());
    let tiles: Vec<_> = servers.enumerate().map(tile).filter(|tile| !tile.cells.is_empty()).collect();
    let few = tiles.len() <= MOST && tiles.iter().all(|tile| tile.cells.len() <= MOST);
    Headline {
        samples: cells.iter().map(|cell| cell.count).fold(0, u64::saturating_add),
        failed: cells.iter().map(|cell| cell.failed).fold(0, u64::saturating_add),
        blocks: view.manifest.cells.iter().map(|cell| cell.block).max().unwrap_or(0),
        valid: judged("valid"),
        inconclusive: judged("inconclusive"),
        invalid: judged("invalid"),
        workload: latency.as_ref().map(|section| section.workload),
        tiles: if few { tiles } else { Vec::new() },
    }
}
