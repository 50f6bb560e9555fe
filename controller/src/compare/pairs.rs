//! Which cell is set against which.

use std::collections::HashMap;

use rpycbench_measure::statistics::Relation;
use wildmatch::WildMatch;

use super::changes::Compared;
use super::document::{CellChange, CellSide, MetricChange, Obstacle};
use super::{Axis, Run};
use crate::results::Gathered;
use crate::results::schema::CellResult;

/// Cells of the same name.
pub(super) struct Pair<'a> {
    pub(super) name: String,
    pub(super) base: &'a Gathered,
    pub(super) new: &'a Gathered,
}

impl<'a> Pair<'a> {
    pub(super) fn compared(&self, relation: Relation) -> Compared<'a> {
        Compared { of: self.new, against: self.base, relation }
    }

    pub(super) fn document(&self, changes: Vec<MetricChange>, obstacles: Vec<Obstacle>) -> CellChange {
        let side = |cell: &CellResult| CellSide {
            count: cell.count,
            failed: cell.failed,
            blocks: cell.blocks,
            verdict: cell.verdict.clone(),
            reasons: cell.reasons.clone(),
        };
        CellChange {
            cell: self.name.clone(),
            base: side(&self.base.result),
            new: side(&self.new.result),
            obstacles,
            changes,
        }
    }
}

/// Cells of both sides, in the order of the new side's plan.
pub(super) struct Matched<'a> {
    pub(super) pairs: Vec<Pair<'a>>,
    pub(super) only_in_base: Vec<String>,
    pub(super) only_in_new: Vec<String>,
}

impl<'a> Matched<'a> {
    pub(super) fn of(base: &'a Run, new: &'a Run, axis: &Axis) -> Self {
        let named = |run: &'a Run, is_new| {
            run.cells.iter().filter_map(move |cell| Some((name(&cell.result, axis, is_new)?, cell)))
        };
        let mut of_base: HashMap<String, &Gathered> = named(base, false).collect();
        let (mut pairs, mut only_in_new) = (Vec::new(), Vec::new());
        for (name, new) in named(new, true) {
            match of_base.remove(&name) {
                Some(base) => pairs.push(Pair { name, base, new }),
                None => only_in_new.push(name),
            }
        }
        let left = named(base, false).map(|(name, _)| name).filter(|name| of_base.contains_key(name));
        Self { pairs, only_in_base: left.collect(), only_in_new }
    }

    /// Drops what does not match.
    pub(super) fn keep(&mut self, wanted: &WildMatch) {
        let example = self.example();
        self.pairs.retain(|pair| wanted.matches(&pair.name));
        self.only_in_base.retain(|name| wanted.matches(name));
        self.only_in_new.retain(|name| wanted.matches(name));
        if self.pairs.is_empty() && self.only_in_base.is_empty() && self.only_in_new.is_empty() {
            self.only_in_base.push(example);
        }
    }

    /// The name of some cell.
    pub(super) fn example(&self) -> String {
        let pair = self.pairs.first().map(|pair| &pair.name);
        pair.or(self.only_in_base.first()).or(self.only_in_new.first()).cloned().unwrap_or_default()
    }
}

/// What a cell has in common with that on the other side; none of one that is on no side.
fn name(cell: &CellResult, axis: &Axis, is_new: bool) -> Option<String> {
    let CellResult { topology, server, workload, driver, .. } = cell;
    match axis {
        Axis::Runs => Some(full_name(cell)),
        Axis::Topologies { new, base } => {
            (topology == if is_new { new } else { base }).then(|| format!("{server}/{workload}/{driver}"))
        }
        Axis::Servers { new, base } => {
            (server == if is_new { new } else { base }).then(|| format!("{topology}/{workload}/{driver}"))
        }
    }
}

/// The name of a cell within its run.
pub(crate) fn full_name(cell: &CellResult) -> String {
    let CellResult { topology, server, workload, driver, .. } = cell;
    format!("{topology}/{server}/{workload}/{driver}")
}
