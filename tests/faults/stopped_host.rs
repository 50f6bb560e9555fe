//! A whole host that is stopped amid a cell of two hosts, as a virtual machine may be.

use std::fs;
use std::thread::park_timeout;
use std::time::Duration;

use rpycbench_process::precise::Signal;
use rpycbench_tests::Sandbox;
use rpycbench_tests::going::Going;
use rpycbench_tests::lan::Lan;
use rpycbench_tests::many_hosts::{CONTROLLER, ManyHosts};
use rpycbench_tests::parquet::int64s;
use rpycbench_tests::processes::within;

const REQUESTS: usize = 20_000;
/// Twice the lease.
const STOP: Duration = Duration::from_secs(20);

/// turin drives at hurin, in two blocks.
fn hosts() -> Option<ManyHosts> {
    let lan = Lan::veth(&[CONTROLLER, "hurin"]).inspect_err(|why| println!("skipped: {why}")).ok()?;
    let sandbox = Sandbox::new();
    sandbox.prepare(&["rpyc-threaded"]);
    Some(ManyHosts::on(lan, sandbox, &["hurin"], &[]))
}

#[test]
fn r5_a_host_that_is_stopped_for_twenty_seconds_is_named_with_the_time_and_has_the_cells_that_are_left_to_it() {
    let Some(hosts) = hosts() else { return };
    let plan = format!(
        "[study]\nname = \"stopped\"\nblocks = 2\nplacement = \"free\"\nstamps = \"on\"\n\
         [hosts.turin]\nlocal = true\nserve_on = \"{}\"\n[hosts.hurin]\nagent = \"{}:7443\"\n\
         [[topologies]]\nname = \"lan\"\nclient = \"turin\"\nserver = \"hurin\"\n\
         [[servers]]\nname = \"rpyc\"\nkind = \"rpyc\"\nmode = \"threaded\"\n\
         [[workloads]]\nname = \"calls\"\nkind = \"closed\"\nrequests = {REQUESTS}\n",
        hosts.lan.address(CONTROLLER),
        hosts.lan.address("hurin")
    );
    let path = hosts.sandbox.plan(&plan).display().to_string();
    let mut going = Going::start(hosts.controller(&["run", &path, "--json"]));
    going.until_done(1);
    let stopped = within(&hosts.lan.namespace("hurin"));
    assert!(stopped.len() >= 2, "an agent and its server: {stopped:?}");
    assert!(stopped.iter().all(|process| process.signal(Signal::STOP)), "still there: {stopped:?}");
    park_timeout(STOP);
    assert!(stopped.iter().all(|process| process.signal(Signal::CONT)), "still there: {stopped:?}");
    let outcome = going.end();
    assert_eq!(outcome.code, Some(4), "a cell is cut short: {outcome:?}");

    let run = hosts.sandbox.json("run.json");
    let [cut, whole] = [0, 1].map(|cell| run["cells"][cell].clone());
    assert!(cut["reason"].to_string().contains("the agent of hurin is lost: nothing heard of it"), "{cut}");
    assert_eq!((&cut["status"], &whole["status"]), (&"failed".into(), &"complete".into()), "{run}");
    let report = fs::read_to_string(hosts.sandbox.latest().join("report.md")).expect("a report");
    for said in ["the agent of hurin is lost", "s into the run", "the agent of hurin was had again"] {
        assert!(report.contains(said), "{said}: {report}");
    }
    // The hosts' clocks are one, so the truth is known: a server has a request while its call goes on.
    let entered = |cell: &serde_json::Value| {
        let samples = cell["samples"].as_str().expect("a file");
        int64s(&hosts.sandbox.latest().join(samples), ["start_ns", "server_recv_ns", "end_ns", "clock_bound_ns"])
    };
    assert_eq!(entered(&whole).len(), REQUESTS);
    for [start, received, end, bound] in entered(&whole) {
        let [start, received, end, bound] = [start, received, end, bound].map(|it| it.expect("an instant"));
        assert!(start - bound <= received && received <= end + bound, "{start} {received} ± {bound} {end}");
    }
    for [start, received, end, bound] in entered(&cut) {
        let (Some(start), Some(end)) = (start, end) else { panic!("a sample without times") };
        let (Some(received), Some(bound)) = (received, bound) else { continue };
        assert!(start - bound <= received && received <= end + bound, "{start} {received} ± {bound} {end}");
    }
    let clocks = run["clocks"].as_array().expect("clocks");
    assert_eq!(clocks.iter().map(|it| it["session"].as_i64()).collect::<Vec<_>>(), [Some(0), Some(1)], "{run}");
    for clock in clocks {
        let [offset_ns, bound_ns] = [0, 1].map(|end| clock["offset_ns"][end].as_i64().expect("an offset"));
        assert!(offset_ns.abs() <= bound_ns, "the truth is 0: {clock}");
    }
}
