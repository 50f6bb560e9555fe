//! Run folders that somebody has edited, and servers that mean ill: a report escapes what it shows, and a terminal is given
//! nothing that it would obey.

use std::fs;
use std::path::Path;

use rpycbench_tests::installed::Installed;
use rpycbench_tests::sandbox::plan;
use rpycbench_tests::{Outcome, Sandbox};
use serde_json::{Value, json};

const CALLS: &str = "[[workloads]]\nname = \"calls\"\nkind = \"closed\"\nrequests = 20\n";
/// Of what an HTML page, a terminal, a table of Markdown or a spreadsheet would take for more than text.
const EVIL: &str = "=1+1|<img src=x onerror=alert(1)>\u{1b}[2J\u{9b}1A\u{202e}`**x**";

/// A run folder whose `run.json` is then changed.
fn edited(edit: impl FnOnce(&mut Value)) -> (Sandbox, Outcome) {
    let sandbox = Sandbox::new();
    let outcome = sandbox.run(&plan(&["rpyc-threaded", "flask-threaded"], CALLS), &[]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let outcome = report_after(&sandbox, edit);
    (sandbox, outcome)
}

fn report_after(sandbox: &Sandbox, edit: impl FnOnce(&mut Value)) -> Outcome {
    let mut run = sandbox.json("run.json");
    edit(&mut run);
    fs::write(sandbox.latest().join("run.json"), run.to_string()).expect("it is the test's own");
    sandbox.call(&["report", &sandbox.latest().display().to_string()])
}

#[track_caller]
fn is_harmless(text: &str) {
    assert!(!text.contains(|character: char| character.is_control() && character != '\n'), "{text:?}");
    assert!(!text.contains("<img") && !text.contains('\u{202e}'), "{text:?}");
}

#[test]
fn r25_names_that_no_plan_can_have_are_refused_and_shown_harmlessly() {
    let (sandbox, _) = edited(|_| ());
    let sound = sandbox.json("run.json");
    let places: [&[&str]; 7] = [
        &["study"],
        &["run_id"],
        &["topologies", "0", "name"],
        &["servers", "0", "name"],
        &["workloads", "0", "name"],
        &["cells", "0", "server"],
        &["pings", "0", "topology"],
    ];
    for evil in [EVIL, "-2+3", "a\u{1b}]0;x\u{7}", &"x".repeat(70)] {
        for place in places {
            let outcome = report_after(&sandbox, |run| {
                *run = sound.clone();
                run[place[0]] = match place {
                    [_] => json!(evil),
                    _ => {
                        let mut list = run[place[0]].clone();
                        list[0][place[2]] = json!(evil);
                        list
                    }
                };
            });
            assert_eq!(outcome.code, Some(1), "{place:?}: {outcome:?}");
            assert!(outcome.stderr.contains("cannot be a name"), "{outcome:?}");
            is_harmless(&outcome.stderr.replace("<img", ""));
        }
        let outcome = report_after(&sandbox, |run| {
            *run = sound.clone();
            run["hosts"] = json!({ evil: sound["hosts"]["here"] });
        });
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
    }
}

#[test]
fn r25_free_text_that_means_ill_is_escaped_wherever_a_report_shows_it() {
    let (sandbox, outcome) = edited(|run| {
        run["description"] = json!(EVIL);
        run["warnings"] = json!([EVIL, EVIL]);
        for key in
            ["hostname", "os", "kernel", "arch", "cpu_model", "virtualization", "python", "python_implementation"]
        {
            run["hosts"]["here"][key] = json!(EVIL);
        }
        run["hosts"]["here"]["packages"] = json!({ EVIL: EVIL });
        run["hosts"]["here"]["confinement_measures"] = json!([{ "name": EVIL, "in_force": false, "detail": EVIL }]);
        for key in ["interface", "kind", "driver", "note"] {
            run["links"][0][key] = json!(EVIL);
        }
        run["pings"][0]["address"] = json!(EVIL);
        run["cells"][0]["status"] = json!("failed");
        run["cells"][0]["reason"] = json!(EVIL);
        run["version"] = json!(EVIL);
    });
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    is_harmless(&outcome.stdout);
    is_harmless(&outcome.stderr);
    let report = fs::read_to_string(sandbox.latest().join("report.md")).expect("a report");
    assert!(report.contains("\\<img"), "what is escaped is shown: {report}");
    for place in report.match_indices("<img").map(|(place, _)| place) {
        assert_eq!(&report[place - 1..place], "\\", "{}", &report[place.saturating_sub(80)..place + 20]);
    }
    is_harmless(&report.replace("\\<img", ""));
    let page = fs::read_to_string(sandbox.latest().join("report.html")).expect("a page");
    assert!(page.contains("&lt;img"), "what is escaped is shown: {page}");
    is_harmless(&page);
    for graph in fs::read_dir(sandbox.latest().join("graphs")).expect("graphs").flatten() {
        if graph.path().extension().is_some_and(|it| it == "svg") {
            is_harmless(&fs::read_to_string(graph.path()).expect("a graph"));
        }
    }
}

#[test]
fn r25_numbers_of_any_size_make_a_report_and_no_panic() {
    let (_, outcome) = edited(|run| {
        for key in ["logical_cpus", "physical_cores"] {
            run["hosts"]["here"][key] = json!(u32::MAX);
        }
        run["hosts"]["here"]["memory_bytes"] = json!(u64::MAX);
        run["hosts"]["here"]["epoch_raw_ns"] = json!(i64::MIN);
        run["cells_wall_s"] = json!(1e300);
        for key in ["expected", "reported", "stored", "failed", "server_startup_ns", "connections_opened"] {
            run["cells"][0][key] = json!(u64::MAX);
        }
        run["cells"][0]["round_trips_per_call"] = json!(1e300);
        for key in ["user_cpu_ns", "system_cpu_ns", "peak_memory_bytes", "load_cpu_ns"] {
            run["cells"][0]["server_exit"][key] = json!(u64::MAX);
        }
        for key in ["count", "lost"] {
            run["pings"][0][key] = json!(u32::MAX);
        }
        run["pings"][0]["max_ns"] = json!(1e300);
        run["workloads"][0]["requests"] = json!(u32::MAX);
        run["workloads"][0]["clients"] = json!(u32::MAX);
    });
    assert!(matches!(outcome.code, Some(0 | 1)) && !outcome.stderr.contains("panicked"), "{outcome:?}");
}

#[test]
fn s9_a_run_folder_that_points_outside_itself_is_not_followed() {
    let (sandbox, _) = edited(|_| ());
    let victim = sandbox.path().join("victim");
    fs::write(&victim, "mine").expect("a file");
    let sound = sandbox.json("run.json");
    for path in ["../../victim", &victim.display().to_string(), "samples/../../../victim", "/etc/passwd"] {
        let outcome = report_after(&sandbox, |run| {
            *run = sound.clone();
            run["cells"][0]["samples"] = json!(path);
            run["cells"][0]["status"] = json!("failed");
        });
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        assert!(outcome.stderr.contains("is no file below the run folder"), "{outcome:?}");
        let outcome = sandbox.call(&["run", "--resume", &sandbox.latest().display().to_string()]);
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        assert_eq!(fs::read_to_string(&victim).expect("it is where it was"), "mine");
    }
}

fn worker(agent: &Installed) -> std::path::PathBuf {
    let workers = fs::read_dir(agent.state().join("workers")).expect("workers").flatten();
    let folder = workers.map(|entry| entry.path()).find(|path| Path::is_dir(path)).expect("a folder of workers");
    folder.join("rpycbench_workers/serve.py")
}

#[test]
fn r25_a_server_whose_last_words_are_commands_for_a_terminal_is_quoted_harmlessly() {
    let sandbox = Sandbox::new();
    let agent = Installed::start(&sandbox, "hurin", "127.0.0.2");
    let enrolled = sandbox.call(&["enrol", &agent.address, "--code", &agent.code("hurin")]);
    assert_eq!(enrolled.code, Some(0), "{enrolled:?}");
    let plan = plan(&["rpyc-threaded"], CALLS).replace("local = true", &format!("agent = \"{}\"", agent.address));
    let outcome = sandbox.run(&plan, &[]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    fs::write(worker(&agent), "raise SystemExit('\\x1b[2J\\x9b1A\\u202ehostile')\n").expect("it is the test's own");
    let outcome = sandbox.run(&plan, &[]);
    assert_eq!(outcome.code, Some(4), "{outcome:?}");
    assert!(outcome.stderr.contains("hostile"), "{outcome:?}");
    is_harmless(&outcome.stderr);
    let report = fs::read_to_string(sandbox.latest().join("report.md")).expect("a report");
    assert!(report.contains("hostile"), "{report}");
    is_harmless(&report);
}
