//! What hosts have answered to the controller, which asks for their clocks, and when that was.
//!
//! Instants of a host are nanoseconds of its CLOCK_MONOTONIC_RAW since its epoch in `run.json`; those of the controller since the
//! epoch of its own host, or, where that is none of the plan's, since the run's.

use std::ops::RangeInclusive;
use std::path::Path;

use rpycbench_measure::clock::{Assumptions, Break, Constraints, Exchange, Mapping};

use crate::store::manifest::{HostRecord, Manifest};
use crate::store::probes::{self, ProbeRow};

/// All questions of a run.
#[derive(Default)]
pub(super) struct Asked {
    rows: Vec<ProbeRow>,
    /// Why there are none, though some were asked.
    pub(super) lost: Option<String>,
}

impl Asked {
    /// Reads them. Where they are lost, or of another clock, bounds are wider, and hold.
    pub(super) fn read(run_folder: &Path, manifest: &Manifest) -> Self {
        if manifest.clocks.is_empty() {
            return Self::default();
        }
        let path = run_folder.join("clock.parquet");
        let lost = |why: String| Self { rows: Vec::new(), lost: Some(why) };
        match probes::read(&path) {
            Ok(_) if !path.exists() => lost(format!("there is no {}", path.display())),
            Ok(mut rows) => {
                rows.retain(|row| !manifest.other_clocks.contains(&row.host));
                Self { rows, lost: None }
            }
            Err(error) => lost(format!("cannot read {}: {}", path.display(), error.source)),
        }
    }
}

/// Adds what they say of the clock of the host that was asked and the controller's.
pub(super) fn add(constraints: &mut Constraints, questions: impl Iterator<Item = Question>) {
    for question in questions {
        // One that is out of order bounds nothing.
        let _ = constraints.push_exchange(question.exchange());
    }
}

/// A question of the controller that was answered: its stamps of t1 and t4, the host's of t2 and t3.
#[derive(Clone, Copy)]
pub(super) struct Question {
    pub(super) t1: i64,
    pub(super) t2: i64,
    pub(super) t3: i64,
    pub(super) t4: i64,
}

impl Question {
    fn exchange(self) -> Exchange {
        let Self { t1, t2, t3, t4 } = self;
        Exchange::from_truncated(t1, t2, t3, t4)
    }
}

/// A host of the run.
pub(super) struct Host<'a> {
    manifest: &'a Manifest,
    name: &'a str,
    record: &'a HostRecord,
    /// Its clock was asked for.
    pub(super) is_asked: bool,
    /// It is the controller's.
    pub(super) is_own: bool,
}

impl<'a> Host<'a> {
    pub(super) fn of(manifest: &'a Manifest, name: &'a str) -> Option<Self> {
        let record = manifest.hosts.get(name)?;
        let is_asked = manifest.clocks.iter().any(|it| it.host == name);
        Some(Self { manifest, name, record, is_asked, is_own: !is_asked && is_loopback(&record.agent) })
    }

    /// What its clock showed at its epoch.
    pub(super) fn epoch(&self) -> i64 {
        self.record.epoch_raw_ns
    }

    /// The questions that it answered within that time of its own.
    pub(super) fn questions(&self, asked: &Asked, within: RangeInclusive<i64>) -> impl Iterator<Item = Question> {
        let epoch = controller_epoch(self.manifest);
        let question = move |row: &ProbeRow| {
            let [t2, t3, t4] = row.answer_ns?;
            let here = |ns: i64| ns.checked_sub(epoch);
            let there = |ns: i64| ns.checked_sub(self.epoch());
            Some(Question { t1: here(row.t1_ns)?, t2: there(t2)?, t3: there(t3)?, t4: here(t4)? })
        };
        let of_it = asked.rows.iter().filter(|row| row.host == self.name).filter_map(question);
        of_it.filter(move |question| within.contains(&question.t2))
    }

    /// From the controller's clock to its own, by the questions that it answered within that time of its own.
    pub(super) fn of_controller_to_own(&self, asked: &Asked, within: RangeInclusive<i64>) -> Mapping {
        let mut constraints = Constraints::default();
        for Question { t1, t2, t3, t4 } in self.questions(asked, within) {
            let _ = constraints.push_lower(t3, t4.saturating_add(1));
            let _ = constraints.push_upper(t1, t2.saturating_add(1));
        }
        Mapping::new(&constraints, &[], Assumptions::default())
    }

    /// When it slept, by its own clock.
    pub(super) fn breaks(&self) -> impl Iterator<Item = Break> {
        let events = self.manifest.clocks.iter().filter(|it| it.host == self.name).flat_map(|it| &it.events);
        let there = |ns: i64| ns.saturating_sub(self.epoch());
        events
            .filter(|event| event.kind == "slept")
            .map(move |it| Break::between(there(it.from_raw_ns), there(it.to_raw_ns)))
    }
}

/// What the controller's clock showed at its epoch.
pub(super) fn controller_epoch(manifest: &Manifest) -> i64 {
    let own = manifest.hosts.keys().filter_map(|name| Host::of(manifest, name)).find(|host| host.is_own);
    own.map_or(manifest.epoch_raw_ns, |host| host.epoch())
}

fn is_loopback(address: &str) -> bool {
    address.parse::<std::net::SocketAddr>().is_ok_and(|address| address.ip().is_loopback())
}
