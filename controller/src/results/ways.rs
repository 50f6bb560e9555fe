//! Where the time of a cell's calls goes: out, in the server, in between, back.
//!
//! From the samples and what their server has stamped, paired by the order of requests on each connection. Where one host plays
//! both roles there is one clock, and all of it is exact. Between two hosts the calls themselves bound how far the clocks are
//! apart, and so do the controller's questions, where either host has answered any: what follows is a range for each sample, and
//! from the ends of these a range for each percentile, whatever the errors have to do with each other.

use std::collections::BTreeMap;

use rpycbench_measure::clock::{Call, Interval, Part, is_resolved, quantile_range};
use rpycbench_measure::pairing::pair;
use rpycbench_measure::statistics::quantile;

use super::clocks::{self, Clocks};
use super::schema::{PartResult, RangeResult};
use super::source::Source;
use super::stamped;
use crate::store::manifest::CellRecord;
use crate::store::samples::BlockColumns;
use crate::store::stamps;

/// The parts of a cell's calls, of all blocks.
#[derive(Default)]
pub(super) struct Ways {
    out: Ranges,
    server: Ranges,
    between: Ranges,
    back: Ranges,
    /// Calls of which the server's part is not known, and why.
    unpaired: BTreeMap<String, u64>,
}

/// One part of many calls.
#[derive(Default)]
struct Ranges {
    ends: Vec<[i64; 2]>,
    middles: Vec<i64>,
}

impl Ranges {
    fn add(&mut self, part: Part) {
        self.ends.push([part.low, part.high]);
        self.middles.extend(part.mid);
    }

    fn into_result(mut self) -> Option<PartResult> {
        if self.middles.is_empty() {
            return None;
        }
        self.middles.sort_unstable();
        let sum: i128 = self.middles.iter().map(|&ns| i128::from(ns)).sum();
        let range = |q: f64| {
            let range = quantile_range(self.ends.iter().copied(), q)?;
            Some([range.low, range.high])
        };
        let middle = |q: f64| quantile::linear(&self.middles, q);
        let resolved = |q: f64| {
            let ([low, high], middle) = (range(q)?, middle(q)?);
            Some(low == high || is_resolved(Interval::new(low.floor() as i64, high.ceil() as i64), middle as i64))
        };
        Some(PartResult {
            count: self.middles.len() as u64,
            mean: Some(sum as f64 / self.middles.len() as f64),
            p50: middle(0.5),
            p99: middle(0.99),
            range: Some(RangeResult {
                p50: range(0.5),
                p99: range(0.99),
                p50_resolved: resolved(0.5),
                p99_resolved: resolved(0.99),
            }),
        })
    }
}

impl Ways {
    /// Adds the calls of a block that start at `from_ns` or later, if its server was asked to stamp.
    pub(super) fn add(&mut self, source: &Source<'_>, record: &CellRecord, columns: &BlockColumns, from_ns: i64) {
        let Some(stamped) = &record.stamps else { return };
        match stamps::read(&source.folder.join(&stamped.file)) {
            Ok(stamps) => {
                let paired = pair(&columns.calls(), &stamps, &stamped.pairings(), stamped.full);
                for (why, count) in paired.unpaired {
                    *self.unpaired.entry(why.to_string()).or_default() += count;
                }
                let calls = stamped::calls(columns, &paired.served, stamped);
                let clocks = clocks::of_both_ends(&source.asked, source.manifest, &record.topology, &calls);
                // All of them say something about the clocks.
                calls.iter().filter(|call| call.start >= from_ns).for_each(|call| self.take(call, &clocks));
            }
            Err(error) => {
                *self.unpaired.entry(format!("the stamps are lost: {error}")).or_default() += columns.ok.len() as u64;
            }
        }
    }

    fn take(&mut self, call: &Call, clocks: &Clocks) {
        let apart = match clocks {
            Clocks::Same => call.of_one_host(),
            Clocks::Two(mapping) => call.apart(mapping),
        };
        match apart {
            Some(apart) => {
                self.out.add(apart.out);
                self.server.add(apart.server);
                self.between.add(apart.between);
                self.back.add(apart.back);
            }
            None => {
                let why = "the clocks of the two hosts say nothing about each other then";
                *self.unpaired.entry(why.to_owned()).or_default() += 1;
            }
        }
    }

    /// By name, as far as there are any; and what could not be told, with its reasons.
    pub(super) fn into_results(self) -> (BTreeMap<String, PartResult>, BTreeMap<String, u64>) {
        let parts = [("out", self.out), ("server", self.server), ("between", self.between), ("back", self.back)];
        let parts = parts.into_iter().filter_map(|(name, ranges)| Some((name.to_owned(), ranges.into_result()?)));
        (parts.collect(), self.unpaired)
    }
}
