//! The agent's process: its real conversation, its real spool, and a driver that takes known samples.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use rpycbench_agent::conversation::{Conversation, RunEnd};
use rpycbench_agent::spool::{Delivery, Spool, hand_over};
use rpycbench_proto::Command;
use rpycbench_proto::message::{Begin, CellId, Driven, Event, Failure, Open, Part, Stamped, Stream};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::disk::SimDisk;
use crate::truth::{Truth, rows, stamps};
use crate::{AGENT, ROWS_OF_A_CELL};

/// Rows in a segment.
const BATCH: u64 = 40;
const FENCE_LIMIT: Duration = Duration::from_secs(10);

/// One life of an agent.
pub(crate) struct Agent {
    spool: Spool,
    truth: Truth,
    random: StdRng,
    /// The run that has it, and whether it still does.
    run: Option<(String, Conversation, watch::Receiver<bool>)>,
    tasks: Vec<AbortHandle>,
}

impl Agent {
    pub(crate) fn start(disk: SimDisk, truth: Truth, random: StdRng) -> Self {
        let spool = Spool::new(Arc::new(disk), PathBuf::from("spool"));
        Self { spool, truth, random, run: None, tasks: Vec::new() }
    }

    /// What a stream that attaches gets: the conversation it attaches to.
    pub(crate) fn attach(&mut self, run_id: &str) -> Option<Conversation> {
        let (held_by, conversation, busy) = self.run.as_ref()?;
        (held_by == run_id && *busy.borrow()).then(|| conversation.clone())
    }

    /// The run that has to end before another begins.
    pub(crate) fn fence(&self) -> Option<watch::Receiver<bool>> {
        let (_, conversation, busy) = self.run.as_ref()?;
        conversation.end("taken over".to_owned());
        Some(busy.clone())
    }

    /// Takes the agent for a run.
    pub(crate) fn begin(&mut self, run_id: &str) -> Conversation {
        let (conversation, RunEnd { commands, events, over }) = Conversation::begin();
        let (idle, busy) = watch::channel(true);
        self.run = Some((run_id.to_owned(), conversation.clone(), busy));
        let run = Run {
            run_id: run_id.to_owned(),
            spool: self.spool.clone(),
            truth: self.truth.clone(),
            seed: self.random.random(),
            events,
            stop: CancellationToken::new(),
        };
        let running = async move {
            run.go_on(commands).await;
            idle.send_replace(false);
            over.say(None).await;
        };
        self.tasks.push(tokio::spawn(running).abort_handle());
        conversation
    }
}

/// Waits until a run that was fenced is over.
pub(crate) async fn idle(mut busy: watch::Receiver<bool>) -> bool {
    timeout(FENCE_LIMIT, busy.wait_for(|busy| !busy)).await.is_ok()
}

impl Drop for Agent {
    /// Killed.
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

struct Run {
    run_id: String,
    spool: Spool,
    truth: Truth,
    seed: u64,
    events: mpsc::Sender<Event>,
    stop: CancellationToken,
}

impl Run {
    async fn go_on(self, mut commands: mpsc::UnboundedReceiver<Result<Command, String>>) {
        // Dropped, and with it what runs in it, when the agent is killed.
        let mut tasks = JoinSet::new();
        while let Some(Ok(command)) = commands.recv().await {
            match command {
                Command::Open(Open { .. }) => self.send(Event::Opened { epoch_ns: 0, nonce: [0; 32] }).await,
                Command::Arm { cell, name, attempt, .. } => {
                    let (run_id, agent, part) = (self.run_id.clone(), AGENT.to_owned(), Part::Samples);
                    let stream = Stream { run_id, agent, cell: name, attempt, part };
                    let length = Duration::from_millis(100 + (self.seed ^ u64::from(cell)) % 3000);
                    let driver = Driver {
                        spool: self.spool.clone(),
                        truth: self.truth.clone(),
                        events: self.events.clone(),
                        stop: self.stop.clone(),
                    };
                    tasks.spawn(driver.drive(cell, stream, length));
                }
                Command::Collect => match self.spool.kept(&self.run_id, AGENT) {
                    Ok(streams) => self.send(Event::Kept { streams }).await,
                    Err(error) => panic!("{error}"),
                },
                Command::HandOver { cell, stream } => {
                    let (spool, events) = (self.spool.clone(), self.events.clone());
                    tasks.spawn(async move {
                        let outcome = hand_over(&spool, &stream, cell, &events).await;
                        let trouble = outcome.err().map(|error| error.to_string()).unwrap_or_default();
                        drop(events.send(Event::HandedOver { cell, trouble }).await);
                    });
                }
                Command::Stored { stream } => self.spool.forget(&stream).expect("it can be removed"),
                other => panic!("{other:?} has no place here"),
            }
        }
        self.stop.cancel();
        drop(self.events);
        while let Some(ended) = tasks.join_next().await {
            ended.expect("no task fails");
        }
    }

    async fn send(&self, event: Event) {
        drop(self.events.send(event).await);
    }
}

struct Driver {
    spool: Spool,
    truth: Truth,
    events: mpsc::Sender<Event>,
    stop: CancellationToken,
}

impl Driver {
    /// Takes samples for a while, or until it is told to stop, and delivers what a server has stamped, then them.
    async fn drive(self, cell: CellId, stream: Stream, length: Duration) {
        let done = self.stop.run_until_cancelled(sleep(length)).await.is_some();
        let taken = if done { ROWS_OF_A_CELL } else { ROWS_OF_A_CELL / 3 };
        let attempt = (cell, stream.attempt);
        let delivered = async {
            let of_server = Stream { part: Part::Stamps, ..stream.clone() };
            let begin = Begin { stream: of_server, cpus: Vec::new() };
            let mut delivery = Delivery::begin(&self.spool, begin, cell, &self.events).await?;
            for from in (0..taken).step_by(BATCH as usize) {
                delivery.stamps(stamps(attempt, from..taken.min(from + BATCH))).await?;
            }
            delivery.end_stamps(done.then_some(Stamped { full: false })).await?;
            let mut delivery =
                Delivery::begin(&self.spool, Begin { stream, cpus: Vec::new() }, cell, &self.events).await?;
            for from in (0..taken).step_by(BATCH as usize) {
                let to = taken.min(from + BATCH);
                delivery.rows(rows(attempt, from..to)).await?;
                self.truth.note(attempt, |it| it.rows = to);
            }
            let driven = Driven { expected: ROWS_OF_A_CELL, ..Driven::default() };
            delivery.end(done.then_some(driven)).await
        };
        match delivered.await {
            Ok(()) => self.truth.note(attempt, |it| it.whole = done),
            Err(error) => {
                let failure =
                    Failure { cell: Some(cell), phase: "keep samples".into(), reason: error.to_string(), exit: None };
                drop(self.events.send(Event::Failed(failure)).await);
            }
        }
    }
}
