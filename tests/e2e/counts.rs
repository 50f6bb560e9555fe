//! Samples are counted on both sides, and a difference is never smoothed over.

use std::fs;

use rpycbench_tests::sandbox::{binaries, plan, stamped};
use rpycbench_tests::{Outcome, Sandbox};

const TEN: &str = "[[workloads]]\nname = \"latency\"\nkind = \"closed\"\nclients = 1\nrequests = 10\n";

/// Runs a plan with an agent that gets one thing wrong.
fn with_a_lie(lie: &str) -> (Sandbox, Outcome) {
    let sandbox = Sandbox::new();
    let folder = sandbox.path().join("bin");
    fs::create_dir(&folder).expect("a folder");
    // Copies: the controller starts the agent that lies beside its own file.
    for (from, to) in [("rpycbench-controller", "rpycbench-controller"), ("lying-agent", "rpycbench-agent")] {
        fs::copy(binaries().join(from), folder.join(to)).expect("a binary");
    }
    let path = sandbox.plan(&stamped(&plan(&["rpyc-threaded"], TEN))).display().to_string();
    let template = sandbox.controller(&["run", &path]);
    let mut command = std::process::Command::new(folder.join("rpycbench-controller"));
    command.args(template.get_args()).current_dir(sandbox.path()).env("LIE", lie);
    for (name, value) in template.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    let outcome = command.output().expect("the controller starts").into();
    (sandbox, outcome)
}

#[track_caller]
fn fails_its_cell(lie: &str, reason: &str) {
    let (sandbox, outcome) = with_a_lie(lie);
    assert_eq!(outcome.code, Some(4), "{outcome:?}");
    assert!(outcome.stderr.contains("localhost/rpyc-threaded/latency/python/b1"), "{outcome:?}");
    assert!(outcome.stderr.contains(reason), "{outcome:?}");
    assert_eq!(sandbox.json("run.json")["cells"][0]["status"], "failed");
    assert_eq!(sandbox.json("results.json")["complete"], false);
    assert_eq!(sandbox.json("results.json")["cells"][0]["verdict"], "invalid");
}

#[test]
fn an_agent_that_tells_the_truth_is_believed() {
    let (sandbox, outcome) = with_a_lie("nothing");
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(sandbox.json("results.json")["cells"][0]["p50"], 500.0);
}

#[test]
fn r13_a_segment_that_comes_twice_fails_its_cell() {
    fails_its_cell("twice", "segment 1 came where 2 was due");
}

#[test]
fn r13_a_segment_that_is_missing_fails_its_cell() {
    fails_its_cell("missing", "segment 3 came where 2 was due");
}

#[test]
fn r13_a_segment_that_was_changed_on_the_way_fails_its_cell() {
    fails_its_cell("changed", "segment 1 does not match its hash");
}

#[test]
fn r13_samples_of_another_attempt_fail_the_cell() {
    fails_its_cell("attempt", "the samples are those of attempt 2 at localhost/rpyc-threaded/latency/b1");
}

#[test]
fn a_driver_that_ends_early_fails_its_cell() {
    fails_its_cell("early", "the driver took 10 of 15 samples");
}

#[test]
fn a_driver_that_takes_fewer_samples_than_the_plan_has_fails_its_cell() {
    fails_its_cell("fewer", "the driver took 6 samples, the plan has 10");
}

#[test]
fn a_cell_that_is_said_to_be_over_before_its_samples_have_ended_fails() {
    fails_its_cell("no-end", "10 samples have come, and no end");
}

#[test]
fn a_sample_that_no_clock_can_have_given_fails_its_cell_and_no_others() {
    fails_its_cell("before-all-time", "is out of range for the epoch 1");
}

#[test]
fn stamps_that_were_asked_for_and_do_not_come_whole_fail_their_cell() {
    let lacks = "what the server has stamped is not whole: ";
    fails_its_cell("no-stamps", &format!("{lacks}only 0 of them have come, and no end"));
    fails_its_cell("stamps-cut", &format!("{lacks}only 1 of them have come, and no end"));
    fails_its_cell("server-that-fell", &format!("{lacks}the server did not end as it was told"));
    fails_its_cell("stamps-of-another", "the samples are those of attempt 1 at localhost/rpyc-threaded/latency/b1");
}

#[test]
fn r18_an_agent_of_another_protocol_is_not_used() {
    let (_, outcome) = with_a_lie("protocol");
    assert_eq!(outcome.code, Some(5), "{outcome:?}");
    assert!(outcome.stderr.contains("speaks protocol 8, this controller 1: install the same version"), "{outcome:?}");
}
