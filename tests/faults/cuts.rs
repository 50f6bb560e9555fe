//! Links that are cut while cells run, by the ids of the reliability scenarios.

use std::sync::{Mutex, PoisonError};
use std::thread::park_timeout;
use std::time::Duration;

use nix::sys::signal::Signal;
use rpycbench_tests::Outcome;
use rpycbench_tests::three_hosts::{LEASE, ThreeHosts};
use serde_json::Value;

/// One at a time: leases are watched by the clock.
static ALONE: Mutex<()> = Mutex::new(());
/// A cell of more than ten seconds: 3 round trips of 1 ms a call, and the calls themselves.
const REQUESTS: u32 = 3_000;
const LOAD: &str = "requests = 3000";

/// Cuts the controller off for so long while hurin drives at morwen; nothing of the cell may be missing.
fn a_cut_costs_nothing(seconds: f64) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let hosts = match ThreeHosts::start("rpyc-threaded", LOAD) {
        Ok(hosts) => hosts,
        Err(why) => return println!("skipped: {why}"),
    };
    let controller = hosts.driving();
    hosts.cut();
    park_timeout(Duration::from_secs_f64(seconds));
    assert_eq!(hosts.workers().len(), 2, "the cell goes on without its controller");
    hosts.mend();
    assert_eq!(controller.end().code, Some(0));
    let cell: Value = hosts.sandbox.json("run.json")["cells"][0].clone();
    assert_eq!((&cell["status"], &cell["stored"], &cell["failed"]), (&"complete".into(), &REQUESTS.into(), &0.into()));
}

#[test]
fn r10_a_controller_cut_off_for_two_seconds_loses_no_sample() {
    a_cut_costs_nothing(2.0);
}

#[test]
fn r10_a_controller_cut_off_for_eight_seconds_loses_no_sample() {
    a_cut_costs_nothing(8.0);
}

#[test]
fn r10_a_controller_cut_off_for_longer_than_the_lease_finds_the_run_over_and_nobody_left() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let hosts = match ThreeHosts::start("rpyc-threaded", LOAD) {
        Ok(hosts) => hosts,
        Err(why) => return println!("skipped: {why}"),
    };
    let controller = hosts.driving();
    hosts.cut();
    let took = hosts.until_nobody_works();
    assert!(took < LEASE + Duration::from_secs(2), "{took:?}");
    assert_eq!(controller.end().code, Some(4));
    let reason = hosts.sandbox.json("run.json")["cells"][0]["reason"].to_string();
    assert!(reason.contains(" is lost: nothing heard of it"), "{reason}");
    hosts.mend();
    // Both are free for the next.
    let again: Outcome = hosts.controller(&["run", &hosts.plan, "--quiet"]).output().expect("it ends").into();
    assert_eq!(again.code, Some(0), "{again:?}");
}

#[test]
fn r1_a_controller_that_is_killed_leaves_nobody_on_other_hosts_after_the_lease() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let hosts = match ThreeHosts::start("rpyc-threaded", LOAD) {
        Ok(hosts) => hosts,
        Err(why) => return println!("skipped: {why}"),
    };
    let controller = hosts.driving();
    controller.signal(Signal::SIGKILL);
    let took = hosts.until_nobody_works();
    assert!(took < LEASE + Duration::from_secs(2), "{took:?}");
    assert_eq!(controller.end().code, None);
}

#[test]
fn r3_a_controller_that_is_stopped_for_longer_than_the_lease_finds_the_run_over() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let hosts = match ThreeHosts::start("rpyc-threaded", LOAD) {
        Ok(hosts) => hosts,
        Err(why) => return println!("skipped: {why}"),
    };
    let controller = hosts.driving();
    controller.signal(Signal::SIGSTOP);
    let took = hosts.until_nobody_works();
    assert!(took < LEASE + Duration::from_secs(2), "{took:?}");
    controller.signal(Signal::SIGCONT);
    assert_eq!(controller.end().code, Some(4));
    let reason = hosts.sandbox.json("run.json")["cells"][0]["reason"].to_string();
    assert!(reason.contains("is lost"), "{reason}");
}
