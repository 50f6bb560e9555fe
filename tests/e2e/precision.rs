//! Blocks that run until cells are precise.

use std::collections::BTreeSet;

use nix::sys::signal::Signal;
use rpycbench_tests::Sandbox;
use rpycbench_tests::going::Going;
use rpycbench_tests::sandbox::plan;
use serde_json::{Value, json};

const SHORT: &str = "[[workloads]]\nname = \"short\"\nkind = \"closed\"\nrequests = 20\n";
const MEDIUM: &str = "[[workloads]]\nname = \"medium\"\nkind = \"closed\"\nrequests = 200\n";
const LONG: &str = "[[workloads]]\nname = \"long\"\nkind = \"closed\"\nrequests = 3000\n";
/// Of two servers, two blocks and never more than four.
const SERVERS: &[&str] = &["rpyc-threaded", "flask-threaded"];

fn asking(precision: &str, workload: &str) -> String {
    let lines = format!("blocks = 2\nprecision = {precision:?}\nmax_blocks = 4\n");
    plan(SERVERS, workload).replacen("blocks = 1\n", &lines, 1)
}

/// Every cell of four blocks once, and complete.
fn assert_is_whole(sandbox: &Sandbox) {
    let run = sandbox.json("run.json");
    let cells = run["cells"].as_array().expect("cells");
    let names: BTreeSet<String> = cells.iter().map(|cell| format!("{} {}", cell["server"], cell["block"])).collect();
    let ids: BTreeSet<u64> = cells.iter().filter_map(|cell| cell["id"].as_u64()).collect();
    assert_eq!((cells.len(), names.len(), ids.len()), (8, 8, 8), "{run}");
    assert!(cells.iter().all(|cell| cell["status"] == "complete"), "{run}");
    assert_eq!(sandbox.json("results.json")["complete"], true);
}

#[test]
fn blocks_are_added_until_there_are_as_many_as_may_be_and_every_event_says_how_many_cells_there_are() {
    let sandbox = Sandbox::new();
    // Of 80 samples nobody knows p99.
    let outcome = sandbox.run(&asking("p99 ± 5%", SHORT), &["--json"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let events: Vec<Value> =
        outcome.stdout.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    let of = |kind: &str| events.iter().filter(|event| event["event"] == kind).collect::<Vec<_>>();
    assert_eq!(of("run_started")[0]["cells"], 4);
    let added: Vec<_> =
        of("block_added").iter().map(|it| [&it["block"], &it["cells"], &it["of"]].map(Value::clone)).collect();
    assert_eq!(json!(added), json!([[3, 2, 6], [4, 2, 8]]));
    let imprecise = json!(["localhost/rpyc-threaded/short", "localhost/flask-threaded/short"]);
    assert_eq!(
        (&of("block_added")[0]["wanted"], &of("block_added")[0]["imprecise"]),
        (&json!("p99 ± 5 %"), &imprecise)
    );
    let finished: Vec<_> = of("cell_finished").iter().map(|it| [&it["number"], &it["of"]].map(Value::clone)).collect();
    let expected = [[1, 4], [2, 4], [3, 4], [4, 4], [5, 6], [6, 6], [7, 8], [8, 8]];
    assert_eq!(json!(finished), json!(expected));
    assert_is_whole(&sandbox);
    assert_eq!(sandbox.json("run.json")["precision"]["begun"], 4);
    for cell in sandbox.json("results.json")["cells"].as_array().expect("cells") {
        assert_eq!((&cell["blocks"], &cell["verdict"]), (&json!(4), &json!("inconclusive")), "{cell}");
        let reason = "p99 has no interval after 4 blocks, as too few samples are beyond it; ± 5 % was asked for.";
        assert!(cell["reasons"].as_array().is_some_and(|reasons| reasons.contains(&json!(reason))), "{cell}");
    }
    let again = sandbox.call(&["run", "--resume", &sandbox.latest().display().to_string()]);
    assert_eq!(again.code, Some(2), "{again:?}");
    assert!(again.stderr.contains("nothing is left to run"), "{again:?}");
}

#[test]
fn a_run_whose_cells_are_precise_has_the_blocks_of_its_plan() {
    let sandbox = Sandbox::new();
    // A median, of so many blocks: whatever else the machine does meanwhile, they do not differ that much.
    let lines = "blocks = 6\nprecision = \"p50 ± 99%\"\nmax_blocks = 8\n";
    let plan = plan(&["rpyc-threaded"], MEDIUM).replacen("blocks = 1\n", lines, 1);
    let outcome = sandbox.run(&plan, &[]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(sandbox.json("run.json")["cells"].as_array().map(Vec::len), Some(6), "{outcome:?}");
    assert_eq!(
        sandbox.json("run.json")["precision"],
        json!({ "wanted": "p50 ± 99 %", "blocks": 6, "begun": 6, "max_blocks": 8 })
    );
}

#[test]
fn a_check_says_how_many_cells_there_may_be() {
    let sandbox = Sandbox::new();
    let path = sandbox.plan(&asking("p99 ± 5%", SHORT)).display().to_string();
    let check = sandbox.call(&["check", &path]);
    assert_eq!(check.code, Some(0), "{check:?}");
    assert!(check.stdout.contains("4 to 8 cells in 2 to 4 blocks, about "), "{check:?}");
    assert!(check.stdout.contains(": until p99 ± 5 % holds for every cell"), "{check:?}");
}

/// Ends a run amid a cell of a block that was added.
fn cut_short(signal: Signal) -> Sandbox {
    let sandbox = Sandbox::new();
    let path = sandbox.plan(&asking("p99 ± 0.0001%", LONG)).display().to_string();
    let mut going = Going::start(sandbox.controller(&["run", &path, "--json"]));
    going.until("a block is added", |event| event["event"] == "block_added");
    going.until_done(1);
    going.signal(signal);
    going.end();
    sandbox
}

#[test]
fn a_run_that_was_cut_short_amid_a_block_that_was_added_goes_on_with_it() {
    for signal in [Signal::SIGINT, Signal::SIGKILL] {
        let sandbox = cut_short(signal);
        if signal == Signal::SIGINT {
            assert_eq!(sandbox.json("results.json")["complete"], false, "a partial report");
        }
        let folder = sandbox.latest().display().to_string();
        let outcome = sandbox.call(&["run", "--resume", &folder]);
        assert_eq!(outcome.code, Some(0), "{signal}: {outcome:?}");
        assert_is_whole(&sandbox);
        assert_eq!(sandbox.json("run.json")["precision"]["begun"], 4, "{signal}");
    }
}

#[test]
fn a_block_that_a_resumed_run_begins_with_is_begun_before_its_first_cell() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.run(&asking("p99 ± 0.0001%", MEDIUM), &[]).code, Some(0));
    // As one is left that is killed before it has looked whether more blocks are needed.
    let mut run = sandbox.json("run.json");
    (run["ended"], run["precision"]["begun"]) = ("".into(), 2.into());
    run["cells"].as_array_mut().expect("cells").retain(|cell| cell["block"].as_u64() <= Some(2));
    let folder = sandbox.latest();
    std::fs::write(folder.join("run.json"), run.to_string()).expect("it can be written");

    let mut going = Going::start(sandbox.controller(&["run", "--resume", &folder.display().to_string(), "--json"]));
    going.until("its first cell", |event| event["event"] == "cell_started");
    assert_eq!(sandbox.json("run.json")["precision"]["begun"], 3);
    let outcome = going.end();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_is_whole(&sandbox);
}
