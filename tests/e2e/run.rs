//! Plan in, run folder out.

use std::collections::BTreeMap;

use rpycbench_tests::Sandbox;
use rpycbench_tests::sandbox::plan;
use serde_json::Value;

const ALL: &[&str] = &["rpyc-threaded", "rpyc-forking", "flask-threaded"];
const CONNECT: &str = "[[workloads]]\nname = \"connect\"\nkind = \"connect\"\ncount = 7\nwarmup = 1\n";
const THREADS: &str = "[[workloads]]\nname = \"threads\"\nkind = \"closed\"\nclients = 3\nrequests = 20\nwarmup = 2\nclient_model = \"threads\"\n";
const PROCESSES: &str = "[[workloads]]\nname = \"processes\"\nkind = \"closed\"\nclients = 2\nrequests = 15\nclient_model = \"processes\"\n";

fn cells(run: &Value) -> &Vec<Value> {
    run["cells"].as_array().expect("cells")
}

#[test]
fn every_server_and_workload_is_measured_and_every_sample_is_counted() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.run(&plan(ALL, &format!("{CONNECT}{THREADS}{PROCESSES}")), &[]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let run = sandbox.json("run.json");
    assert_eq!(cells(&run).len(), 9);
    for cell in cells(&run) {
        let expected = match cell["workload"].as_str() {
            Some("connect") => 7,
            Some("threads") => 60,
            _ => 30,
        };
        for count in ["expected", "reported", "stored"] {
            assert_eq!(cell[count], expected, "{count} of {cell}");
        }
        assert_eq!(cell["failed"], 0, "{cell}");
        assert_eq!(cell["status"], "complete", "{cell}");
        assert_eq!(cell["server_exit"]["asked"], true, "{cell}");
        assert!(cell["server_exit"]["peak_memory_bytes"].as_u64() > Some(1_000_000), "{cell}");
    }
    assert!(outcome.stdout.contains("report: "), "{outcome:?}");
    for file in ["plan.toml", "results.json", "results_local.json", "report.md", "report.html"] {
        assert!(sandbox.latest().join(file).is_file(), "{file} is missing");
    }
    assert_eq!(sandbox.processes(), []);
}

#[test]
fn round_trips_are_those_of_each_call_shape() {
    let sandbox = Sandbox::new();
    let bound = THREADS.replace("\"threads\"\nkind", "\"bound\"\nkind") + "call = \"bound\"\n";
    let outcome = sandbox.run(&plan(&["rpyc-threaded", "flask-threaded"], &format!("{THREADS}{bound}")), &[]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let run = sandbox.json("run.json");
    let measured: BTreeMap<String, f64> = cells(&run)
        .iter()
        .map(|cell| {
            let name = format!("{} {}", cell["server"], cell["workload"]).replace('"', "");
            (name, cell["round_trips_per_call"].as_f64().expect("a figure"))
        })
        .collect();
    // Fetching the attribute, calling it, and waiting behind the unanswered deletion of the method; calling it; a TCP
    // connection, the head of the answer, and a body that the server holds back behind its head.
    assert_eq!(measured["rpyc-threaded threads"], 3.0);
    assert_eq!(measured["rpyc-threaded bound"], 1.0);
    assert_eq!(measured["flask-threaded threads"], 3.0);
}

#[test]
fn server_and_driver_run_on_the_cpus_the_run_says() {
    let sandbox = Sandbox::new();
    let free = plan(&["rpyc-threaded"], CONNECT).replace("blocks = 1", "blocks = 1\nplacement = \"free\"");
    assert_eq!(sandbox.run(&free, &[]).code, Some(0));
    assert_eq!(cells(&sandbox.json("run.json"))[0]["server_cpus"], serde_json::json!([]));

    let separate = plan(&["rpyc-threaded"], CONNECT);
    assert_eq!(sandbox.run(&separate, &[]).code, Some(0));
    let run = sandbox.json("run.json");
    let cpus = |role: &str| -> Vec<u64> {
        cells(&run)[0][role].as_array().expect("a list").iter().filter_map(Value::as_u64).collect()
    };
    let (server, driver) = (cpus("server_cpus"), cpus("driver_cpus"));
    assert!(server.iter().all(|cpu| !driver.contains(cpu)), "{server:?} and {driver:?}");
}

#[test]
fn json_events_are_all_that_is_on_stdout() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.run(&plan(&["rpyc-threaded"], CONNECT), &["--json"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let events: Vec<Value> =
        outcome.stdout.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    let kind = |event: &Value| event["event"].as_str().expect("each has a kind").to_owned();
    assert_eq!(kind(&events[0]), "run_started");
    assert!(events.iter().any(|event| kind(event) == "cell_finished" && event["samples"] == 7), "{events:?}");
    assert_eq!(kind(events.last().expect("events")), "run_finished");
}

#[test]
fn only_the_cells_asked_for_run() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.run(&plan(ALL, &format!("{CONNECT}{THREADS}")), &["--only", "*/rpyc-threaded/connect/*"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(cells(&sandbox.json("run.json")).len(), 1);
}

#[test]
fn the_order_of_the_cells_follows_from_the_seed() {
    let sandbox = Sandbox::new();
    let order = |seed: u32| {
        let text = plan(ALL, &format!("{CONNECT}{THREADS}{PROCESSES}"))
            .replace("blocks = 1", &format!("blocks = 3\nseed = {seed}"));
        let path = sandbox.plan(&text).display().to_string();
        sandbox.call(&["check", &path]).stdout
    };
    assert_eq!(order(1), order(1));
    assert_ne!(order(1), order(2));
    assert_eq!(order(1).matches("cell ").count(), 27);
}

#[test]
fn a_report_made_again_is_the_same_to_the_byte() {
    let sandbox = Sandbox::new();
    assert_eq!(
        sandbox.run(&plan(&["rpyc-threaded", "flask-threaded"], &format!("{CONNECT}{THREADS}")), &[]).code,
        Some(0)
    );
    let folder = sandbox.latest().canonicalize().expect("a run folder");
    let read = || -> BTreeMap<String, Vec<u8>> {
        let graphs =
            std::fs::read_dir(folder.join("graphs")).expect("graphs").map(|entry| entry.expect("a graph").path());
        let others = ["results.json", "results_local.json", "report.md", "report.html"].map(|name| folder.join(name));
        graphs.chain(others).map(|path| (path.display().to_string(), std::fs::read(&path).expect("a file"))).collect()
    };
    let first = read();
    assert!(first.keys().any(|name| name.ends_with("latency_comparison.png")), "{:?}", first.keys());
    for name in first.keys() {
        std::fs::remove_file(name).expect("a file");
    }
    let outcome = sandbox.call(&["report", &folder.display().to_string()]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let second = read();
    assert!(
        first == second,
        "files differ: {:?}",
        first.iter().filter(|(name, bytes)| second.get(*name) != Some(bytes)).map(|(name, _)| name).collect::<Vec<_>>()
    );
}

/// The local agent writes to the terminal of who runs the plan.
#[test]
fn a_quiet_run_is_quiet_and_so_is_the_agent_it_starts() {
    let sandbox = Sandbox::new();
    let plan = plan(&["rpyc-threaded"], "[[workloads]]\nname = \"one\"\nkind = \"connect\"\ncount = 1\n");
    let outcome = sandbox.run(&plan, &["--quiet"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
}
