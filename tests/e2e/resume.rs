//! A run that was cut short is finished, and looks like one that never was.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rpycbench_controller::store::manifest::CellRecord;
use rpycbench_controller::store::{samples, stamps};
use rpycbench_measure::pairing::pair;
use rpycbench_proto::message::Part;
use rpycbench_proto::segment::{Chain, Segment};
use rpycbench_tests::going::Going;
use rpycbench_tests::installed::Installed;
use rpycbench_tests::patience::eventually;
use rpycbench_tests::sandbox::{self, stamped};
use rpycbench_tests::{Outcome, Sandbox};
use serde_json::Value;

/// Cells that take a while each: there is time to end the run amid one.
const LONG: &str = "[[workloads]]\nname = \"calls\"\nkind = \"closed\"\nrequests = 3000\n";

/// A plan whose servers stamp: stamps are kept and fetched like samples.
fn plan(servers: &[&str], workloads: &str) -> String {
    stamped(&sandbox::plan(servers, workloads))
}

/// A run of four cells that was sent `signal` amid its second, and has ended.
fn cut_short(signal: Signal) -> Sandbox {
    let sandbox = Sandbox::new();
    let text = plan(&["rpyc-threaded", "rpyc-forking"], LONG).replace("blocks = 1", "blocks = 2");
    let path = sandbox.plan(&text).display().to_string();
    let mut controller = sandbox.controller(&["run", &path, "--json"]);
    let mut controller =
        controller.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the controller starts");
    let events = BufReader::new(controller.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let mut finished = false;
    for event in events {
        finished |= event.contains("\"event\":\"cell_finished\"");
        if finished && event.contains("\"phase\":\"driving\"") && !event.contains("\"done\":0") {
            break;
        }
    }
    kill(Pid::from_raw(controller.id().cast_signed()), signal).expect("the run goes on");
    wait(controller);
    eventually("every process is gone", || {
        let left = sandbox.processes();
        if left.is_empty() { Ok(()) } else { Err(left) }
    });
    sandbox
}

fn wait(mut controller: Child) {
    controller.wait().expect("it ends");
}

fn resume(sandbox: &Sandbox) -> Outcome {
    let folder = sandbox.latest().display().to_string();
    sandbox.call(&["run", "--resume", &folder])
}

#[test]
fn a_run_that_lacks_nothing_but_its_end_is_given_one_and_keeps_what_it_knows() {
    let sandbox = Sandbox::new();
    let path = sandbox.plan(&plan(&["rpyc-threaded"], LONG)).display().to_string();
    assert_eq!(sandbox.call(&["run", &path]).code, Some(0));
    let folder = sandbox.latest();
    let mut run = sandbox.json("run.json");
    let (pings, links) = (run["pings"].clone(), run["links"].clone());
    assert_ne!((pings.as_array().map(Vec::len), links.as_array().map(Vec::len)), (Some(0), Some(0)), "{run}");
    // As one is left that is killed after its last cell.
    run["ended"] = "".into();
    std::fs::write(folder.join("run.json"), run.to_string()).expect("it can be written");
    std::fs::remove_file(folder.join("report.md")).expect("a report");
    assert_eq!(sandbox.call(&["report", &folder.display().to_string()]).code, Some(0));
    assert_eq!(sandbox.json("results.json")["complete"], false);

    let outcome = resume(&sandbox);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let run = sandbox.json("run.json");
    assert_eq!((&run["pings"], &run["links"]), (&pings, &links), "{run}");
    assert_eq!(run["cells"].as_array().map(Vec::len), Some(1), "{run}");
    assert_eq!(sandbox.json("results.json")["complete"], true);
    let again = resume(&sandbox);
    assert_eq!(again.code, Some(2), "{again:?}");
    assert!(again.stderr.contains("nothing is left to run"), "{again:?}");
}

#[test]
fn a_host_that_is_another_when_a_run_is_taken_up_again_is_named_and_its_clock_is_not_taken_for_the_same() {
    let sandbox = Sandbox::new();
    let text = plan(&["rpyc-threaded"], &LONG.replace("3000", "20")).replace("blocks = 1", "blocks = 2");
    assert_eq!(sandbox.run(&text, &[]).code, Some(0));
    let mut run = sandbox.json("run.json");
    let now = run["hosts"]["here"]["boot_id"].clone();
    assert_eq!((run["boot_id"].clone(), now.as_str().map(str::len)), (now.clone(), Some(36)), "{run}");
    run["hosts"]["here"]["kernel"] = "2.4.0".into();
    run["hosts"]["here"]["boot_id"] = "another".into();
    run["cells"].as_array_mut().expect("cells").pop();
    std::fs::write(sandbox.latest().join("run.json"), run.to_string()).expect("it can be written");
    assert_eq!(resume(&sandbox).code, Some(0));
    let run = sandbox.json("run.json");
    let warnings = run["warnings"].to_string();
    let told = [
        "host here is not what it was before the run was taken up again",
        "its kernel was 2.4.0 and is ",
        "its start was another",
    ];
    assert!(told.iter().all(|told| warnings.contains(told)), "{warnings}");
    assert_eq!((&run["other_clocks"], &run["hosts"]["here"]["boot_id"]), (&serde_json::json!(["here"]), &now), "{run}");
}

#[test]
fn a_run_of_some_cells_is_finished_with_no_others() {
    let sandbox = Sandbox::new();
    let text = plan(&["rpyc-threaded", "rpyc-forking"], LONG).replace("blocks = 1", "blocks = 2");
    let path = sandbox.plan(&text).display().to_string();
    assert_eq!(sandbox.call(&["run", &path, "--only", "*/rpyc-forking/*"]).code, Some(0));
    let again = resume(&sandbox);
    assert_eq!(again.code, Some(2), "{again:?}");
    assert!(again.stderr.contains("nothing is left to run"), "{again:?}");
}

#[test]
fn a_run_folder_is_filled_by_one_run_at_a_time() {
    let sandbox = Sandbox::new();
    let text = plan(&["rpyc-threaded"], LONG).replace("blocks = 1", "blocks = 4");
    let mut going = Going::start(sandbox.controller(&["run", &sandbox.plan(&text).display().to_string(), "--json"]));
    going.until_done(1);
    let second = resume(&sandbox);
    assert_ne!(second.code, Some(0), "{second:?}");
    assert!(second.stderr.contains("a run is filling it: wait until that has ended"), "{second:?}");
    let first = going.end();
    assert_eq!(first.code, Some(0), "{first:?}");
    assert_eq!(sandbox.json("run.json")["resumed"], serde_json::json!([]));
}

/// Every cell of the plan once, complete, with all its samples.
fn assert_is_whole(sandbox: &Sandbox) -> Value {
    let run = sandbox.json("run.json");
    let cells = run["cells"].as_array().expect("cells");
    let names: BTreeSet<String> = cells.iter().map(|cell| format!("{} {}", cell["server"], cell["block"])).collect();
    assert_eq!((cells.len(), names.len()), (4, 4), "{run}");
    for cell in cells {
        assert_eq!((&cell["status"], &cell["stored"]), (&"complete".into(), &3000.into()), "{cell}");
    }
    let results = sandbox.json("results.json");
    assert_eq!(results["complete"], true);
    for cell in results["cells"].as_array().expect("cells") {
        assert_eq!(cell["count"], 6000, "{cell}");
    }
    for part in ["samples", "stamps"] {
        let files = std::fs::read_dir(sandbox.latest().join(part)).expect(part).count();
        assert_eq!(files, 4, "a reader of the folder finds all {part} once");
    }
    let paired: Vec<u64> = cells.iter().map(|cell| paired(sandbox, cell)).collect();
    assert_eq!(paired, [3000; 4], "every sample has its stamps");
    run
}

/// How many samples of a cell find when their server had them and had answered them.
fn paired(sandbox: &Sandbox, cell: &Value) -> u64 {
    let cell: CellRecord = serde_json::from_value(cell.clone()).expect("a record");
    let stamps = cell.stamps.expect("it has stamps");
    let columns = samples::read(&sandbox.latest().join(&cell.samples)).expect("samples");
    let rows = stamps::read(&sandbox.latest().join(&stamps.file)).expect("stamps");
    assert_eq!(rows.len() as u64, stamps.stored, "{stamps:?}");
    pair(&columns.calls(), &rows, &stamps.pairings(), stamps.full).served.iter().flatten().count() as u64
}

#[test]
fn r21_a_run_whose_controller_was_killed_is_finished_with_the_cells_it_lacks() {
    let sandbox = cut_short(Signal::SIGKILL);
    let before = sandbox.json("run.json")["cells"].as_array().map(Vec::len);
    assert_eq!(before, Some(1));
    // Not the bytes of its file: at the end of a run the server's times are entered in it.
    let samples_of_first = || samples::read(&sandbox.latest().join(first_samples(&sandbox))).expect("samples");
    let kept = samples_of_first();

    let outcome = resume(&sandbox);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stderr.contains("3 cells into"), "{outcome:?}");
    let run = assert_is_whole(&sandbox);
    assert_eq!(run["resumed"].as_array().map(Vec::len), Some(1));
    assert!(kept == samples_of_first(), "a cell that was complete is not touched");
}

/// Where the first cell of the run has its samples.
fn first_samples(sandbox: &Sandbox) -> String {
    sandbox.json("run.json")["cells"][0]["samples"].as_str().expect("a path").to_owned()
}

#[test]
fn a_cell_that_was_interrupted_keeps_its_samples_and_runs_again_as_another_attempt() {
    let sandbox = cut_short(Signal::SIGINT);
    let run = sandbox.json("run.json");
    let cut = &run["cells"][1];
    let stored = cut["stored"].as_u64().expect("a count");
    assert_eq!(cut["status"], "interrupted", "{cut}");
    assert!(0 < stored && stored < 3000, "{cut}");

    let outcome = resume(&sandbox);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let run = assert_is_whole(&sandbox);
    let attempt = &run["attempts"][0];
    assert_eq!((&attempt["attempt"], &attempt["stored"]), (&1.into(), &stored.into()), "{attempt}");
    assert!(sandbox.latest().join(attempt["samples"].as_str().expect("a path")).is_file(), "{attempt}");
    let again = run["cells"].as_array().expect("cells").iter().find(|cell| cell["id"] == attempt["id"]);
    assert_eq!(again.expect("the cell")["attempt"], 2);
    let report = std::fs::read_to_string(sandbox.latest().join("report.md")).expect("a report");
    assert!(report.contains("ran again, from their beginning"), "{report}");
}

#[test]
fn a_run_that_is_complete_has_nothing_to_resume() {
    let sandbox = Sandbox::new();
    let short = "[[workloads]]\nname = \"one\"\nkind = \"connect\"\ncount = 1\n";
    assert_eq!(sandbox.run(&plan(&["rpyc-threaded"], short), &[]).code, Some(0));
    let outcome = resume(&sandbox);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.stderr.contains("nothing is left to run"), "{outcome:?}");
}

#[test]
fn another_plan_than_that_of_the_run_is_refused() {
    let sandbox = cut_short(Signal::SIGKILL);
    let other = sandbox.plan(&plan(&["rpyc-threaded"], LONG)).display().to_string();
    let folder = sandbox.latest().display().to_string();
    let outcome = sandbox.call(&["run", &other, "--resume", &folder]);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.stderr.contains("is not the plan of that run"), "{outcome:?}");
}

#[test]
fn a_complete_cell_whose_samples_were_lost_since_runs_again() {
    let sandbox = cut_short(Signal::SIGKILL);
    std::fs::remove_file(sandbox.latest().join(first_samples(&sandbox))).expect("the samples were there");
    let outcome = resume(&sandbox);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stderr.contains("4 cells into"), "{outcome:?}");
    assert_is_whole(&sandbox);
}

/// A plan of one host with an agent that outlives its controllers, and that agent, enrolled.
fn with_an_agent(workload: &str) -> (Sandbox, Installed, String) {
    let sandbox = Sandbox::new();
    let hurin = Installed::start(&sandbox, "hurin", "127.0.0.2");
    let enrolled = sandbox.call(&["enrol", &hurin.address, "--code", &hurin.code("hurin")]);
    assert_eq!(enrolled.code, Some(0), "{enrolled:?}");
    let text = plan(&["rpyc-threaded", "rpyc-forking"], workload)
        .replace("blocks = 1", "blocks = 2")
        .replace("local = true", &format!("agent = \"{}\"", hurin.address));
    let path = sandbox.plan(&text).display().to_string();
    (sandbox, hurin, path)
}

/// The streams of samples that an agent keeps.
fn kept(agent: &Installed) -> Vec<PathBuf> {
    let runs = std::fs::read_dir(agent.state().join("spool")).into_iter().flatten().flatten();
    runs.flat_map(|run| std::fs::read_dir(run.path()).into_iter().flatten().flatten().map(|file| file.path())).collect()
}

/// Begins a run and kills its controller amid a cell, once the first is complete.
fn kill_the_controller(sandbox: &Sandbox, path: &str) {
    let mut controller = sandbox.controller(&["run", path, "--json"]);
    let mut controller =
        controller.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the controller starts");
    let events = BufReader::new(controller.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let mut finished = false;
    for event in events {
        finished |= event.contains("\"event\":\"cell_finished\"");
        if finished && event.contains("\"phase\":\"driving\"") && !event.contains("\"done\":0") {
            break;
        }
    }
    kill(Pid::from_raw(controller.id().cast_signed()), Signal::SIGKILL).expect("the run goes on");
    wait(controller);
}

#[test]
fn an_agent_keeps_nothing_that_its_controller_has() {
    let (sandbox, hurin, path) = with_an_agent(LONG);
    let outcome = sandbox.call(&["run", &path]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_is_whole(&sandbox);
    assert_eq!(kept(&hurin), [] as [PathBuf; 0]);
}

#[test]
fn r21_samples_that_had_not_reached_a_controller_that_was_killed_are_fetched_from_the_agent() {
    let (sandbox, hurin, path) = with_an_agent(LONG);
    kill_the_controller(&sandbox, &path);
    // The driver comes to its end within the lease.
    eventually("the agent has ended the run and keeps samples and stamps", || match kept(&hurin).len() {
        2 if hurin.log().contains("run closed") => Ok(()),
        count => Err(format!("{count} streams")),
    });

    let outcome = resume(&sandbox);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stderr.contains("3000 samples that its agent has kept are fetched"), "{outcome:?}");
    let run = assert_is_whole(&sandbox);
    let collected = run["cells"].as_array().expect("cells").iter().filter(|cell| cell["collected"] == true).count();
    assert_eq!((collected, run["attempts"].as_array().map(Vec::len)), (1, Some(0)), "{run}");
    assert_eq!(kept(&hurin), [] as [PathBuf; 0], "what was fetched need not be kept");
    let report = std::fs::read_to_string(sandbox.latest().join("report.md")).expect("a report");
    assert!(report.contains("Their agents had kept the samples"), "{report}");
}

#[test]
fn r21_a_run_is_taken_up_again_while_the_agent_still_waits_for_the_controller_that_was_killed() {
    // So long that it cannot come to its end before.
    let (sandbox, hurin, path) = with_an_agent(&LONG.replace("3000", "20000"));
    kill_the_controller(&sandbox, &path);
    let outcome = resume(&sandbox);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let log = hurin.log();
    assert!(log.contains("run taken over") && !log.contains("nothing was heard of the controller"), "{log}");
    let run = sandbox.json("run.json");
    let cells = run["cells"].as_array().expect("cells");
    assert!(cells.len() == 4 && cells.iter().all(|cell| cell["stored"] == 20000), "{run}");
    // What the driver had taken by then.
    let attempt = &run["attempts"][0];
    let stored = attempt["stored"].as_u64().expect("a count");
    assert!(0 < stored && stored < 20000, "{attempt}");
    let samples = sandbox.latest().join(attempt["samples"].as_str().expect("a path"));
    assert!(samples.is_file(), "{attempt}");
    let again = cells.iter().find(|cell| cell["id"] == attempt["id"]).expect("the cell");
    assert_eq!((&attempt["attempt"], &again["attempt"]), (&1.into(), &2.into()));
    assert_eq!(kept(&hurin), [] as [PathBuf; 0]);
}

#[test]
fn r14_a_stream_that_was_torn_on_the_agents_disk_is_an_attempt_of_what_can_be_read() {
    let (sandbox, hurin, path) = with_an_agent(&LONG.replace("3000", "20000"));
    kill_the_controller(&sandbox, &path);
    eventually("the agent keeps samples and stamps", || match kept(&hurin).len() {
        2 if hurin.log().contains("run closed") => Ok(()),
        count => Err(format!("{count} streams")),
    });
    for stream in kept(&hurin) {
        let bytes = std::fs::read(&stream).expect("a stream");
        std::fs::write(&stream, &bytes[..bytes.len() - 7]).expect("it can be cut");
    }
    let outcome = resume(&sandbox);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let run = sandbox.json("run.json");
    let attempt = &run["attempts"][0];
    assert!(attempt["reason"].as_str().is_some_and(|it| it.contains("is torn")), "{attempt}");
    assert!(attempt["stored"].as_u64() > Some(0), "{attempt}");
    assert!(run["cells"].as_array().expect("cells").iter().all(|cell| cell["stored"] == 20000), "{run}");
}

/// The kept stream of stamps: its first segment says what it holds.
fn kept_stamps(agent: &Installed) -> PathBuf {
    let of_stamps = |path: &PathBuf| match Chain::default().open(&std::fs::read(path).expect("a stream")) {
        Ok((Segment::Begin(begin), _)) => begin.stream.part == Part::Stamps,
        other => panic!("{other:?}"),
    };
    kept(agent).into_iter().find(of_stamps).expect("stamps are kept")
}

#[test]
fn samples_that_an_agent_has_kept_without_their_stamps_are_an_attempt_and_the_cell_runs_again() {
    let (sandbox, hurin, path) = with_an_agent(LONG);
    kill_the_controller(&sandbox, &path);
    eventually("the agent has ended the run and keeps samples and stamps", || match kept(&hurin).len() {
        2 if hurin.log().contains("run closed") => Ok(()),
        count => Err(format!("{count} streams")),
    });
    std::fs::remove_file(kept_stamps(&hurin)).expect("they were there");

    let outcome = resume(&sandbox);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let run = assert_is_whole(&sandbox);
    let attempt = &run["attempts"][0];
    assert_eq!((&attempt["attempt"], &attempt["stored"]), (&1.into(), &3000.into()), "{attempt}");
    let reason = attempt["reason"].as_str().expect("a reason");
    assert_eq!(reason, "what the server has stamped is not whole: only 0 of them have come, and no end");
    assert!(sandbox.latest().join(attempt["samples"].as_str().expect("a path")).is_file(), "{attempt}");
    let again = run["cells"].as_array().expect("cells").iter().find(|cell| cell["id"] == attempt["id"]);
    assert_eq!(again.expect("the cell")["attempt"], 2);
    assert_eq!(kept(&hurin), [] as [PathBuf; 0]);
}

#[test]
fn a_complete_cell_whose_stamps_were_lost_since_runs_again() {
    let sandbox = cut_short(Signal::SIGKILL);
    let stamps = sandbox.json("run.json")["cells"][0]["stamps"]["file"].as_str().expect("a path").to_owned();
    std::fs::remove_file(sandbox.latest().join(stamps)).expect("the stamps were there");
    let outcome = resume(&sandbox);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stderr.contains("4 cells into"), "{outcome:?}");
    assert_is_whole(&sandbox);
}
