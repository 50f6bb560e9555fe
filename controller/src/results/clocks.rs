//! What is known of hosts' clocks during a block: from the controller's questions, and from the calls themselves, whose requests
//! and answers pass between the two hosts like questions do.
//!
//! Instants of a host are nanoseconds of its CLOCK_MONOTONIC_RAW since its epoch in `run.json`; those of the controller since the
//! epoch of its own host, or, where that is none of the plan's, since the run's.

use std::path::Path;

use rpycbench_measure::clock::{Assumptions, Break, Call, Constraints, Exchange, Mapping};

use crate::store::manifest::{HostRecord, Manifest};
use crate::store::probes::{self, ProbeRow};

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
pub(super) fn of_both_ends(run_folder: &Path, manifest: &Manifest, topology: &str, calls: &[Call]) -> Clocks {
    let Some(topology) = manifest.topologies.iter().find(|it| it.name == topology) else { return Clocks::Same };
    if topology.client == topology.server {
        return Clocks::Same;
    }
    let mut constraints = of_calls(calls);
    let (client, server) = (Host::of(manifest, &topology.client), Host::of(manifest, &topology.server));
    let (Some(client), Some(server)) = (client, server) else {
        return Clocks::Two(Box::new(Mapping::new(&constraints, &[], Assumptions::default())));
    };
    let asked = questions(run_folder);
    if client.is_own {
        add(&mut constraints, server.questions(&asked, around(calls)));
    } else if client.breaks().next().is_none() {
        // The controller's clock, in between, by that of who drives.
        let to_client = client.of_controller_to_own(&asked);
        for Question { t1, t2, t3, t4 } in server.questions(&asked, around(calls)) {
            let (sent, back) =
                (to_client.convert(t1).interval.low, to_client.convert(t4.saturating_add(1)).interval.high);
            let _ = sent.map(|sent| constraints.push_lower(sent, t2.saturating_add(1)));
            let _ = back.map(|back| constraints.push_upper(t3, back));
        }
    }
    Clocks::Two(Box::new(Mapping::new(&constraints, &server.breaks().collect::<Vec<_>>(), Assumptions::default())))
}

/// The clocks of who serves a topology and of the controller, during these calls; none where nobody has asked.
pub(super) fn of_controller(run_folder: &Path, manifest: &Manifest, topology: &str, calls: &[Call]) -> Option<Clocks> {
    let topology = manifest.topologies.iter().find(|it| it.name == topology)?;
    let server = Host::of(manifest, &topology.server)?;
    if server.is_own {
        return Some(Clocks::Same);
    }
    let is_driven_here = Host::of(manifest, &topology.client).is_some_and(|client| client.is_own);
    let mut constraints = if is_driven_here { of_calls(calls) } else { Constraints::default() };
    let asked = questions(run_folder);
    add(&mut constraints, server.questions(&asked, around(calls)));
    let breaks: Vec<_> = server.breaks().collect();
    (!constraints.is_empty())
        .then(|| Clocks::Two(Box::new(Mapping::new(&constraints, &breaks, Assumptions::default()))))
}

fn questions(run_folder: &Path) -> Vec<ProbeRow> {
    // Without it nothing was asked, or it is lost: bounds are wider, and hold.
    probes::read(&run_folder.join("clock.parquet")).unwrap_or_default()
}

/// What calls say of the two clocks that have stamped them.
fn of_calls(calls: &[Call]) -> Constraints {
    let mut constraints = Constraints::default();
    let every = calls.len().div_ceil(MOST_CONSTRAINTS).max(1);
    for call in calls.iter().step_by(every) {
        // Whole nanoseconds are cut off: what was received may have been so until the next.
        let _ = constraints.push_lower(call.start, call.received.saturating_add(1));
        let _ = constraints.push_upper(call.answered, call.end.saturating_add(1));
    }
    constraints
}

fn add(constraints: &mut Constraints, questions: impl Iterator<Item = Question>) {
    for question in questions {
        // One that is out of order bounds nothing.
        let _ = constraints.push_exchange(question.exchange());
    }
}

/// Instants of the host that serves, of calls and a while around them.
fn around(calls: &[Call]) -> std::ops::RangeInclusive<i64> {
    let received = || calls.iter().map(|call| call.received);
    let (first, last) = (received().min().unwrap_or(0), received().max().unwrap_or(0));
    first.saturating_sub(AROUND_NS)..=last.saturating_add(AROUND_NS)
}

/// A question of the controller that was answered: its stamps of t1 and t4, the host's of t2 and t3.
#[derive(Clone, Copy)]
struct Question {
    t1: i64,
    t2: i64,
    t3: i64,
    t4: i64,
}

impl Question {
    fn exchange(self) -> Exchange {
        let Self { t1, t2, t3, t4 } = self;
        Exchange::from_truncated(t1, t2, t3, t4)
    }
}

/// A host of the run.
struct Host<'a> {
    manifest: &'a Manifest,
    name: &'a str,
    record: &'a HostRecord,
    /// It is the controller's.
    is_own: bool,
}

impl<'a> Host<'a> {
    fn of(manifest: &'a Manifest, name: &'a str) -> Option<Self> {
        let record = manifest.hosts.get(name)?;
        let is_asked = manifest.clocks.iter().any(|it| it.host == name);
        Some(Self { manifest, name, record, is_own: !is_asked && is_loopback(&record.agent) })
    }

    /// The questions that it answered within that time of its own.
    fn questions(&self, asked: &[ProbeRow], within: std::ops::RangeInclusive<i64>) -> impl Iterator<Item = Question> {
        let epoch = controller_epoch(self.manifest);
        let question = move |row: &ProbeRow| {
            let [t2, t3, t4] = row.answer_ns?;
            let here = |ns: i64| ns.checked_sub(epoch);
            let there = |ns: i64| ns.checked_sub(self.record.epoch_raw_ns);
            Some(Question { t1: here(row.t1_ns)?, t2: there(t2)?, t3: there(t3)?, t4: here(t4)? })
        };
        let of_it = asked.iter().filter(|row| row.host == self.name).filter_map(question);
        of_it.filter(move |question| within.contains(&question.t2))
    }

    /// From the controller's clock to its own.
    fn of_controller_to_own(&self, asked: &[ProbeRow]) -> Mapping {
        let mut constraints = Constraints::default();
        for Question { t1, t2, t3, t4 } in self.questions(asked, i64::MIN..=i64::MAX) {
            let _ = constraints.push_lower(t3, t4.saturating_add(1));
            let _ = constraints.push_upper(t1, t2.saturating_add(1));
        }
        Mapping::new(&constraints, &[], Assumptions::default())
    }

    /// When it slept, by its own clock.
    fn breaks(&self) -> impl Iterator<Item = Break> {
        let events = self.manifest.clocks.iter().filter(|it| it.host == self.name).flat_map(|it| &it.events);
        let there = |ns: i64| ns.saturating_sub(self.record.epoch_raw_ns);
        events
            .filter(|event| event.kind == "slept")
            .map(move |it| Break::between(there(it.from_raw_ns), there(it.to_raw_ns)))
    }
}

/// What the controller's clock showed at its epoch.
fn controller_epoch(manifest: &Manifest) -> i64 {
    let own = manifest.hosts.keys().filter_map(|name| Host::of(manifest, name)).find(|host| host.is_own);
    own.map_or(manifest.epoch_raw_ns, |host| host.record.epoch_raw_ns)
}

fn is_loopback(address: &str) -> bool {
    address.parse::<std::net::SocketAddr>().is_ok_and(|address| address.ip().is_loopback())
}
