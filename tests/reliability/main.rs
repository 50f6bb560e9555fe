//! Writes docs/reliability.md from what the test suite and the bench have printed: see `make reliability`.
//!
//! A test whose name begins with the id of a scenario is a row. How often it was run is how many rounds it says it has had.

#![expect(clippy::expect_used, reason = "a tool of this project's developers: a panic says what is missing")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

use clap::Parser;

#[derive(Debug, Parser)]
#[command(name = "rpycbench-reliability")]
struct Arguments {
    /// What `cargo test -- --show-output` has printed.
    #[arg(long)]
    tests: PathBuf,
    /// What the bench has printed, part by part.
    #[arg(long)]
    bench: Vec<PathBuf>,
}

/// A test of a scenario.
#[derive(Debug, Default)]
struct Row {
    outcome: String,
    rounds: usize,
    skipped: bool,
}

/// Letter and number of a scenario, for order, and the test's name in words.
type Scenario = (char, u32, String);

fn main() {
    let Arguments { tests, bench } = Arguments::parse();
    let read = |path: PathBuf| fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (tests, bench) = (read(tests), bench.into_iter().map(read).collect::<String>());
    let page = page(&rows(&tests), &simulated(&tests), &figures(&bench));
    // A reader that went away has seen enough.
    drop(std::io::stdout().write_all(page.as_bytes()));
}

/// `r4_an_agent_killed…`, wherever it lies.
fn scenario(path: &str) -> Option<Scenario> {
    let name = path.rsplit("::").next()?;
    let (id, words) = name.split_once('_')?;
    let letter = id.chars().next().filter(|letter| matches!(letter, 'r' | 's'))?;
    let number = id[1..].parse().ok()?;
    Some((letter.to_ascii_uppercase(), number, words.replace('_', " ")))
}

fn rows(tests: &str) -> BTreeMap<Scenario, Row> {
    let mut rows: BTreeMap<Scenario, Row> = BTreeMap::new();
    let mut shown: Option<Scenario> = None;
    for line in tests.lines() {
        if let Some((name, outcome)) = line.strip_prefix("test ").and_then(|rest| rest.split_once(" ... ")) {
            if let Some(scenario) = scenario(name) {
                outcome.clone_into(&mut rows.entry(scenario).or_default().outcome);
            }
        } else if let Some(name) = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" stdout ----")) {
            shown = scenario(name);
        } else if let Some(row) = shown.as_ref().and_then(|scenario| rows.get_mut(scenario)) {
            row.rounds += usize::from(line.contains(", round "));
            row.skipped |= line.starts_with("skipped");
        }
    }
    rows
}

/// `200 seeds: Counts { … }`, as the simulation says it.
fn simulated(tests: &str) -> String {
    let line = tests.lines().find(|line| line.contains(" seeds: Counts {")).expect("the simulation was run");
    line.replace("Counts { ", "").replace(" }", "").replace('_', " ")
}

/// The rows of the bench's table.
fn figures(bench: &str) -> Vec<&str> {
    let rows: Vec<&str> = bench.lines().filter(|line| line.starts_with('|') && !line.starts_with("|---")).collect();
    assert!(rows.len() > 1, "the bench has figures");
    rows[1..].iter().copied().filter(|row| !row.starts_with("| what |")).collect()
}

fn page(rows: &BTreeMap<Scenario, Row>, simulated: &str, figures: &[&str]) -> String {
    let mut page = String::from(
        "# Reliability\n\nWhat was broken on purpose, how often, and what was seen. Written by `make reliability` from the last run of each\n\
         part on one machine; the ids are those of the tests' names, where each scenario can be read and run again.\n\n\
         ## Figures\n\n| what | ours | beside | result | goal |\n|---|---|---|---|---|\n",
    );
    for row in figures {
        page += &format!("{row}\n");
    }
    page += &format!(
        "\n## Simulated\n\nThe real conversations, spool and files of samples, on a simulated network, disk and clock (`tests/sim/`): every sample\n\
         that was taken was found where it belongs, once and as it was, after {simulated}.\n\n\
         *Lives* are controllers; what is *left over* was stored and could not be said to be before the network was gone for good.\n\n\
         ## Done to real processes\n\n| scenario | what | times | outcome |\n|---|---|--:|---|\n"
    );
    for ((letter, number, words), Row { outcome, rounds, skipped }) in rows {
        let outcome = if *skipped { "skipped on this machine" } else { outcome };
        page += &format!("| {letter}{number} | {words} | {} | {outcome} |\n", (*rounds).max(1));
    }
    page
}
