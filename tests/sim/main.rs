//! The way of a sample from driver to file, simulated: the real conversations of both sides, the real spool and the real files
//! of samples, on a network, a disk and a clock that a seed leads into every kind of trouble.
//!
//! `SIM_SEEDS=n` tries so many seeds, `SIM_SEED=n` that one.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "test code: a panic is how a test fails, stdout is where it says what it tried"
)]

mod agent;
mod busy_run;
mod controller;
mod disk;
mod network;
mod trouble;
mod truth;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::RngExt;
use rpycbench_agent::spool::Spool;
use rpycbench_controller::store::{samples, stamps};
use rpycbench_proto::message::{Kept, Part};
use tokio::time::timeout;

use agent::Agent;
use controller::{Controller, Folder};
use disk::SimDisk;
use network::{Network, chance};
use trouble::Counts;
use truth::{Taken, Truth, row};

const RUN: &str = "run-1";
const AGENT: &str = "hurin";
const CELLS: u32 = 6;
const ROWS_OF_A_CELL: u64 = 200;
/// By then any run is finished, whatever the seed: trouble ends after a few minutes.
const FINISHED_WITHIN: Duration = Duration::from_secs(3600);

/// What a run is simulated in.
#[derive(Clone)]
struct World {
    seed: u64,
    network: Network,
    disk: SimDisk,
    truth: Truth,
    folder: Folder,
}

impl World {
    /// An agent that has just been started.
    fn agent(&self, life: u64) -> Agent {
        Agent::start(self.disk.clone(), self.truth.clone(), chance(self.seed, 1000 + life))
    }

    /// Starts controllers one after the other until one of them has finished the run.
    async fn finish(&self, killed: &tokio::sync::Notify) -> u64 {
        for life in 0.. {
            let living = Controller::live(self.folder.clone(), self.network.clone(), chance(self.seed, 2000 + life));
            let ended = tokio::select! {
                biased;
                () = killed.notified() => None,
                ended = living => Some(ended),
            };
            if let Some(Ok(())) = ended {
                return life + 1;
            }
            tokio::time::sleep(Duration::from_millis(chance(self.seed, 3000 + life).random_range(0..15_000))).await;
        }
        unreachable!("an endless loop has ended")
    }

    /// Every sample that was taken is where it belongs, once, as it was. Returns how many streams the agent keeps although
    /// they are stored.
    fn judge(&self) -> u64 {
        let ledger = self.folder.ledger();
        assert_eq!(ledger.cells.len(), CELLS as usize, "every cell is complete");
        for (&attempt, &stored) in &ledger.rows {
            if stored == 0 {
                continue;
            }
            let columns = samples::read(&self.folder.file(attempt, Part::Samples)).expect("a whole file");
            let found: Vec<(i64, i64)> = columns.start_ns.into_iter().zip(columns.end_ns).collect();
            let taken: Vec<(i64, i64)> = (0..stored).map(|number| row(attempt, number)).collect();
            assert_eq!(found, taken, "samples of {attempt:?}");
        }
        for (&cell, &attempt) in &ledger.cells {
            assert_eq!(ledger.rows.get(&(cell, attempt)), Some(&ROWS_OF_A_CELL), "cell {cell}");
            assert_eq!(ledger.stamps.get(&(cell, attempt)), Some(&ROWS_OF_A_CELL), "stamps of cell {cell}");
        }
        for (&attempt, &stored) in &ledger.stamps {
            let found = stamps::read(&self.folder.file(attempt, Part::Stamps)).expect("a whole file");
            assert_eq!(found, truth::stamps(attempt, 0..stored), "stamps of {attempt:?}");
        }
        for (attempt, Taken { rows, whole, risked }) in self.truth.taken() {
            let stored = ledger.rows.get(&attempt).copied().unwrap_or(0);
            assert!(risked || stored >= rows, "{attempt:?}: {rows} were kept and {stored} are stored");
            let counts = ledger.cells.get(&attempt.0) == Some(&attempt.1);
            assert!(!whole || counts, "{attempt:?} is whole and not what counts");
        }
        let kept =
            Spool::new(Arc::new(self.disk.clone()), "spool".into()).kept(RUN, AGENT).expect("a disk that is well");
        for Kept { stream, samples, .. } in &kept {
            if stream.part == Part::Stamps {
                continue;
            }
            // Its controller said so, and then the network was gone for as long as the lease.
            let attempt = (stream.cell.workload.parse().expect("a number"), stream.attempt);
            assert!(ledger.rows.get(&attempt) >= Some(samples), "{attempt:?} is kept and not stored");
        }
        kept.len() as u64
    }
}

fn simulate(seed: u64) -> Counts {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let folder = tempfile::tempdir().expect("a folder");
    let world = World {
        seed,
        network: Network::new(chance(seed, 1)),
        disk: SimDisk::default(),
        truth: Truth::default(),
        folder: Folder::new(folder.path()),
    };
    runtime.expect("a runtime").block_on(async {
        world.network.put(Some(world.agent(0)));
        let killed = tokio::sync::Notify::new();
        let troubled = trouble::make(&world, &killed);
        let (lives, mut counts) = timeout(FINISHED_WITHIN, async { tokio::join!(world.finish(&killed), troubled) })
            .await
            .expect("the run is finished");
        counts.lives = lives;
        counts.left_over = world.judge();
        counts
    })
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn no_sample_is_lost_or_counted_twice_whatever_breaks() {
    let seeds: Vec<u64> = match number("SIM_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("SIM_SEEDS").unwrap_or(200)).collect(),
    };
    let (next, all) = (AtomicU64::new(0), std::sync::Mutex::new(Counts::default()));
    let worker = || {
        while let Some(&seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
            match catch_unwind(AssertUnwindSafe(|| simulate(seed))) {
                Ok(counts) => all.lock().expect("nobody panics with it").add(&counts),
                Err(_) => panic!("seed {seed} fails: SIM_SEED={seed} cargo test --workspace --test sim"),
            }
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..2).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().for_each(|worker| worker.join().expect("every seed is sound"));
    });
    let counts = all.into_inner().expect("nobody panics with it");
    println!("{} seeds: {counts:?}", seeds.len());
    assert!(seeds.len() < 100 || counts.each_happened(), "every kind of trouble is met with: {counts:?}");
}
