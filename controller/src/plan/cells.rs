//! The cells of a plan and the order they run in.

use std::fmt;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::ChaCha12Rng;
use rand::seq::SliceRandom;
use rpycbench_measure::{ServerKind, Workload};

use super::Plan;

/// One topology × server × workload × driver × block, as places in the plan's lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    /// Its number in the order of the run, from 0.
    pub id: u32,
    /// Place of the topology.
    pub topology: usize,
    /// Place of the server.
    pub server: usize,
    /// Place of the workload.
    pub workload: usize,
    /// From 1.
    pub block: u32,
}

/// The only driver there is so far.
pub const DRIVER: &str = "python";

/// A cell's name, such as `localhost/rpyc-threaded/latency/python/b1`; what `--only` is matched against.
pub struct CellName<'a>(&'a Plan, Cell);

impl fmt::Display for CellName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(plan, cell) = self;
        let (topology, server) = (&plan.topologies[cell.topology].name, &plan.servers[cell.server].name);
        write!(f, "{topology}/{server}/{}/{DRIVER}/b{}", plan.workloads[cell.workload].name, cell.block)
    }
}

impl Plan {
    /// Every cell that runs in any case, in the order it runs: block after block, the cells of each block shuffled from the plan's
    /// seed, so that a drift of the machine spreads over all of them. The same plan gives the same order everywhere.
    pub fn cells(&self) -> Vec<Cell> {
        self.cells_of(self.blocks)
    }

    /// Every cell that may run: those of [`Self::cells`], and behind them, in the order that the same seed gives, those of the blocks
    /// that run only where more are needed.
    pub fn most_cells(&self) -> Vec<Cell> {
        self.cells_of(self.most_blocks())
    }

    /// How many blocks may run.
    pub fn most_blocks(&self) -> u32 {
        self.until.map_or(self.blocks, |until| until.max_blocks)
    }

    fn cells_of(&self, blocks: u32) -> Vec<Cell> {
        // A named algorithm: the order is part of what a seed promises.
        let mut random = ChaCha12Rng::seed_from_u64(self.seed);
        let mut cells = Vec::new();
        for block in 1..=blocks {
            let first = cells.len();
            for topology in 0..self.topologies.len() {
                for server in 0..self.servers.len() {
                    for workload in 0..self.workloads.len() {
                        cells.push(Cell { id: 0, topology, server, workload, block });
                    }
                }
            }
            cells[first..].shuffle(&mut random);
        }
        for (cell, id) in cells.iter_mut().zip(0..) {
            cell.id = id;
        }
        cells
    }

    /// A cell's name.
    pub fn cell_name(&self, cell: Cell) -> CellName<'_> {
        CellName(self, cell)
    }

    /// A first guess at how long a cell takes, from what such calls take on a common machine; a run replaces it by what it
    /// has seen.
    pub fn guess(&self, cell: Cell) -> Duration {
        /// Starting and stopping both processes.
        const AROUND: Duration = Duration::from_millis(900);
        let per_call = match (self.servers[cell.server].server.kind, self.workloads[cell.workload].workload) {
            (ServerKind::Rpyc(_), Workload::Connect { .. }) => Duration::from_micros(2_000),
            (ServerKind::Flask(_), Workload::Connect { .. }) => Duration::from_micros(300),
            (ServerKind::Rpyc(_), Workload::Closed { .. }) => Duration::from_micros(350),
            (ServerKind::Flask(_), Workload::Closed { .. }) => Duration::from_micros(1_400),
        };
        let samples = self.workloads[cell.workload].workload.expected_samples();
        AROUND + per_call * u32::try_from(samples).unwrap_or(u32::MAX)
    }
}
