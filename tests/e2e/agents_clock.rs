//! `agents clock`, on hosts whose clocks are in truth the same, or apart by what the test says.

use rpycbench_tests::lan::Lan;
use rpycbench_tests::many_hosts::{CONTROLLER, ManyHosts};
use rpycbench_tests::{Outcome, Sandbox};
use serde_json::Value;

/// What starts a program whose clocks are a thousand seconds ahead.
const AHEAD: &[&str] =
    &["unshare", "--time", "--monotonic", "1000", "--boottime", "1000", "--fork", "--kill-child", "--"];
const AHEAD_NS: i64 = 1_000_000_000_000;

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
    hosts.lan.link(CONTROLLER, "hurin").delay(std::time::Duration::from_nanos(LONGER_NS.cast_unsigned()));
    let said = clock(&hosts);
    assert!(holds(&said, 0), "{said}");
    let estimate = said["hull_offset_ns"].as_i64().expect("an estimate");
    assert!((estimate.abs() - LONGER_NS / 2).abs() < LONGER_NS / 10, "half of it: {said}");
}
