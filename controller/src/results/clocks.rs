//! What is known of hosts' clocks during a block: from the controller's questions, and from the calls themselves, whose requests
//! and answers pass between the two hosts like questions do.
//!
//! Instants are as in [`asked`](super::asked).

use std::ops::RangeInclusive;

use rpycbench_measure::clock::{Assumptions, Call, Constraints, Mapping};

use super::asked::{self, Asked, Host, Question};
use crate::store::manifest::Manifest;

/// Calls that bound the clocks, of a block: more of them tell nothing new, and take their time.
const MOST_CONSTRAINTS: usize = 50_000;
/// Questions that were asked so long before or after a block say something about the clocks within it.
const AROUND_NS: i64 = 2_000_000_000;

/// Two clocks during a block.
pub(super) enum Clocks {
    /// They are one.
    Same,
    /// From that of who serves to the other.
    Two(Box<Mapping>),
}

/// The clocks of who serves and who drives a topology, during these calls.
pub(super) fn of_both_ends(asked: &Asked, manifest: &Manifest, topology: &str, calls: &[Call]) -> Clocks {
    let Some(topology) = manifest.topologies.iter().find(|it| it.name == topology) else { return Clocks::Same };
    if topology.client == topology.server {
        return Clocks::Same;
    }
    let mut constraints = of_calls(calls);
    let (client, server) = (Host::of(manifest, &topology.client), Host::of(manifest, &topology.server));
    let (Some(client), Some(server)) = (client, server) else {
        return Clocks::Two(Box::new(Mapping::new(&constraints, &[], Assumptions::default())));
    };
    if client.is_own {
        asked::add(&mut constraints, server.questions(asked, around(calls)));
    } else if client.breaks().next().is_none() {
        // The controller's clock, in between, by that of who drives.
        let to_client = client.of_controller_to_own(asked, around_driven(calls));
        for Question { t1, t2, t3, t4 } in server.questions(asked, around(calls)) {
            let (sent, back) =
                (to_client.convert(t1).interval.low, to_client.convert(t4.saturating_add(1)).interval.high);
            let _ = sent.map(|sent| constraints.push_lower(sent, t2.saturating_add(1)));
            let _ = back.map(|back| constraints.push_upper(t3, back));
        }
    }
    Clocks::Two(Box::new(Mapping::new(&constraints, &server.breaks().collect::<Vec<_>>(), Assumptions::default())))
}

/// The clocks of who serves a topology and of the controller, during these calls; none where nobody has asked.
pub(super) fn of_controller(asked: &Asked, manifest: &Manifest, topology: &str, calls: &[Call]) -> Option<Clocks> {
    let topology = manifest.topologies.iter().find(|it| it.name == topology)?;
    let server = Host::of(manifest, &topology.server)?;
    if server.is_own {
        return Some(Clocks::Same);
    }
    let is_driven_here = Host::of(manifest, &topology.client).is_some_and(|client| client.is_own);
    let mut constraints = if is_driven_here { of_calls(calls) } else { Constraints::default() };
    asked::add(&mut constraints, server.questions(asked, around(calls)));
    let breaks: Vec<_> = server.breaks().collect();
    (!constraints.is_empty())
        .then(|| Clocks::Two(Box::new(Mapping::new(&constraints, &breaks, Assumptions::default()))))
}

/// What calls say of the two clocks that have stamped them.
pub(super) fn of_calls(calls: &[Call]) -> Constraints {
    let mut constraints = Constraints::default();
    let every = calls.len().div_ceil(MOST_CONSTRAINTS).max(1);
    for call in calls.iter().step_by(every) {
        // Whole nanoseconds are cut off: what was received may have been so until the next.
        let _ = constraints.push_lower(call.start, call.received.saturating_add(1));
        let _ = constraints.push_upper(call.answered, call.end.saturating_add(1));
    }
    constraints
}

/// Instants of the host that serves, of calls and a while around them.
pub(super) fn around(calls: &[Call]) -> RangeInclusive<i64> {
    widened(calls.iter().map(|call| call.received))
}

/// The same of the host that drives.
pub(super) fn around_driven(calls: &[Call]) -> RangeInclusive<i64> {
    widened(calls.iter().map(|call| call.start))
}

fn widened(instants: impl Iterator<Item = i64> + Clone) -> RangeInclusive<i64> {
    let (first, last) = (instants.clone().min().unwrap_or(0), instants.max().unwrap_or(0));
    first.saturating_sub(AROUND_NS)..=last.saturating_add(AROUND_NS)
}
