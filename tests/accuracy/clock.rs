//! Bounds of clocks that are in truth the same, or apart by a thousand seconds, on a machine that is idle, and busy.

use std::process::{Child, Command};
use std::sync::PoisonError;

use rpycbench_controller::store::probes::{self, ProbeRow};
use rpycbench_tests::coverage::Coverage;
use rpycbench_tests::lan::Lan;
use rpycbench_tests::many_hosts::{AHEAD, AHEAD_NS, CONTROLLER, ManyHosts};
use rpycbench_tests::{Outcome, Sandbox};

use crate::MEASURING;

const READINGS: usize = 100_000;

/// Keeps a CPU busy until it is dropped.
struct Busy(Child);

impl Busy {
    fn start() -> Self {
        Self(Command::new("sh").args(["-c", "while :; do :; done"]).spawn().expect("a shell"))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// What hurin was asked within five seconds.
fn asked(hosts: &ManyHosts) -> Vec<ProbeRow> {
    let path = hosts.sandbox.path().join("probes.parquet");
    let mut command = hosts.controller(&["agents", "clock", "hurin", "--json", "--probes"]);
    let outcome: Outcome = command.arg(&path).output().expect("it starts").into();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    probes::read(&path).expect("probes")
}

fn covers(by: &[&str], ahead_ns: i64, busy: bool) {
    let _measuring = MEASURING.lock().unwrap_or_else(PoisonError::into_inner);
    let lan = match Lan::veth(&[CONTROLLER, "hurin"]) {
        Ok(lan) => lan,
        Err(why) => return println!("skipped: {why}"),
    };
    let hosts = ManyHosts::on(lan, Sandbox::new(), &["hurin"], by);
    let cpus = if busy { std::thread::available_parallelism().map_or(1, usize::from) } else { 0 };
    let _busy: Vec<_> = (0..cpus).map(|_| Busy::start()).collect();
    let coverage = Coverage::of(&asked(&hosts), ahead_ns, READINGS);
    assert_eq!((coverage.converted, coverage.outside, coverage.unbounded), (READINGS, 0, 0));
    assert_eq!(coverage.bounds.len(), READINGS);
}

#[test]
fn every_reading_of_a_clock_that_is_the_same_is_within_its_bound() {
    covers(&[], 0, false);
}

#[test]
fn every_reading_is_within_its_bound_while_all_cpus_are_busy() {
    covers(&[], 0, true);
}

#[test]
fn every_reading_of_a_clock_a_thousand_seconds_ahead_is_within_its_bound_while_all_cpus_are_busy() {
    covers(AHEAD, AHEAD_NS, true);
}
