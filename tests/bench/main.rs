//! `make bench`: the project's own figures as ratios against peers, one table.
//!
//! Nothing here passes or fails: the machine decides too much. Peers are measured in turns with what they are set against,
//! so that a machine that changes its speed does so for both.

#![expect(clippy::expect_used, reason = "a tool of this project's developers: a panic says what is missing")]

mod added_latency;
mod clock;
mod confinement;
mod disturbance;
mod driver;
mod faults;
mod fleet;
mod kills;
mod large_report;
mod orchestration;
mod resumed;

use std::io::Write;
use std::path::PathBuf;

use clap::Parser;

use resumed::Load;

/// One line of the table.
pub(crate) struct Figure {
    what: &'static str,
    ours: String,
    peer: String,
    result: String,
    goal: &'static str,
}

#[derive(Debug, Parser)]
#[command(name = "rpycbench-bench")]
struct Arguments {
    /// An interpreter with the workers' libraries; `make bench` names it.
    #[arg(long)]
    python: PathBuf,
    /// Only the parts whose name contains this: report, sample, script, fleet, otlp, confinement, controller, clocks, clock, LAN,
    /// orchestration, resumed, millions, faults, kills.
    #[arg(long, default_value = "")]
    only: String,
    /// Blocks of the run whose controller is killed again and again: 4,000 samples each.
    #[arg(long, default_value_t = 10)]
    resumed_blocks: u32,
    /// Of the part "faults": links that are cut, processes that are killed.
    #[arg(long, default_value_t = 200)]
    faults: u32,
    /// Rounds of the part "kills": each kills parts of a run at a random moment.
    #[arg(long, default_value_t = 200)]
    kills: u32,
}

/// A part of the table and how to measure it.
type Part<'a> = (&'static str, Box<dyn Fn() -> Vec<Figure> + 'a>);

impl Figure {
    /// One that cannot be had on this machine.
    fn missing(what: &'static str, why: &str) -> Self {
        Self { what, ours: "-".to_owned(), peer: "-".to_owned(), result: format!("not measured: {why}"), goal: "-" }
    }
}

fn main() {
    let Arguments { python, only, resumed_blocks, faults, kills } = Arguments::parse();
    let python = std::path::absolute(python).expect("a path");
    let parts: [Part<'_>; 16] = [
        // First, while no other child's memory can be taken for its own.
        ("report of 10 million samples", Box::new(|| large_report::measure().into())),
        ("sample cost in the driver", Box::new(|| vec![driver::sample_cost(&python)])),
        ("script against rpyc-threaded", Box::new(|| vec![driver::against_a_script("rpyc-threaded", "plain_rpyc.py")])),
        ("script against flask", Box::new(|| vec![driver::against_a_script("flask-threaded", "plain_requests.py")])),
        ("fleet of agents", Box::new(|| fleet::measure().into())),
        ("otlp on and off", Box::new(disturbance::telemetry)),
        ("confinement on and off", Box::new(confinement::measure)),
        ("controller near and away", Box::new(disturbance::controller)),
        ("clocks asked and not", Box::new(disturbance::clocks)),
        ("clock of another host", Box::new(clock::measure)),
        ("LAN with 2 ms added", Box::new(added_latency::measure)),
        ("orchestration of localhost.toml", Box::new(|| vec![orchestration::measure()])),
        ("resumed after every five seconds", Box::new(|| vec![resumed::measure(&Load::real(resumed_blocks))])),
        ("millions resumed after every five seconds", Box::new(|| vec![resumed::measure(&Load::millions())])),
        ("faults at random moments", Box::new(move || vec![faults::measure(faults)])),
        ("kills at random moments", Box::new(move || kills::measure(kills))),
    ];
    let say = |text: &str| {
        // A reader that went away has seen enough.
        drop(writeln!(std::io::stdout(), "{text}"));
    };
    let mut figures = Vec::new();
    for (name, measure) in parts.iter().filter(|(name, _)| name.contains(&only)) {
        say(&format!("{name} …"));
        figures.extend(measure());
    }
    say("");
    say("| what | ours | peer | result | goal |\n|---|---|---|---|---|");
    for Figure { what, ours, peer, result, goal } in figures {
        say(&format!("| {what} | {ours} | {peer} | {result} | {goal} |"));
    }
}

/// The middle of some values.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
