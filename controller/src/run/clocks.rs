//! What a run learns of its agents' clocks: a burst of questions before and after each cell of two hosts, while servers and
//! drivers start and end, some now and then in between, and a last burst when the run ends.
//!
//! The agent on the controller's own host reads the same clock, and is not asked.

use std::path::Path;
use std::time::Duration;

use tonic::transport::Channel;

use super::{Run, RunError};
use crate::clock::{ClockSession, Offset};
use crate::plan::{AgentAddress, Cell};
use crate::store::FolderError;
use crate::store::manifest::{ClockEventRecord, ClockRecord};
use crate::store::probes::{self, ProbeRow};

/// In the run folder.
const FILE: &str = "clock.parquet";
/// After a hundred the estimate hardly gets better.
const BURST: u32 = 128;
/// Often enough that in between no clock wanders far, seldom enough to disturb nothing.
const PACE: Duration = Duration::from_millis(100);

impl Run<'_> {
    /// Begins to ask an agent for its clock, if its host has one of its own.
    pub(super) async fn know_clock(&mut self, host: usize, channel: Channel, address: &str) {
        let plan = &self.settings.plan;
        let is_own = matches!(plan.hosts[host].agent, AgentAddress::Local);
        if is_own || !plan.asks_for_clocks {
            return;
        }
        match ClockSession::open(channel, address, false).await {
            Ok(session) => drop(self.clocks.insert(host, session)),
            Err(error) => {
                let name = plan.hosts[host].name.clone();
                self.warn(format!("the clock of {name} is not known: {error}"));
            }
        }
    }

    /// A cell begins, or has been driven. One of a single host has no use for another clock.
    pub(super) fn ask_for_clocks(&self, cell: Cell) {
        let hosts = self.hosts_of(cell);
        for session in hosts.iter().filter_map(|host| self.clocks.get(host)).filter(|_| hosts.len() > 1) {
            session.burst(BURST);
            session.pace(Some(PACE));
        }
    }

    /// No cell of these hosts is left that needs their clocks.
    pub(super) fn leave_clocks(&self, hosts: &[usize]) {
        for session in hosts.iter().filter_map(|host| self.clocks.get(host)) {
            session.pace(None);
        }
    }

    /// Ends all questions, and writes down what came of them.
    ///
    /// # Errors
    /// When the file of probes cannot be read or written.
    pub(super) async fn write_clocks(&mut self) -> Result<(), RunError> {
        if self.clocks.is_empty() && self.earlier_clocks.is_empty() {
            return Ok(());
        }
        let path = self.folder.path().join(FILE);
        let mut rows = self.earlier_probes(&path)?;
        let mut sessions: Vec<(usize, ClockSession)> =
            self.earlier_clocks.drain(..).chain(self.clocks.drain()).collect();
        // Of one host in the order in which they were.
        sessions.sort_by_key(|(host, _)| *host);
        // All at once, before any is waited for: what is told of clocks is about one time, the end of the run.
        sessions.iter().for_each(|(_, session)| session.burst(BURST));
        for (host, session) in sessions {
            session.pace(None);
            session.settle().await;
            let name = self.settings.plan.hosts[host].name.clone();
            let number = rows.iter().filter(|row| row.host == name).map(|row| row.session + 1).max().unwrap_or(0);
            let all = session.with_probes(|probes| probes.all());
            rows.extend(all.iter().map(|probe| probe.row(&name, number)));
            let clock = record(name, number, &session);
            self.warn_of_forged(&clock);
            self.manifest.clocks.push(clock);
        }
        Ok(probes::write(&path, &rows)?)
    }
}

impl Run<'_> {
    /// What was asked before the run was taken up again. A file that cannot be read is put aside.
    fn earlier_probes(&mut self, path: &Path) -> Result<Vec<ProbeRow>, FolderError> {
        probes::read(path).or_else(|error| {
            let aside = format!("{FILE}.damaged");
            self.folder.rename(FILE, &aside)?;
            let left = "what is known of clocks before the run was taken up again is left out";
            self.warn(format!("{left}: {}: {}; it is kept as {aside}", error.path.display(), error.source));
            Ok(Vec::new())
        })
    }

    /// Names what somebody has made up, and when. Nothing is concluded from it.
    fn warn_of_forged(&mut self, clock: &ClockRecord) {
        let Some(between) = clock.forged_between_raw_ns else { return };
        let [first_s, last_s] = between.map(|seen| (seen - self.manifest.epoch_raw_ns) as f64 / 1e9);
        self.warn(format!(
            "{} answers about the clock of {} that its agent had not given, or to what nobody had asked, came between {first_s:.3} \
             and {last_s:.3} s of the run: somebody on the way makes up or repeats datagrams; they count for nothing, and bounds \
             hold without them",
            clock.forged, clock.host
        ));
    }
}

/// What a reader is told of a session; the probes have it all.
fn record(host: String, number: i32, session: &ClockSession) -> ClockRecord {
    session.with_probes(|probes| {
        let (offset, forged) = (Offset::of(probes), probes.forged());
        let around = |around: Option<crate::clock::Around>| around.map(|it| [it.offset_ns, it.bound_ns]);
        let events = probes.breaks().iter().map(|it| ClockEventRecord {
            kind: if it.slept { "slept" } else { "set" }.to_owned(),
            by_ns: it.by_ns,
            from_raw_ns: it.from_ns,
            to_raw_ns: it.to_ns,
        });
        ClockRecord {
            host,
            session: number,
            transport: session.transport().name().to_owned(),
            stamps: offset.map_or(String::new(), |it| it.stamps.name().to_owned()),
            probes: probes.whole().len() as u64,
            lost: probes.unanswered() as u64,
            forged: forged.count,
            forged_between_raw_ns: forged.between_ns,
            offset_ns: offset.and_then(|it| around(it.hard)),
            hull_offset_ns: offset.and_then(|it| around(it.hull)),
            drift_ppb: offset.and_then(|it| it.drift_ppb),
            assumption_adjusted: offset.is_some_and(|it| it.is_adjusted),
            events: events.collect(),
        }
    })
}
