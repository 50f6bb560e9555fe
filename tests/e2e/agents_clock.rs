//! What is said of agents' clocks, on hosts whose clocks are in truth the same, or apart by what the test says.

use std::time::Duration;

use rpycbench_controller::store::probes;
use rpycbench_tests::lan::Lan;
use rpycbench_tests::many_hosts::{AHEAD, AHEAD_NS, CONTROLLER, ManyHosts};
use rpycbench_tests::{Outcome, Sandbox};
use serde_json::Value;

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
fn where_no_datagram_passes_the_stream_is_asked_and_said_to_be() {
    let hosts = match ManyHosts::start(Sandbox::new(), &["hurin"]) {
        Ok(hosts) => hosts,
        Err(why) => return println!("skipped: {why}"),
    };
    hosts.lan.both_ways(CONTROLLER, "hurin").no_datagrams();
    let said = clock(&hosts);
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
    let plan = format!(
        "[study]\nname = \"clocks\"\nblocks = 1\nplacement = \"free\"\n{study}\n\
         [hosts.turin]\nlocal = true\nserve_on = \"{}\"\n[hosts.hurin]\nagent = \"{}:7443\"\n\
         [[topologies]]\nname = \"lan\"\nclient = \"turin\"\nserver = \"hurin\"\n\
         [[servers]]\nname = \"rpyc\"\nkind = \"rpyc\"\nmode = \"threaded\"\n\
         [[workloads]]\nname = \"calls\"\nkind = \"closed\"\nrequests = 2000\n",
        hosts.lan.address(CONTROLLER),
        hosts.lan.address("hurin")
    );
    let plan = hosts.sandbox.plan(&plan).display().to_string();
    let outcome: Outcome = hosts.controller(&["run", &plan, "--quiet"]).output().expect("it starts").into();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

fn two_hosts(by: &'static [&'static str]) -> Option<ManyHosts> {
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
    let report = std::fs::read_to_string(hosts.sandbox.latest().join("report.md")).expect("a report");
    assert!(report.contains("### Clocks") && report.contains("| hurin | +1000.00000"), "{report}");
}

#[test]
fn a_run_that_is_not_to_ask_for_clocks_does_not() {
    let Some(hosts) = two_hosts(&[]) else { return };
    run(&hosts, "clocks = \"off\"");
    assert!(hosts.sandbox.json("run.json").get("clocks").is_none());
    assert!(!hosts.sandbox.latest().join("clock.parquet").exists());
}
