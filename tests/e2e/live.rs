//! What a person at a terminal sees while a run goes on: `script` (util-linux) is the terminal.

use std::process::Command;

use rpycbench_tests::sandbox::plan;
use rpycbench_tests::{Outcome, Sandbox};

const LOAD: &str = "[[workloads]]\nname = \"calls\"\nkind = \"closed\"\nclients = 2\nrequests = 4000\n";

/// The run, on a terminal of so many columns, if there is one to be had.
fn on_a_terminal(sandbox: &Sandbox, columns: u32) -> Option<Outcome> {
    let path = sandbox.plan(&plan(&["rpyc-threaded", "flask-threaded"], LOAD)).display().to_string();
    let template = sandbox.controller(&["run", &path]);
    let program = template.get_program().to_string_lossy().into_owned();
    let mut command = Command::new("script");
    command.args(["-qec", &format!("stty cols {columns} rows 40; exec {program} run {path}"), "/dev/null"]);
    command.current_dir(sandbox.path()).env("TERM", "xterm");
    for (name, value) in template.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    match command.output() {
        Ok(output) => Some(output.into()),
        Err(why) => {
            println!("skipped: no terminal without script: {why}");
            None
        }
    }
}

#[test]
fn a_terminal_shows_cells_done_and_left_time_left_rate_and_percentiles_as_they_are() {
    let sandbox = Sandbox::new();
    let Some(outcome) = on_a_terminal(&sandbox, 160) else { return };
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let seen = outcome.stdout;
    let cell = "localhost/rpyc-threaded/calls/python/b1";
    // A bar is drawn again and again; each drawing is a line of its own here.
    let drawn: Vec<&str> = seen.split(['\r', '\n']).filter(|line| line.contains(cell)).collect();
    let driving = drawn.iter().find(|line| line.contains(": driving") && line.contains("/s, p50 "));
    let driving = driving.unwrap_or_else(|| panic!("{drawn:#?}"));
    assert!(driving.contains("/8000 ") && driving.contains("p99 "), "{driving}");
    let whole = |line: &str| line.contains("1/2 cells, ") && line.contains(" gone, about ") && line.contains(" left");
    assert!(seen.split(['\r', '\n']).any(whole), "{seen}");
    for settled in ["[1/2] localhost/", "[2/2] localhost/", "run complete after ", "report.html"] {
        assert!(seen.contains(settled), "{settled:?} in {seen}");
    }
}

#[test]
fn a_narrow_terminal_is_no_reason_to_fail() {
    let sandbox = Sandbox::new();
    let Some(outcome) = on_a_terminal(&sandbox, 20) else { return };
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}
