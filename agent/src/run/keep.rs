//! What the agent keeps of a run's samples, and what becomes of it.

use rpycbench_measure::{Stamping, Workload};
use rpycbench_proto::message::{CellId, CellName, Event, Part, Stream};

use super::{Ended, Run, whole_run};
use crate::{drive, spool};

impl Run<'_> {
    /// Whether a load of that size is allowed, and its samples have room, which is theirs then.
    pub(super) fn may_arm(&mut self, cell: CellId, workload: &Workload) -> Result<(), String> {
        self.terms.limits.workload(workload).map_err(|denial| denial.to_string())?;
        self.reserve(cell, drive::spooled_bytes(workload))
    }

    /// Whether the stamps of a server have room, which is theirs then.
    pub(super) fn may_stamp(&mut self, cell: CellId, stamping: Option<Stamping>) -> Result<(), String> {
        let Some(stamping) = stamping else { return Ok(()) };
        let reserved = self.reserve(cell, stamping.bytes());
        reserved.map_err(|refusal| {
            format!("{refusal}; a plan without stamps = \"on\" in [study] asks for no room for stamps")
        })
    }

    /// Sets so many bytes aside until the cell is over: several may be under way, each with two streams.
    fn reserve(&mut self, cell: CellId, needed: u64) -> Result<(), String> {
        let (limits, spool) = (&self.terms.limits, &self.terms.spool);
        let kept = spool.used(self.opened.as_deref().unwrap_or_default()).map_err(|error| error.to_string())?;
        let reserved = self.cells.values().fold(0, |sum: u64, cell| sum.saturating_add(cell.reserved));
        limits.spool(kept.saturating_add(reserved), needed).map_err(|denial| denial.to_string())?;
        spool.room_for(reserved.saturating_add(needed)).map_err(|error| error.to_string())?;
        let entered = self.cells.entry(cell).or_default();
        entered.reserved = entered.reserved.saturating_add(needed);
        Ok(())
    }

    /// The name of a cell's samples or stamps.
    pub(super) fn stream(&self, cell: CellName, attempt: u32, part: Part) -> Stream {
        let run_id = self.opened.clone().unwrap_or_default();
        Stream { run_id, agent: self.terms.agent.clone(), cell, attempt, part }
    }

    /// Tells what is kept of the run.
    pub(super) async fn collect(&self) {
        let run_id = self.opened.as_deref().unwrap_or_default();
        match self.terms.spool.kept(run_id, &self.terms.agent) {
            Ok(streams) => self.send(Event::Kept { streams }).await,
            Err(error) => self.send(whole_run("collect", error.to_string())).await,
        }
    }

    /// Sends a stream that is kept.
    pub(super) fn hand_over(&mut self, cell: CellId, stream: Stream) {
        let (kept, events) = (self.terms.spool.clone(), self.events.clone());
        let own = self.is_own(&stream);
        let handing_over = async move {
            own?;
            spool::hand_over(&kept, &stream, cell, &events).await.map_err(|error| error.to_string())
        };
        self.tasks.spawn(async move { Ended::HandedOver(cell, handing_over.await.err().unwrap_or_default()) });
    }

    /// Lets go of a stream that the controller has on its disk.
    pub(super) fn forget(&self, stream: &Stream) {
        let forgotten =
            self.is_own(stream).and_then(|()| self.terms.spool.forget(stream).map_err(|error| error.to_string()));
        if let Err(reason) = forgotten {
            // It is offered again when its run is resumed, and is removed in a week.
            tracing::warn!(%reason, cell = %stream.cell, "what is stored elsewhere stays here");
        }
    }

    /// A controller has the say over the streams of its run alone.
    fn is_own(&self, stream: &Stream) -> Result<(), String> {
        if self.opened.as_deref() == Some(&stream.run_id) && stream.agent == self.terms.agent {
            return Ok(());
        }
        Err(format!("{} of run {} is not of this run and agent", stream.cell, stream.run_id))
    }
}
