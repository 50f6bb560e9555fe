//! Where the time of a cell's calls goes: out, in the server, in between, back.
//!
//! From the samples and what their server has stamped, paired by the order of requests on each connection. Where one host plays
//! both roles there is one clock, and all of it is exact. Between two hosts the calls themselves bound how far the clocks are
//! apart, and the controller's questions do where the controller's host drives: what follows is a range for each sample, and
//! from the ends of these a range for each percentile, whatever the errors have to do with each other.

use std::collections::BTreeMap;
use std::path::Path;

use rpycbench_measure::clock::{
    Assumptions, Break, Call, Constraints, Exchange, Interval, Mapping, Part, is_resolved, quantile_range,
};
use rpycbench_measure::pairing::{Served, pair};
use rpycbench_measure::statistics::quantile;

use super::schema::{PartResult, RangeResult};
use crate::store::manifest::{CellRecord, HostRecord, Manifest, StampsRecord};
use crate::store::probes::ProbeRow;
use crate::store::samples::BlockColumns;
use crate::store::{probes, stamps};

/// Calls that bound the clocks, of a block: more of them tell nothing new, and take their time.
const MOST_CONSTRAINTS: usize = 50_000;
/// Questions that were asked so long before or after a block say something about the clocks within it.
const AROUND_NS: i64 = 2_000_000_000;

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

/// What is known of two clocks during a block.
enum Clocks {
    /// They are one.
    Same,
    Two(Box<Mapping>),
}

impl Ways {
    /// Adds the calls of a block that start at `from_ns` or later, if its server was asked to stamp.
    pub(super) fn add(
        &mut self,
        run_folder: &Path,
        manifest: &Manifest,
        record: &CellRecord,
        columns: &BlockColumns,
        from_ns: i64,
    ) {
        let Some(stamped) = &record.stamps else { return };
        match stamps::read(&run_folder.join(&stamped.file)) {
            Ok(stamps) => {
                let paired = pair(&columns.calls(), &stamps, &stamped.pairings(), stamped.full);
                for (why, count) in paired.unpaired {
                    *self.unpaired.entry(why.to_string()).or_default() += count;
                }
                let calls = calls(columns, &paired.served, stamped);
                let clocks = clocks(run_folder, manifest, record, &calls);
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

/// Every good call with what its server did for it.
fn calls(columns: &BlockColumns, served: &[Option<Served>], stamped: &StampsRecord) -> Vec<Call> {
    let once = stamped.clients.iter().all(|client| client.waited == 1);
    let all = columns.start_ns.iter().zip(&columns.end_ns).zip(&columns.ok).zip(served);
    all.filter_map(|(((&start, &end), &ok), served)| {
        let Served { received_ns, answered_ns, server_ns } = (*served)?;
        ok.then_some(Call { start, end, received: received_ns, answered: answered_ns, server: server_ns, once })
    })
    .collect()
}

fn clocks(run_folder: &Path, manifest: &Manifest, record: &CellRecord, calls: &[Call]) -> Clocks {
    let Some(topology) = manifest.topologies.iter().find(|it| it.name == record.topology) else { return Clocks::Same };
    if topology.client == topology.server {
        return Clocks::Same;
    }
    let mut constraints = Constraints::default();
    let every = calls.len().div_ceil(MOST_CONSTRAINTS).max(1);
    for call in calls.iter().step_by(every) {
        // Whole nanoseconds are cut off: what was received may have been so until the next.
        let _ = constraints.push_lower(call.start, call.received.saturating_add(1));
        let _ = constraints.push_upper(call.answered, call.end.saturating_add(1));
    }
    let (client, server) = (manifest.hosts.get(&topology.client), manifest.hosts.get(&topology.server));
    let mut breaks = Vec::new();
    if let (Some(client), Some(server)) = (client, server) {
        for exchange in asked(run_folder, manifest, &topology.client, &topology.server, [client, server], calls) {
            let _ = constraints.push_exchange(exchange);
        }
        let events = manifest.clocks.iter().filter(|it| it.host == topology.server).flat_map(|it| &it.events);
        let slept = events.filter(|event| event.kind == "slept");
        breaks.extend(
            slept.map(|it| Break::between(it.from_raw_ns - server.epoch_raw_ns, it.to_raw_ns - server.epoch_raw_ns)),
        );
    }
    Clocks::Two(Box::new(Mapping::new(&constraints, &breaks, Assumptions::default())))
}

/// The controller's questions to the host that serves, where the controller's own host drives: it has the same clock.
fn asked(
    run_folder: &Path,
    manifest: &Manifest,
    client_name: &str,
    server_name: &str,
    [client, server]: [&HostRecord; 2],
    calls: &[Call],
) -> Vec<Exchange> {
    let is_own = !manifest.clocks.iter().any(|it| it.host == client_name) && is_loopback(&client.agent);
    let received = || calls.iter().map(|call| call.received);
    let (Some(first), Some(last)) = (received().min(), received().max()) else { return Vec::new() };
    let rows = if is_own { probes::read(&run_folder.join("clock.parquet")).unwrap_or_default() } else { Vec::new() };
    let of_server = rows.into_iter().filter(|row| row.host == server_name);
    let exchange = |ProbeRow { t1_ns, answer_ns, .. }: ProbeRow| {
        let [t2, t3, t4] = answer_ns?;
        let here = |ns: i64| ns.checked_sub(client.epoch_raw_ns);
        let there = |ns: i64| ns.checked_sub(server.epoch_raw_ns);
        Some(Exchange::from_truncated(here(t1_ns)?, there(t2)?, there(t3)?, here(t4)?))
    };
    let around = first.saturating_sub(AROUND_NS)..=last.saturating_add(AROUND_NS);
    of_server.filter_map(exchange).filter(|exchange| around.contains(&exchange.t2)).collect()
}

fn is_loopback(address: &str) -> bool {
    address.parse::<std::net::SocketAddr>().is_ok_and(|address| address.ip().is_loopback())
}
