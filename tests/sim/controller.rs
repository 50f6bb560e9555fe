//! The controller's process: its real conversation and its real files of samples, and the ledger that its run folder is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rand::RngExt;
use rand::rngs::StdRng;
use rpycbench_controller::conversation::{FromAgent, Input, Talk};
use rpycbench_controller::store::incoming::{Arrived, Incoming, IncomingError};
use rpycbench_controller::store::table::CellKey;
use rpycbench_measure::{Placement, Stack, Workload};
use rpycbench_proto::message::{CellName, Event, Kept, Open, Part, Stream};
use rpycbench_proto::{Command, PROTOCOL};
use tokio::sync::mpsc;

use crate::network::Network;
use crate::truth::Attempt;
use crate::{AGENT, CELLS, ROWS_OF_A_CELL, RUN};

/// What lies in the run folder.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    /// The attempt that counts, by cell.
    pub(crate) cells: BTreeMap<u32, u32>,
    /// Rows of each attempt there is, also of those that do not count.
    pub(crate) rows: BTreeMap<Attempt, u64>,
    /// The same of what servers have stamped.
    pub(crate) stamps: BTreeMap<Attempt, u64>,
}

/// A run folder: it outlives the controllers that work on it.
#[derive(Clone)]
pub(crate) struct Folder {
    path: PathBuf,
    ledger: Arc<Mutex<Ledger>>,
}

impl Folder {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), ledger: Arc::default() }
    }

    pub(crate) fn ledger(&self) -> Ledger {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn file(&self, (cell, attempt): Attempt, part: Part) -> PathBuf {
        self.path.join(format!("c{cell}.a{attempt}.{}.parquet", part.name()))
    }

    fn enter(&self, change: impl FnOnce(&mut Ledger)) {
        change(&mut self.ledger.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Why a life of the controller ended before its work was done.
#[derive(Debug)]
pub(crate) struct Ended(#[expect(dead_code, reason = "for who looks at a seed that fails")] pub(crate) String);

/// One life of a controller: takes the run up where it was left and finishes it, unless something comes between.
pub(crate) struct Controller {
    folder: Folder,
    random: StdRng,
    inputs: mpsc::UnboundedSender<Input>,
    events: mpsc::Receiver<(usize, FromAgent)>,
}

impl Controller {
    pub(crate) async fn live(folder: Folder, network: Network, random: StdRng) -> Result<(), Ended> {
        let (inputs, queue) = mpsc::unbounded_channel();
        let (to_run, events) = mpsc::channel(8);
        let line = network.line(RUN);
        let wire = line.begin(&inputs).await.map_err(|unattached| Ended(unattached.reason))?;
        let talk = Talk::new(line, 0, to_run, inputs.clone(), wire);
        // Dropped, and with it the conversation, when the controller is killed.
        let mut talking = tokio::task::JoinSet::new();
        talking.spawn(talk.go_on(queue));
        let mut controller = Self { folder, random, inputs, events };
        controller.finish_the_run().await?;
        drop(controller.inputs.send(Input::Leave));
        talking.join_next().await;
        let complete = controller.folder.ledger().cells.len();
        if complete == CELLS as usize { Ok(()) } else { Err(Ended(format!("{complete} cells are complete"))) }
    }

    async fn finish_the_run(&mut self) -> Result<(), Ended> {
        self.say(Command::Open(Open { protocol: PROTOCOL, run_id: RUN.to_owned(), ..Open::default() }));
        self.collect().await?;
        for cell in 1..=CELLS {
            if !self.folder.ledger().cells.contains_key(&cell) {
                self.run_cell(cell).await?;
            }
        }
        Ok(())
    }

    /// Fetches what the agent has kept.
    async fn collect(&mut self) -> Result<(), Ended> {
        self.say(Command::Collect);
        let streams = loop {
            if let Event::Kept { streams } = self.next().await? {
                break streams;
            }
        };
        let (streams, stamps): (Vec<_>, Vec<_>) =
            streams.into_iter().partition(|kept| kept.stream.part == Part::Samples);
        for Kept { stream, samples, whole } in streams {
            let cell: u32 = stream.cell.workload.parse().expect("a number");
            let ledger = self.folder.ledger();
            let is_less = ledger.rows.get(&(cell, stream.attempt)).is_none_or(|&rows| rows < samples);
            if !ledger.cells.contains_key(&cell) && (whole || is_less) {
                let of_server = Stream { part: Part::Stamps, ..stream.clone() };
                let is_here = stamps.iter().any(|kept| kept.stream == of_server && kept.whole);
                assert!(!whole || is_here, "samples are kept after the stamps of their server");
                if is_here {
                    self.fetch(cell, &of_server).await?;
                }
                self.fetch(cell, &stream).await?;
            }
            self.may_die()?;
            self.say(Command::Stored { stream });
        }
        for Kept { stream, .. } in stamps {
            self.say(Command::Stored { stream });
        }
        Ok(())
    }

    async fn run_cell(&mut self, cell: u32) -> Result<(), Ended> {
        let before = self.folder.ledger().rows.keys().filter(|(of, _)| *of == cell).map(|&(_, it)| it).max();
        let attempt = before.unwrap_or(0) + 1;
        let name = CellName { workload: cell.to_string(), ..CellName::default() };
        let (run_id, agent, part) = (RUN.to_owned(), AGENT.to_owned(), Part::Samples);
        let stream = Stream { run_id, agent, cell: name.clone(), attempt, part };
        let workload = Workload::Connect { count: ROWS_OF_A_CELL as u32, warmup: 0 };
        let placement = Placement::Free;
        self.say(Command::Arm { cell, stack: Stack::Rpyc, workload, placement, name, attempt, stamped: false });
        let of_server = Stream { part: Part::Stamps, ..stream.clone() };
        if self.take_in(cell, &of_server, false).await? {
            self.take_in(cell, &stream, false).await?;
        } else {
            // So that the next attempt is another one.
            self.folder.enter(|ledger| _ = ledger.rows.insert((cell, attempt), 0));
        }
        self.may_die()?;
        for stream in [of_server, stream] {
            self.say(Command::Stored { stream });
        }
        Ok(())
    }

    async fn fetch(&mut self, cell: u32, stream: &Stream) -> Result<bool, Ended> {
        self.say(Command::HandOver { cell, stream: stream.clone() });
        self.take_in(cell, stream, true).await
    }

    /// Takes a stream into its file, as far as it comes, and enters it into the ledger. Says whether it is whole. The agent says
    /// when it has handed over what it had kept.
    async fn take_in(&mut self, cell: u32, stream: &Stream, kept: bool) -> Result<bool, Ended> {
        let attempt = (cell, stream.attempt);
        let key = CellKey {
            topology: String::new(),
            server: String::new(),
            workload: cell.to_string(),
            driver: String::new(),
            block: 1,
        };
        let path = self.folder.file(attempt, stream.part);
        let mut incoming = Incoming::create(&path, key, stream.clone(), 0).expect("a file");
        let mut whole = false;
        loop {
            match self.next().await? {
                Event::Segment { cell: of, part, sealed } if of == cell && part == stream.part => {
                    match incoming.take(&sealed) {
                        Ok(Arrived::Ended(end)) => {
                            whole = end.is_whole();
                            if !kept {
                                break;
                            }
                        }
                        Ok(_) => {}
                        // What a torn file gives; nothing of it may come while nothing is torn.
                        Err(IncomingError::Segment(error)) => panic!("{error}"),
                        Err(error) => panic!("{error}"),
                    }
                }
                Event::HandedOver { cell: of, .. } if of == cell => break,
                Event::Failed(failure) if failure.cell == Some(cell) => break,
                _ => {}
            }
        }
        let rows = incoming.finish().expect("it can be written");
        self.may_die()?;
        self.folder.enter(|ledger| match stream.part {
            Part::Stamps => _ = ledger.stamps.insert(attempt, rows),
            Part::Samples => {
                ledger.rows.insert(attempt, rows);
                if whole {
                    ledger.cells.insert(cell, attempt.1);
                }
            }
        });
        Ok(whole)
    }

    /// Killed between two steps, now and then.
    fn may_die(&mut self) -> Result<(), Ended> {
        if self.random.random_bool(0.03) { Err(Ended("killed between two steps".to_owned())) } else { Ok(()) }
    }

    fn say(&self, command: Command) {
        drop(self.inputs.send(Input::Say(command)));
    }

    async fn next(&mut self) -> Result<Event, Ended> {
        loop {
            return match self.events.recv().await {
                Some((_, FromAgent::Event(event))) => Ok(*event),
                Some((_, FromAgent::Silent(_))) => continue,
                Some((_, FromAgent::Lost(reason) | FromAgent::Banned(reason))) => Err(Ended(reason)),
                None => Err(Ended("the conversation is over".to_owned())),
            };
        }
    }
}
