//! What is said of agents' clocks, on hosts whose clocks are in truth the same, or apart by what the test says.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use rpycbench_controller::store::probes;
use rpycbench_tests::going::Going;
use rpycbench_tests::installed::Installed;
use rpycbench_tests::lan::{Attack, Lan};
use rpycbench_tests::many_hosts::{AHEAD, AHEAD_NS, CONTROLLER, ManyHosts};
use rpycbench_tests::parquet::int64s;
use rpycbench_tests::proxy::{Does, Proxy};
use rpycbench_tests::{Outcome, Sandbox};
use serde_json::Value;

use crate::clocks::{libfaketime, stepping};

/// What it says of hurin.
fn clock(hosts: &ManyHosts) -> Value {
    let outcome: Outcome =
        hosts.controller(&["agents", "clock", "hurin", "--json"]).output().expect("it starts").into();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {outcome:?}"))
}

/// Whether both the bound and the estimate hold the truth.
fn holds(said: &Value, truth_ns: i64) -> bool {
    let number = |name: &str| said[name].as_i64().unwrap_or_else(|| panic!("{name}: {said}"));
    (number("offset_ns") - truth_ns).abs() <= number("bound_ns")
        && (number("hull_offset_ns") - truth_ns).abs() <= number("hull_bound_ns")
        && number("hull_bound_ns") <= number("bound_ns")
}

#[test]
fn a_host_whose_clock_is_the_same_is_found_to_be_within_its_bound() {
    let lan = match Lan::veth(&[CONTROLLER, "hurin"]) {
        Ok(lan) => lan,
        Err(why) => return println!("skipped: {why}"),
    };
    let said = clock(&ManyHosts::on(lan, Sandbox::new(), &["hurin"], &[]));
    assert!(holds(&said, 0), "{said}");
    assert_eq!(
        (&said["host"], &said["transport"], &said["stamps"]),
        (&"hurin".into(), &"udp".into(), &"kernel".into())
    );
    assert!(said["probes"].as_u64() > Some(250), "two bursts, and those in between: {said}");
}

#[test]
fn a_host_whose_clock_is_a_thousand_seconds_ahead_is_said_to_be() {
    let lan = match Lan::veth(&[CONTROLLER, "hurin"]) {
        Ok(lan) => lan,
        Err(why) => return println!("skipped: {why}"),
    };
    let said = clock(&ManyHosts::on(lan, Sandbox::new(), &["hurin"], AHEAD));
    assert!(holds(&said, AHEAD_NS), "{said}");
}

#[test]
fn where_no_datagram_passes_a_tcp_connection_is_asked_and_said_to_be() {
    let hosts = match ManyHosts::start(Sandbox::new(), &["hurin"]) {
        Ok(hosts) => hosts,
        Err(why) => return println!("skipped: {why}"),
    };
    hosts.lan.both_ways(CONTROLLER, "hurin").no_datagrams();
    let said = clock(&hosts);
    assert!(holds(&said, 0), "{said}");
    assert_eq!((&said["transport"], &said["stamps"]), (&"tcp".into(), &"user".into()));
    assert!(said["probes"].as_u64() > Some(250), "{said}");
}

#[test]
fn where_nothing_but_tls_passes_the_stream_is_asked_and_said_to_be() {
    let sandbox = Sandbox::new();
    let hurin = Installed::start_in(&sandbox, "hurin", "127.0.0.2", Vec::new());
    let proxy = Proxy::to(&hurin.address, "127.0.0.3");
    proxy.does(Does::TlsAlone);
    let outcome = sandbox.call(&["enrol", &proxy.address, "--code", &hurin.code("hurin")]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let outcome = sandbox.call(&["agents", "clock", "hurin", "--json"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let said: Value = serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {outcome:?}"));
    assert!(holds(&said, 0), "{said}");
    assert_eq!((&said["transport"], &said["stamps"]), (&"grpc".into(), &"user".into()));
}

#[test]
fn a_way_that_takes_longer_in_one_direction_moves_the_estimate_and_not_the_truth_out_of_the_bound() {
    let hosts = match ManyHosts::start(Sandbox::new(), &["hurin"]) {
        Ok(hosts) => hosts,
        Err(why) => return println!("skipped: {why}"),
    };
    const LONGER_NS: i64 = 5_000_000;
    hosts.lan.link(CONTROLLER, "hurin").delay(Duration::from_nanos(LONGER_NS.cast_unsigned()));
    let said = clock(&hosts);
    assert!(holds(&said, 0), "{said}");
    let estimate = said["hull_offset_ns"].as_i64().expect("an estimate");
    assert!((estimate.abs() - LONGER_NS / 2).abs() < LONGER_NS / 10, "half of it: {said}");
}

/// A run in which turin, where there is an agent of the controller's own, drives at hurin.
fn run(hosts: &ManyHosts, study: &str) {
    let plan = hosts.sandbox.plan(&plan(hosts, study)).display().to_string();
    let outcome: Outcome = hosts.controller(&["run", &plan, "--quiet"]).output().expect("it starts").into();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

fn plan(hosts: &ManyHosts, study: &str) -> String {
    format!(
        "[study]\nname = \"clocks\"\nblocks = 1\nplacement = \"free\"\n{study}\n\
         [hosts.turin]\nlocal = true\nserve_on = \"{}\"\n[hosts.hurin]\nagent = \"{}:7443\"\n\
         [[topologies]]\nname = \"lan\"\nclient = \"turin\"\nserver = \"hurin\"\n\
         [[servers]]\nname = \"rpyc\"\nkind = \"rpyc\"\nmode = \"threaded\"\n\
         [[workloads]]\nname = \"calls\"\nkind = \"closed\"\nrequests = 2000\n",
        hosts.lan.address(CONTROLLER),
        hosts.lan.address("hurin")
    )
}

fn two_hosts(by: &[&str]) -> Option<ManyHosts> {
    let lan = Lan::veth(&[CONTROLLER, "hurin"]).inspect_err(|why| println!("skipped: {why}")).ok()?;
    let sandbox = Sandbox::new();
    sandbox.prepare(&["rpyc-threaded"]);
    Some(ManyHosts::on(lan, sandbox, &["hurin"], by))
}

#[test]
fn a_run_keeps_every_question_and_says_how_far_its_hosts_clocks_are_apart() {
    let Some(hosts) = two_hosts(AHEAD) else { return };
    run(&hosts, "");
    let said = hosts.sandbox.json("run.json")["clocks"].clone();
    let [clock] = said.as_array().map(Vec::as_slice).unwrap_or_default() else { panic!("{said}") };
    let around = |name: &str| [0, 1].map(|end| clock[name][end].as_i64().unwrap_or_else(|| panic!("{name}: {said}")));
    for name in ["offset_ns", "hull_offset_ns"] {
        let [offset_ns, bound_ns] = around(name);
        assert!((offset_ns - AHEAD_NS).abs() <= bound_ns, "{name}: {said}");
    }
    assert_eq!((&clock["host"], &clock["transport"], &clock["forged"]), (&"hurin".into(), &"udp".into(), &0.into()));
    let rows = probes::read(&hosts.sandbox.latest().join("clock.parquet")).expect("probes");
    let whole = rows.iter().filter(|row| row.answer_ns.is_some()).count() as u64;
    assert_eq!(Some(whole), clock["probes"].as_u64());
    assert!(whole > 256, "before and after the cell, and in between: {whole}");
    assert!(rows.iter().all(|row| row.host == "hurin" && row.session == 0), "{rows:?}");
    // Without any model: what was sent had not been received before.
    let delays = rows.iter().filter_map(|row| Some((row.t1_ns, row.answer_ns?)));
    let mut ways = delays.map(|(t1, [t2, t3, t4])| (t2 - AHEAD_NS - t1, t4 - (t3 - AHEAD_NS)));
    assert!(ways.all(|(out, back)| out >= 0 && back >= 0), "{rows:?}");
    let report = fs::read_to_string(hosts.sandbox.latest().join("report.md")).expect("a report");
    assert!(report.contains("### Clocks") && report.contains("| hurin | +1000.00000"), "{report}");
}

/// Only the agent's own readings of the time of day are shifted here, and no kernel's stamps: so no datagram may pass.
#[test]
fn r16_a_host_whose_clock_is_set_an_hour_ahead_amid_a_cell_is_named_with_the_time_and_its_samples_are_sound() {
    let Some(library) = libfaketime() else { return println!("skipped: no libfaketime here (Debian: faketime)") };
    let sandbox = Sandbox::new();
    sandbox.prepare(&["rpyc-threaded"]);
    let lan = match Lan::switched(&[CONTROLLER, "hurin"]) {
        Ok(lan) => lan,
        Err(why) => return println!("skipped: {why}"),
    };
    lan.both_ways(CONTROLLER, "hurin").no_datagrams();
    let file = sandbox.path().join("clock");
    fs::write(&file, "+0").expect("it is the test's own");
    let shifted = stepping(&library, &file).map(|(name, value)| format!("{name}={value}"));
    let by = ["env", &shifted[0], &shifted[1], &shifted[2], &shifted[3]];
    let hosts = ManyHosts::on(lan, sandbox, &["hurin"], &by);
    let plan = plan(&hosts, "stamps = \"on\"").replace("requests = 2000", "requests = 6000");
    let path = hosts.sandbox.plan(&plan).display().to_string();
    let mut going = Going::start(hosts.controller(&["run", &path, "--json"]));
    going.until_done(1);
    let aside = file.with_extension("aside");
    fs::write(&aside, "+1h").and_then(|()| fs::rename(&aside, &file)).expect("it is the test's own");
    let outcome = going.end();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let run = hosts.sandbox.json("run.json");
    let event = &run["clocks"][0]["events"][0];
    let by_ns = event["by_ns"].as_i64().unwrap_or_else(|| panic!("{}", run["clocks"]));
    assert!(event["kind"] == "set" && (by_ns - 3_600_000_000_000).abs() < 1_000_000_000, "{event}");
    let [from, to] = ["from_raw_ns", "to_raw_ns"].map(|end| event[end].as_i64().expect("a time"));
    let epoch = run["hosts"]["hurin"]["epoch_raw_ns"].as_i64().expect("an epoch");
    assert!(epoch < from && from < to && to - from < 5_000_000_000, "{event}, {epoch}");
    let report = fs::read_to_string(hosts.sandbox.latest().join("report.md")).expect("a report");
    assert!(report.contains("- **hurin**: its wall clock was set by +360"), "{report}");
    // What a sample says of its server is still true: the clocks that count are the same, and were not set.
    let apart = epoch - run["hosts"]["turin"]["epoch_raw_ns"].as_i64().expect("an epoch");
    let cell = &run["cells"][0];
    let [samples, stamps] = [&cell["samples"], &cell["stamps"]["file"]].map(|file| file.as_str().expect("a file"));
    let stamped: BTreeSet<i64> = int64s(&hosts.sandbox.latest().join(stamps), ["received_ns"])
        .into_iter()
        .filter_map(|[received]| Some(received? + apart))
        .collect();
    let entered = int64s(&hosts.sandbox.latest().join(samples), ["server_recv_ns", "clock_bound_ns"]);
    assert_eq!(entered.len(), 6000);
    for [received, bound] in entered {
        let (received, bound) = (received.expect("an instant"), bound.expect("a bound"));
        assert!(stamped.range(received - bound..=received + bound).next().is_some(), "{received} ± {bound}");
    }
}

/// A run of turin and hurin, with somebody between them; what is said of hurin's clock, and in how many rows of `clock.parquet`
/// there is an answer.
fn run_under_attack(attack: impl FnOnce(&Lan)) -> Option<(ManyHosts, Value)> {
    let sandbox = Sandbox::new();
    sandbox.prepare(&["rpyc-threaded"]);
    let lan = Lan::switched(&[CONTROLLER, "hurin"]).inspect_err(|why| println!("skipped: {why}")).ok()?;
    let hosts = ManyHosts::on(lan, sandbox, &["hurin"], &[]);
    attack(&hosts.lan);
    run(&hosts, "stamps = \"on\"");
    let run = hosts.sandbox.json("run.json");
    let clock = run["clocks"][0].clone();
    let around = |name: &str| [0, 1].map(|end| clock[name][end].as_i64().unwrap_or_else(|| panic!("{name}: {clock}")));
    for [offset_ns, bound_ns] in ["offset_ns", "hull_offset_ns"].map(around) {
        assert!(offset_ns.abs() <= bound_ns, "the truth is 0: {clock}");
    }
    assert!(clock["probes"].as_u64() > Some(250), "what the agent has said is heard all the same: {clock}");
    let samples = run["cells"][0]["samples"].as_str().expect("a path");
    let entered =
        int64s(&hosts.sandbox.latest().join(samples), ["start_ns", "server_recv_ns", "end_ns", "clock_bound_ns"]);
    assert_eq!(entered.len(), 2000);
    for row in entered {
        let [start, received, end, bound] = row.map(|value| value.expect("an instant"));
        assert!(start - bound <= received && received <= end + bound, "{start} {received} ± {bound} {end}");
    }
    Some((hosts, clock))
}

#[test]
fn answers_that_somebody_makes_up_count_for_nothing_and_the_report_says_that_they_came_and_when() {
    // What answers are known by is their own; questions have something of their own too.
    let attacked = run_under_attack(|lan| {
        lan.link("hurin", CONTROLLER).attack(Attack::Forge { at_byte: 32 });
        lan.link(CONTROLLER, "hurin").attack(Attack::Forge { at_byte: 24 });
    });
    let Some((hosts, clock)) = attacked else { return };
    assert!(clock["forged"].as_u64() > Some(250), "one with each: {clock}");
    let report = fs::read_to_string(hosts.sandbox.latest().join("report.md")).expect("a report");
    assert!(report.contains("answers about the clock of hurin that its agent had not given"), "{report}");
    let said = hosts.sandbox.json("run.json");
    let [first, last] =
        [0, 1].map(|end| clock["forged_between_raw_ns"][end].as_i64().unwrap_or_else(|| panic!("{clock}")));
    let epoch = said["epoch_raw_ns"].as_i64().expect("an epoch");
    assert!(epoch < first && first < last, "{epoch} {first} {last}");
}

#[test]
fn questions_and_answers_that_somebody_sends_again_move_no_bound() {
    let attacked = run_under_attack(|lan| {
        lan.both_ways(CONTROLLER, "hurin").attack(Attack::Replay);
    });
    let Some((_, clock)) = attacked else { return };
    assert_eq!(clock["forged"], 0, "the agent has given each of them: {clock}");
}

#[test]
fn a_run_that_is_not_to_ask_for_clocks_does_not() {
    let Some(hosts) = two_hosts(&[]) else { return };
    run(&hosts, "clocks = \"off\"");
    assert!(hosts.sandbox.json("run.json").get("clocks").is_none());
    assert!(!hosts.sandbox.latest().join("clock.parquet").exists());
}
