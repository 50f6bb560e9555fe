//! Banning an agent, also while a run uses it.

use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rpycbench_tests::Sandbox;
use rpycbench_tests::going::Going;
use rpycbench_tests::installed::Installed;
use rpycbench_tests::patience::eventually;

/// This host drives, the agent serves; `requests` decides how long.
fn plan(hurin: &Installed, requests: u32) -> String {
    format!(
        "[study]\nname = \"ban\"\nblocks = 2\nplacement = \"free\"\n\
         [hosts.turin]\nlocal = true\n[hosts.hurin]\nagent = \"{}\"\n\
         [[topologies]]\nname = \"lan\"\nclient = \"turin\"\nserver = \"hurin\"\n\
         [[servers]]\nname = \"rpyc-threaded\"\nkind = \"rpyc\"\nmode = \"threaded\"\n\
         [[workloads]]\nname = \"endless\"\nkind = \"closed\"\nrequests = {requests}\n",
        hurin.address
    )
}

fn enrolled(sandbox: &Sandbox) -> Installed {
    let hurin = Installed::start(sandbox, "hurin", "127.0.0.2");
    let outcome = sandbox.call(&["enrol", &hurin.address, "--code", &hurin.code("hurin")]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    hurin
}

#[test]
fn s5_a_ban_ends_the_agents_part_of_a_run_within_a_second_and_the_run_in_order() {
    let sandbox = Sandbox::new();
    let hurin = enrolled(&sandbox);
    let path = sandbox.plan(&plan(&hurin, 2_000_000)).display().to_string();
    let mut controller = sandbox
        .controller(&["run", &path, "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the controller starts");
    let mut events = BufReader::new(controller.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let driving = |line: String| line.contains("\"phase\":\"driving\"") && !line.contains("\"done\":0");
    assert!(events.any(driving), "the load never ran: {:?}", controller.wait());
    // Nobody may be left waiting for a pipe to be read.
    let rest = std::thread::spawn(move || events.count());
    let described = sandbox.call(&["agents", "describe", "hurin", "--json"]).stdout;
    assert!(described.contains("\"busy\":true"), "{described}");
    let serving = || {
        let workers = sandbox.processes().into_iter();
        workers.filter(|living| living.command.contains("rpycbench_workers.serve")).collect::<Vec<_>>()
    };
    assert!(!serving().is_empty());

    let outcome = sandbox.call(&["agents", "ban", "hurin"]);
    let since = Instant::now();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    // With the session ends what it started: that is how it shows from outside.
    eventually("the server is gone", || if serving().is_empty() { Ok(()) } else { Err(serving()) });
    let took = since.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");

    let ended = controller.wait_with_output().expect("the controller ends");
    rest.join().expect("its events were read");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(4), "{said}");
    assert!(said.contains("the agent of hurin was banned on "), "{said}");
    let cells = sandbox.json("run.json")["cells"].clone();
    assert_eq!((&cells[0]["status"], &cells[1]["status"]), (&"failed".into(), &"not-run".into()), "{cells}");
    assert_eq!(
        cells[0]["driver_exit"]["asked"], true,
        "the agent that is not banned has ended its part in order: {cells}"
    );
    assert!(sandbox.latest().join("report.md").is_file());
    let left = sandbox.processes();
    assert!(left.iter().all(|process| process.command.contains("rpycbench-agent serve")), "{left:?}");
}

#[test]
fn s5_an_agent_that_is_banned_after_it_was_lost_is_not_called_again() {
    let sandbox = Sandbox::new();
    let hurin = enrolled(&sandbox);
    let path = sandbox.plan(&plan(&hurin, 200_000)).display().to_string();
    let mut going = Going::start(sandbox.controller(&["run", &path, "--json"]));
    going.until_done(1);
    drop(hurin);
    going.until("that it waits", |event| event["message"] == "waiting for the agent of hurin to come back");
    assert_eq!(sandbox.call(&["agents", "ban", "hurin"]).code, Some(0));
    let outcome = going.end();
    assert_eq!(outcome.code, Some(4), "{outcome:?}");
    let cells = sandbox.json("run.json")["cells"].clone();
    assert!(cells[0]["reason"].to_string().contains("the agent of hurin is lost"), "{cells}");
    let reason = cells[1]["reason"].to_string();
    assert!(reason.contains("the agent of hurin was banned on ") && !reason.contains("did not come back"), "{cells}");
}

#[test]
fn s5_a_banned_agent_is_refused_before_anything_is_started_until_it_is_enrolled_again() {
    let sandbox = Sandbox::new();
    let hurin = enrolled(&sandbox);
    assert_eq!(sandbox.call(&["agents", "ban", "hurin"]).code, Some(0));
    assert!(sandbox.call(&["agents"]).stdout.contains("banned since 2"));
    let first = sandbox.known("hurin")["banned"].clone();
    assert_eq!(sandbox.call(&["agents", "ban", "hurin"]).code, Some(0), "once more is no mistake");
    assert_eq!(sandbox.known("hurin")["banned"], first);

    let outcome = sandbox.run(&plan(&hurin, 20), &[]);
    assert_eq!(outcome.code, Some(5), "{outcome:?}");
    let wanted = "rpycbench-controller: host hurin: its agent hurin was banned on 2";
    assert!(outcome.stderr.starts_with(wanted) && outcome.stderr.lines().count() == 1, "{outcome:?}");
    assert!(!sandbox.path().join("results").exists(), "nothing was begun");
    assert_eq!(sandbox.call(&["agents", "describe", "hurin"]).code, Some(5));

    // A code that lets nobody in lifts nothing.
    let code = hurin.code("hurin");
    let parts: Vec<&str> = code.split('.').collect();
    let wrong = format!("{}.{}.{}.{}", parts[0], parts[1], "a".repeat(parts[2].len()), parts[3]);
    assert_ne!(sandbox.call(&["enrol", &hurin.address, "--code", &wrong]).code, Some(0));
    assert_eq!(sandbox.known("hurin")["banned"], first);
    let outcome = sandbox.call(&["enrol", &hurin.address, "--code", &hurin.code("hurin")]);
    assert!(outcome.code == Some(0) && outcome.stdout.contains("its ban of 2"), "{outcome:?}");
    assert_eq!(sandbox.known("hurin")["banned"], serde_json::Value::Null);
    assert_eq!(sandbox.run(&plan(&hurin, 20), &[]).code, Some(0));
}

#[test]
fn who_was_never_enrolled_cannot_be_banned_or_described() {
    let sandbox = Sandbox::new();
    for what in ["ban", "describe"] {
        let outcome = sandbox.call(&["agents", what, "nobody"]);
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        assert!(outcome.stderr.contains("no agent \"nobody\" is enrolled"), "{outcome:?}");
    }
}

#[test]
fn an_agent_can_be_described() {
    let sandbox = Sandbox::new();
    let hurin = enrolled(&sandbox);
    let outcome = sandbox.call(&["agents", "describe", "hurin", "--json"]);
    let described: serde_json::Value = serde_json::from_str(&outcome.stdout).expect("one line of JSON");
    assert_eq!((&described["name"], &described["busy"]), (&"hurin".into(), &false.into()), "{described}");
    assert_eq!(described["address"], hurin.address.as_str());
    assert_eq!(described["certificate"]["not_after"], sandbox.known("hurin")["expires"]);
    assert!(described["host"]["logical_cpus"].as_u64() > Some(0), "{described}");
    let text = sandbox.call(&["agents", "describe", "hurin"]).stdout;
    for word in ["free", "certificate", "cpus", "memory"] {
        assert!(text.contains(word), "{text}");
    }
    drop(hurin);
    let outcome = sandbox.call(&["agents", "describe", "hurin"]);
    assert_eq!(outcome.code, Some(5), "{outcome:?}");
    assert!(outcome.stderr.contains("host hurin: cannot reach the agent") && outcome.stderr.lines().count() == 1);
}
