//! Whether three clocks agree: of who drives a topology, of who serves it, and the controller's, where that is neither's.
//!
//! At one instant, the calls bound how far the first two are apart, and the controller's questions how far each is from its own.
//! Around a circle of clocks differences add up to nothing. So any two of these bounds say something of the third pair: together
//! they are tighter, or contradict each other, which is a proof that a stamp or a clock lies that no two hosts would see.

use std::path::Path;

use rpycbench_measure::clock::{
    Assumptions, Call, Constraints, DifferenceMatrix, Interval, Mapping, NegativeCycle, tighten,
};

use super::asked::{self, Asked, Host};
use super::clocks::{around, around_driven, of_calls};
use super::parallel::in_parallel;
use super::schema::{ClockContradictionResult, ClockPairResult, ClockPairsResult};
use super::stamped::Stamped;
use crate::store::manifest::{Manifest, TopologyRecord};

/// One of three clocks, by its place in a [`DifferenceMatrix`].
#[derive(Clone, Copy)]
enum Clock {
    Controller,
    Driver,
    Server,
}

use self::Clock::{Controller, Driver, Server};

/// By their places.
const CLOCKS: [Clock; 3] = [Controller, Driver, Server];

/// How far a clock is ahead of another, ns of CLOCK_MONOTONIC_RAW.
#[derive(Clone, Copy)]
struct Ahead {
    clock: Clock,
    of: Clock,
    by: Interval,
}

/// All topologies with three clocks whose servers have stamped, in the plan's order.
pub(super) fn of(run_folder: &Path, manifest: &Manifest, asked: &Asked) -> Vec<ClockPairsResult> {
    let found = in_parallel(&manifest.topologies, |topology| of_topology(run_folder, manifest, asked, topology));
    found.into_iter().flatten().collect()
}

fn of_topology(
    run_folder: &Path,
    manifest: &Manifest,
    asked: &Asked,
    topology: &TopologyRecord,
) -> Option<ClockPairsResult> {
    let (driver, server) = (Host::of(manifest, &topology.client)?, Host::of(manifest, &topology.server)?);
    let is_other = |name: &String| manifest.other_clocks.contains(name);
    if is_other(&topology.client) || is_other(&topology.server) {
        return None;
    }
    // A sleep of the one that drives is in what it stamps, at an instant that no other clock knows.
    if topology.client == topology.server || !(driver.is_asked && server.is_asked) || driver.breaks().next().is_some() {
        return None;
    }
    let last_first = manifest.cells.iter().rev().filter(|it| it.topology == topology.name && it.stored > 0);
    let stamped = last_first.filter_map(|record| Stamped::read(run_folder, record));
    let calls = stamped.map(|it| it.calls).find(|calls| !calls.is_empty())?;
    let instant = Instant::amid(asked, manifest, [&driver, &server], &calls)?;
    Some(instant.result(topology))
}

/// What is known of three clocks at one instant.
struct Instant {
    /// By the clock of who serves, since its epoch.
    at_ns: i64,
    from_calls: Ahead,
    from_questions: [Ahead; 2],
}

impl Instant {
    /// The middle of these calls; none where clocks were read beyond all measure.
    fn amid(asked: &Asked, manifest: &Manifest, hosts: [&Host<'_>; 2], calls: &[Call]) -> Option<Self> {
        let ([driver, server], then) = (hosts, around(calls));
        let at_ns = then.start().midpoint(*then.end());
        let breaks: Vec<_> = server.breaks().collect();
        let from_server = |known: &Constraints| Mapping::new(known, &breaks, Assumptions::default());
        let mut answers = Constraints::default();
        asked::add(&mut answers, server.questions(asked, then));
        let (to_driver, to_controller) = (from_server(&of_calls(calls)), from_server(&answers));
        // Nobody read the controller's clock then: what the driver's is ahead of it has to hold for all that it may have shown.
        let controller_shows = to_controller.convert(at_ns).interval;
        // Of the same while at either host, whose questions are then of one controller: the clock of another is another.
        let of_controller = driver.of_controller_to_own(asked, around_driven(calls));
        let driver_ahead = of_controller.ahead(controller_shows);
        let at = Interval::new(at_ns, at_ns);
        let epoch = |clock| match clock {
            Controller => asked::controller_epoch(manifest),
            Driver => driver.epoch(),
            Server => server.epoch(),
        };
        let ahead = |clock, of, by: Interval| {
            let by = by.plus(epoch(clock).checked_sub(epoch(of))?);
            Some(Ahead { clock, of, by })
        };
        Some(Self {
            at_ns,
            from_calls: ahead(Driver, Server, to_driver.ahead(at))?,
            from_questions: [
                ahead(Controller, Server, to_controller.ahead(at))?,
                ahead(Driver, Controller, driver_ahead)?,
            ],
        })
    }

    fn result(&self, topology: &TopologyRecord) -> ClockPairsResult {
        let [first, second] = self.from_questions;
        let from_calls = tightened(&[self.from_calls]);
        let from_questions = tightened(&[first, second]);
        let together = tightened(&[self.from_calls, first, second]);
        let name = |clock: Clock| match clock {
            Controller => "the controller".to_owned(),
            Driver => topology.client.clone(),
            Server => topology.server.clone(),
        };
        let pair = |(clock, of): (Clock, Clock)| ClockPairResult {
            of: name(clock),
            against: name(of),
            from_calls: offset(&from_calls, clock, of),
            from_questions: offset(&from_questions, clock, of),
            together: offset(&together, clock, of),
        };
        let contradiction = |NegativeCycle { hosts, by_ns }| ClockContradictionResult {
            hosts: hosts.into_iter().filter_map(|place| CLOCKS.get(place)).map(|&clock| name(clock)).collect(),
            by_ns,
        };
        ClockPairsResult {
            topology: topology.name.clone(),
            at_ns: self.at_ns,
            pairs: [(Driver, Server), (Driver, Controller), (Server, Controller)].map(pair).into(),
            contradiction: together.as_ref().err().cloned().map(contradiction),
        }
    }
}

/// All that follows from some bounds.
fn tightened(bounds: &[Ahead]) -> Result<DifferenceMatrix, NegativeCycle> {
    let mut matrix = DifferenceMatrix::new(CLOCKS.len());
    for &Ahead { clock, of, by } in bounds {
        // Both are among them.
        let _ = matrix.bound(of as usize, clock as usize, by);
    }
    tighten(&mut matrix).map(|()| matrix)
}

/// The middle, and how far the truth may be from it.
fn offset(known: &Result<DifferenceMatrix, NegativeCycle>, clock: Clock, of: Clock) -> Option<[i64; 2]> {
    let difference = known.as_ref().ok()?.difference(of as usize, clock as usize);
    // Rounded down: the upper end is never the nearer one.
    let middle = difference.mid()?;
    Some([middle, difference.high?.checked_sub(middle)?])
}
