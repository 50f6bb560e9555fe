//! The way of the load, cut while the controller reaches both hosts.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::thread::park_timeout;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use rpycbench_controller::store::samples;
use rpycbench_tests::three_hosts::ThreeHosts;

/// One at a time: what is watched by the clock needs the machine to itself.
static ALONE: Mutex<()> = Mutex::new(());
const CUT: Duration = Duration::from_secs(4);

/// Of the driving host, which is this machine.
fn raw_ns() -> i64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC_RAW).expect("a clock");
    now.tv_sec() * 1_000_000_000 + now.tv_nsec()
}

/// When samples of the one cell began and ended, on the clock of the driving host, and whether they went well.
fn samples(hosts: &ThreeHosts) -> Vec<(i64, i64, bool)> {
    let run = hosts.sandbox.json("run.json");
    let epoch_ns = run["hosts"]["hurin"]["epoch_raw_ns"].as_i64().expect("an epoch");
    let path = hosts.sandbox.latest().join(run["cells"][0]["samples"].as_str().expect("a path"));
    let columns = samples::read(&path).expect("samples");
    let times = columns.start_ns.iter().zip(&columns.end_ns).zip(&columns.ok);
    times.map(|((start, end), ok)| (start + epoch_ns, end + epoch_ns, *ok)).collect()
}

#[test]
fn r11_a_load_path_that_is_cut_for_four_seconds_is_one_call_of_four_seconds_and_no_hole() {
    const REQUESTS: u32 = 1_000;
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let hosts = match ThreeHosts::start("rpyc-threaded", &format!("requests = {REQUESTS}")) {
        Ok(hosts) => hosts,
        Err(why) => return println!("skipped: {why}"),
    };
    let going = hosts.driving();
    let path = hosts.lan.both_ways("hurin", "morwen");
    path.cut();
    let cut = raw_ns();
    park_timeout(CUT);
    let mended = raw_ns();
    path.mend();
    let outcome = going.end();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let samples = samples(&hosts);
    assert_eq!((samples.len(), samples.iter().filter(|(.., ok)| *ok).count()), (REQUESTS as usize, REQUESTS as usize));
    // The call that was under way when it was cut lasts until it is mended, and its time has all of that.
    let across: Vec<_> = samples.iter().filter(|(start, end, _)| *start < mended && *end > cut).collect();
    assert!(across.iter().any(|(_, end, _)| *end > mended), "{across:?}, cut from {cut} to {mended}");
    let during = samples.iter().filter(|(start, end, _)| *start > cut + 1_000_000_000 && *end < mended);
    assert_eq!(during.count(), 0, "nothing passed");
    let longest = samples.iter().map(|(start, end, _)| end - start).max().expect("samples");
    assert!(longest >= mended - cut - 1_000_000_000, "{longest} ns");
}

#[test]
fn r11_a_load_path_that_breaks_counts_errors_as_errors_when_they_happened_and_the_run_goes_on() {
    const REQUESTS: u32 = 2_500;
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    // Every call makes a connection of its own; of so many clients one is between two of them when there is no way any more.
    let load = "clients = 10\nrequests = 250\nclient_model = \"threads\"";
    let hosts = match ThreeHosts::start("flask-threaded", load) {
        Ok(hosts) => hosts,
        Err(why) => return println!("skipped: {why}"),
    };
    let route = |verb: &str| {
        let morwen = hosts.lan.address("morwen").to_string();
        let mut ip = hosts.lan.command("hurin", "ip");
        let status = ip.args(["route", verb, "unreachable", &morwen]).status().expect("ip is installed");
        assert!(status.success(), "{status}");
    };
    let mut going = hosts.driving();
    let broken = raw_ns();
    route("add");
    going.until("calls fail", |event| event["failed"].as_u64() >= Some(20));
    route("del");
    let mended = raw_ns();
    let outcome = going.end();
    // A call that failed is a sample: the cell is complete.
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let cell = hosts.sandbox.json("run.json")["cells"][0].clone();
    assert_eq!((&cell["status"], &cell["stored"]), (&"complete".into(), &REQUESTS.into()), "{cell}");
    let samples = samples(&hosts);
    let (well, failed): (Vec<(i64, i64, bool)>, Vec<_>) = samples.iter().partition(|(.., ok)| *ok);
    assert_eq!(cell["failed"], failed.len());
    assert!(failed.len() >= 20 && well.iter().any(|(start, ..)| *start > mended), "{} failed", failed.len());
    let astray: BTreeSet<_> = failed.iter().filter(|(start, end, _)| *end < broken || *start > mended).collect();
    assert_eq!(astray, BTreeSet::new(), "broken from {broken} to {mended}");
    let results = hosts.sandbox.json("results.json")["cells"][0].clone();
    assert_eq!(results["failed"], failed.len(), "{results}");
}
