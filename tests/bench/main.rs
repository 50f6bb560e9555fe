//! `make bench`: the project's own figures as ratios against peers, one table.
//!
//! Nothing here passes or fails: the machine decides too much. Peers are measured in turns with what they are set against,
//! so that a machine that changes its speed does so for both.

#![expect(clippy::expect_used, reason = "a tool of this project's developers: a panic says what is missing")]

mod driver;
mod large_report;
mod orchestration;

use std::io::Write;
use std::path::PathBuf;

/// One line of the table.
pub(crate) struct Figure {
    what: &'static str,
    ours: String,
    peer: String,
    result: String,
    goal: &'static str,
}

fn main() {
    let python = python();
    let say = |text: &str| {
        // A reader that went away has seen enough.
        drop(writeln!(std::io::stdout(), "{text}"));
    };
    let mut figures = Vec::new();
    // First, while no other child's memory can be taken for its own.
    say("a report of 10 million samples …");
    figures.extend(large_report::measure());
    say("what a sample costs the driver …");
    figures.push(driver::sample_cost(&python));
    for (server, peer) in [("rpyc-threaded", "plain_rpyc.py"), ("flask-threaded", "plain_requests.py")] {
        say(&format!("the driver against a plain script, {server} …"));
        figures.push(driver::against_a_script(server, peer));
    }
    say("the wall time of localhost.toml …");
    figures.push(orchestration::measure());
    say("");
    say("| what | ours | peer | result | goal |\n|---|---|---|---|---|");
    for Figure { what, ours, peer, result, goal } in figures {
        say(&format!("| {what} | {ours} | {peer} | {result} | {goal} |"));
    }
}

/// `--python PATH`: an interpreter with the workers' libraries.
fn python() -> PathBuf {
    let mut args = std::env::args_os().skip(1);
    assert!(
        args.next().is_some_and(|flag| flag == "--python"),
        "usage: rpycbench-bench --python PATH; `make bench` does it"
    );
    let path = args.next().expect("usage: rpycbench-bench --python PATH");
    std::path::absolute(path).expect("a path")
}

/// The middle of some values.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
