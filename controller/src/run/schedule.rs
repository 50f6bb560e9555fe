//! Which cell runs when: one after the other, or side by side where they share no host.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use rpycbench_proto::{Command, Event};

use super::cell::Going;
use super::regain::Lost;
use super::{Heed, Next, Run, RunError, record};
use crate::conversation::FromAgent;
use crate::plan::Cell;
use crate::progress::RunEvent;
use crate::store::manifest::CellStatus;

/// A cell and its place in the order, from 1.
pub(super) type Numbered = (usize, Cell);

impl Run<'_> {
    /// Runs the cells, until one cannot be kept, no agent is left for them, or the user has had enough. Every cell ends up in
    /// the manifest, with the reason where it did not run.
    ///
    /// # Errors
    /// When samples or the manifest cannot be written.
    pub(super) async fn measure(&mut self) -> Result<(), RunError> {
        let mut waiting: VecDeque<Numbered> = (1..).zip(self.settings.cells.iter().copied()).collect();
        let mut going = Vec::new();
        let outcome = self.go_on(&mut waiting, &mut going, Instant::now()).await;
        let reason = if outcome.is_err() { "the run could not go on" } else { "the run was interrupted" };
        for cell in going {
            self.manifest.cells.push(cell.abandon(reason));
        }
        for (_, cell) in waiting {
            self.leave_out(cell, reason);
        }
        outcome
    }

    async fn go_on(
        &mut self,
        waiting: &mut VecDeque<Numbered>,
        going: &mut Vec<Going>,
        began: Instant,
    ) -> Result<(), RunError> {
        let mut heed = Heed::Drain;
        // Of the run before it was taken up again.
        let before_s = self.manifest.cells_wall_s;
        loop {
            if heed == Heed::Drain {
                self.start_what_may(waiting, going).await?;
            }
            if going.is_empty() && heed == Heed::Drain && waiting.is_empty() && self.add_block(waiting).await? {
                continue;
            }
            if going.is_empty() {
                return Ok(());
            }
            match self.next(heed).await {
                Next::Drain => {
                    heed = Heed::EventsOnly;
                    going.iter_mut().for_each(Going::interrupt);
                }
                Next::Tick => going.iter().for_each(|cell| self.reporter.tell(&cell.progress())),
                Next::From(host, FromAgent::Silent(time)) => {
                    let name = &self.settings.plan.hosts[host].name;
                    going.iter_mut().for_each(|cell| cell.was_silent(host, name, time));
                }
                Next::From(host, FromAgent::Lost(reason)) => self.lose(host, Lost::Silent(&reason), going),
                Next::From(host, FromAgent::Banned(since)) => self.lose(host, Lost::Banned(&since), going),
                Next::From(host, FromAgent::Event(event)) => self.hear(host, *event, going)?,
            }
            for cell in going.iter_mut() {
                let commands = cell.advance();
                if commands.iter().any(|(_, command)| matches!(command, Command::Stop { .. })) {
                    self.ask_for_clocks(cell.cell());
                }
                for (host, command) in commands {
                    self.send(host, command).await;
                }
            }
            let stuck: Vec<usize> = going.iter().flat_map(Going::stuck).collect();
            for host in stuck {
                self.lose(host, Lost::Stuck, going);
            }
            for over in going.extract_if(.., |cell| cell.is_over()) {
                self.leave_clocks(&self.hosts_of(over.cell()));
                let sources = over.sources();
                self.finish(over)?;
                self.manifest.cells_wall_s = before_s + began.elapsed().as_secs_f64();
                self.folder.save(&self.manifest)?;
                // Only now are the samples on this disk, and it is on it that they are.
                for (host, stream) in sources {
                    self.send(host, Command::Stored { stream }).await;
                }
            }
        }
    }

    /// Hands what an agent says to the cell it has a role in, of which there is one at a time.
    fn hear(&mut self, host: usize, event: Event, going: &mut [Going]) -> Result<(), RunError> {
        if let Event::Serving { pinned, .. } | Event::Armed { pinned, .. } = &event
            && !pinned.note.is_empty()
        {
            self.warn(format!("placement on {}: {}", self.settings.plan.hosts[host].name, pinned.note));
        }
        if let Some(cell) = going.iter_mut().find(|cell| cell.uses(host)) {
            cell.take(host, event)?;
            if cell.is_driving() {
                self.reporter.tell(&cell.progress());
            }
        }
        Ok(())
    }

    /// Starts every cell that may run now.
    async fn start_what_may(
        &mut self,
        waiting: &mut VecDeque<Numbered>,
        going: &mut Vec<Going>,
    ) -> Result<(), RunError> {
        while let Some(place) = self.next_to_start(waiting, going) {
            let left_s = self.left(waiting.iter().map(|&(_, cell)| cell).chain(going.iter().map(Going::cell)));
            let Some((number, cell)) = waiting.remove(place) else { return Ok(()) };
            for host in self.hosts_of(cell) {
                self.regain(host).await;
            }
            if let Some(reason) = self.hosts_of(cell).iter().find_map(|host| Some(self.lost.get(host)?.reason.clone()))
            {
                self.leave_out(cell, &reason);
                continue;
            }
            let agent = |host| self.agent_name(host);
            let starting = Going::new(&self.settings.plan, cell, number, &self.manifest, self.folder.path(), agent)?;
            self.reporter.tell(&RunEvent::CellStarted {
                cell: starting.name().to_owned(),
                number,
                of: self.settings.cells.len(),
                expected_s: self.expected(cell).as_secs_f64(),
                left_s,
            });
            self.ask_for_clocks(cell);
            for (host, command) in starting.begin(&self.settings.plan, self.serve_address(cell.topology)) {
                self.send(host, command).await;
            }
            going.push(starting);
        }
        Ok(())
    }

    /// The first cell of the block under way that shares no host with one that is going. A block begins when the one before
    /// is over: blocks are repetitions of each other. What needs an agent that may come back comes when nothing else can go on.
    fn next_to_start(&self, waiting: &VecDeque<Numbered>, going: &[Going]) -> Option<usize> {
        if !self.settings.plan.parallel && !going.is_empty() {
            return None;
        }
        let (_, first) = waiting.front()?;
        let beside = |cell: Cell, other: &Going| {
            cell.block == other.cell().block && !self.hosts_of(cell).iter().any(|&host| other.uses(host))
        };
        let of_block = waiting.iter().take_while(|(_, cell)| cell.block == first.block);
        let waits =
            |cell: Cell| self.settings.plan.parallel && self.hosts_of(cell).iter().any(|&host| self.may_return(host));
        let now = |cell: Cell| !waits(cell) && going.iter().all(|other| beside(cell, other));
        of_block.map(|&(_, cell)| cell).position(now).or_else(|| going.is_empty().then_some(0))
    }

    /// Closes the samples of a cell that is over and enters it into the manifest.
    fn finish(&mut self, over: Going) -> Result<(), RunError> {
        let cell = over.cell();
        let (record, took, event) = match over.finish(self.settings.cells.len()) {
            Ok(finished) => finished,
            Err(error) => {
                self.leave_out(cell, &error.to_string());
                return Err(error.into());
            }
        };
        if record.status == CellStatus::Complete {
            self.seen.insert((cell.topology, cell.server, cell.workload), took);
        }
        self.reporter.tell(&event);
        self.manifest.cells.push(record);
        Ok(())
    }

    /// Enters every cell as one that does not run.
    pub(super) fn leave_all_out(&mut self, reason: &str) {
        for cell in self.settings.cells.clone() {
            self.leave_out(cell, reason);
        }
    }

    /// Enters a cell that does not run.
    fn leave_out(&mut self, cell: Cell, reason: &str) {
        let mut record = record::cell(&self.settings.plan, cell);
        reason.clone_into(&mut record.reason);
        self.manifest.cells.push(record);
    }

    /// How long these cells are expected to take; side by side, as long as the host with the most to do needs.
    pub(super) fn left(&self, cells: impl Iterator<Item = Cell>) -> f64 {
        let mut all = 0.0;
        let mut of_host: HashMap<usize, f64> = HashMap::new();
        for cell in cells {
            let seconds = self.expected(cell).as_secs_f64();
            all += seconds;
            for host in self.hosts_of(cell) {
                *of_host.entry(host).or_default() += seconds;
            }
        }
        if self.settings.plan.parallel { of_host.into_values().fold(0.0, f64::max) } else { all }
    }

    fn expected(&self, cell: Cell) -> Duration {
        let seen = self.seen.get(&(cell.topology, cell.server, cell.workload));
        seen.copied().unwrap_or_else(|| self.settings.plan.guess(cell))
    }

    /// Each host of a cell once.
    pub(super) fn hosts_of(&self, cell: Cell) -> Vec<usize> {
        self.settings.plan.topologies[cell.topology].hosts()
    }
}
