//! Before the first cell: every host makes its Python environment.

use std::collections::HashSet;
use std::time::Instant;

use rpycbench_measure::Stack;
use rpycbench_proto::message::{Failure, PythonFacts};
use rpycbench_proto::{Command, Event};

use super::{Heed, Next, Run, RunError, record};
use crate::conversation::FromAgent;
use crate::progress::RunEvent;

impl Run<'_> {
    /// Has every host make the environment that the cells need, all at once.
    ///
    /// # Errors
    /// When one of them cannot.
    pub(super) async fn prepare(&mut self) -> Result<(), RunError> {
        let began = Instant::now();
        let stacks = self.stacks();
        for session in self.sessions.values() {
            session.send(Command::Prepare { stacks: stacks.clone() });
        }
        let mut waiting: HashSet<usize> = self.sessions.keys().copied().collect();
        while !waiting.is_empty() {
            match self.next(Heed::Drain).await {
                Next::Tick | Next::From(_, FromAgent::Silent(_)) => {}
                Next::Drain => return Err(RunError::Interrupted),
                Next::From(number, FromAgent::Lost(reason)) => return Err(self.unreachable(number, reason)),
                Next::From(number, FromAgent::Banned(since)) => return Err(self.banned(number, since)),
                Next::From(number, FromAgent::Event(event)) => {
                    let host = self.settings.plan.hosts[number].name.clone();
                    match *event {
                        Event::Opened { epoch_ns, nonce } => {
                            self.nonces.insert(number, nonce);
                            record::epoch(&mut self.manifest, &host, epoch_ns);
                        }
                        Event::Preparing { what, done, total } => {
                            self.reporter.tell(&RunEvent::Preparing { host, what, done, total });
                        }
                        Event::Prepared(facts) => {
                            waiting.remove(&number);
                            let PythonFacts { python, built, .. } = facts.clone();
                            record::python(&mut self.manifest, &host, facts);
                            let seconds = began.elapsed().as_secs_f64();
                            self.reporter.tell(&RunEvent::Prepared { host, python, built, seconds });
                        }
                        Event::Failed(Failure { reason, .. }) => return Err(self.not_ready(number, reason)),
                        other => return Err(self.not_ready(number, format!("unexpected answer {other:?}"))),
                    }
                }
            }
        }
        Ok(())
    }

    /// What the cells to run need, each once.
    pub(super) fn stacks(&self) -> Vec<Stack> {
        let servers = &self.settings.plan.servers;
        let mut stacks: Vec<Stack> =
            self.settings.cells.iter().map(|cell| servers[cell.server].server.stack()).collect();
        stacks.sort_unstable();
        stacks.dedup();
        stacks
    }

    fn not_ready(&self, number: usize, reason: String) -> RunError {
        RunError::Prepare { host: self.settings.plan.hosts[number].name.clone(), reason }
    }
}
