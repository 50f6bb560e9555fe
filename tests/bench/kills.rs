//! Parts of runs killed at random moments, many times: whether anybody is left, and how long that takes.
//!
//! A round is a run on this host, whose every part is a process of its own. At a random moment of it random parts are killed,
//! in random order. Where that leaves no agent, the next agent is started, as systemd would. From the last kill to when nobody
//! of the run is left is the time; whoever is there after a limit is an orphan.

use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::scope;
use std::time::{Duration, Instant};

use rpycbench_tests::Sandbox;
use rpycbench_tests::kills::{Chance, Part, alive, kill, p50_p99_ms, until_clean};
use rpycbench_tests::processes::Living;
use rpycbench_tests::sandbox::{binaries, plan};

use crate::Figure;

/// Runs at the same time: a round waits more than it works.
const LANES: usize = 3;
/// A run starts, drives and ends within it, or nearly: the moments cover all of that.
const MOMENTS: Duration = Duration::from_millis(1200);
const CALLS: &str = "[[workloads]]\nname = \"calls\"\nkind = \"closed\"\nclients = 2\nrequests = 3000\n";
/// Twice what the slowest end may take, that of an agent whose controller is gone.
const LIMIT: Duration = Duration::from_secs(24);
/// What may be killed.
const KILLED: [Part; 5] = [Part::Controller, Part::Agent, Part::Keepers, Part::Server, Part::Driver];
/// All but the controller, which ends by itself or was killed.
const STARTED: [Part; 4] = [Part::Agent, Part::Keepers, Part::Server, Part::Driver];

/// Of a command line.
const SHOWN: usize = 100;

/// What all rounds came to.
#[derive(Default)]
struct Found {
    times: Vec<Duration>,
    kills: usize,
    orphans: usize,
    /// What was killed and who was left.
    told: Vec<String>,
}

/// `rounds` rounds.
pub(crate) fn measure(rounds: u32) -> Vec<Figure> {
    let (mut chance, seed) = Chance::new("kills");
    let (found, begun) = (Mutex::new(Found::default()), AtomicU32::new(0));
    scope(|threads| {
        for _ in 0..LANES {
            let chance = chance.fork();
            threads.spawn(|| lane(rounds, chance, &begun, &found));
        }
    });
    let Found { times, kills, orphans, told } = found.into_inner().expect("no lane panicked");
    let trials = times.len() + told.len();
    let (p50, p99) = p50_p99_ms(times);
    vec![
        Figure {
            what: "orphan processes after kills at random moments",
            ours: orphans.to_string(),
            peer: "-".to_owned(),
            result: format!(
                "{kills} processes killed in {trials} of {rounds} rounds, {seed}{}",
                told.iter().map(|it| format!("; {it}")).collect::<String>()
            ),
            goal: "0 of 2000",
        },
        Figure {
            what: "from a kill until nobody is left, p50 / p99",
            ours: format!("{p50:.0} ms / {p99:.0} ms"),
            peer: "-".to_owned(),
            result: format!("{trials} rounds that met somebody"),
            goal: "p99 at most 1 s",
        },
    ]
}

fn lane(rounds: u32, mut chance: Chance, begun: &AtomicU32, found: &Mutex<Found>) {
    let sandbox = Sandbox::new();
    sandbox.prepare(&["rpyc-forking"]);
    while begun.fetch_add(1, Ordering::Relaxed) < rounds {
        let Round { parts, met, clean } = round(&sandbox, &mut chance);
        let mut found = found.lock().expect("no lane panicked");
        found.kills += met;
        match clean {
            // There was nobody yet, or nobody any more.
            _ if met == 0 => {}
            Ok(took) => found.times.push(took),
            Err(left) => {
                let left: Vec<String> = left.iter().map(|it| it.command.chars().take(SHOWN).collect()).collect();
                found.orphans += left.len();
                found.told.push(format!("after {met} of {parts:?}: {}", left.join(", ")));
            }
        }
    }
}

/// What came of one round.
struct Round {
    parts: Vec<Part>,
    /// Processes that were killed.
    met: usize,
    clean: Result<Duration, Vec<Living>>,
}

fn round(sandbox: &Sandbox, chance: &mut Chance) -> Round {
    let path = sandbox.plan(&plan(&["rpyc-forking"], CALLS)).display().to_string();
    let mut controller = sandbox.controller(&["run", &path, "--quiet"]);
    let mut controller = controller.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the controller starts");
    chance.moment(MOMENTS);
    let parts = chance.some(KILLED.to_vec());
    let met = kill(sandbox, &parts).len();
    let since = Instant::now();
    if met == 0 {
        // The run would go on to its good end, which is not what is looked for.
        drop(controller.kill());
    } else if parts.contains(&Part::Agent) && !alive(sandbox, &STARTED).is_empty() {
        next_agent(sandbox).expect("the next agent starts");
    }
    let clean = until_clean(sandbox, &STARTED, LIMIT).map(|_| since.elapsed());
    drop(controller.kill());
    controller.wait().expect("it ends");
    Round { parts, met, clean }
}

/// An agent of the same state folder that has started, and ended again.
fn next_agent(sandbox: &Sandbox) -> std::io::Result<()> {
    let mut agent: Child = Command::new(binaries().join("rpycbench-agent"))
        .args(["serve", "--listen", "127.0.0.1:0", "--state"])
        // Not by the sandbox's path: it is none of the run.
        .arg(std::fs::canonicalize(sandbox.home().join("agent"))?)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut said = String::new();
    if let Some(stdout) = agent.stdout.take() {
        std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut said)?;
    }
    agent.kill()?;
    agent.wait().map(drop)
}
