//! A run is one trace over all its processes, with metrics beside it.

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry_proto::tonic::trace::v1::Span;
use rpycbench_tests::Sandbox;
use rpycbench_tests::collector::{Collector, Seen, Sender, text};
use rpycbench_tests::installed::Installed;
use rpycbench_tests::sandbox::plan;

const TWO_HOSTS: &str = r#"
[study]
name = "traced"
blocks = 1
placement = "free"
[hosts.turin]
local = true
[hosts.hurin]
agent = "HURIN"
[[topologies]]
name = "localhost"
client = "turin"
server = "turin"
[[topologies]]
name = "back"
client = "hurin"
server = "turin"
[[servers]]
name = "rpyc-threaded"
kind = "rpyc"
mode = "threaded"
[[workloads]]
name = "latency"
kind = "closed"
clients = 2
requests = 7
"#;
const SAMPLES: u64 = 14;

/// A run over the controller's own agent and one that is installed, both of which export; what came, and the latter's process.
async fn traced_run() -> (Seen, i64) {
    let mut collector = Collector::start().await;
    let url = collector.url.clone();
    let run = tokio::task::spawn_blocking(move || {
        let sandbox = Sandbox::new();
        let hurin = Installed::start_with(&sandbox, "hurin", "127.0.0.2", &["--otlp", &url]);
        let enrolled = sandbox.call(&["enrol", &hurin.address, "--code", &hurin.code("hurin")]);
        assert_eq!(enrolled.code, Some(0), "{enrolled:?}");
        let outcome = sandbox.run(&TWO_HOSTS.replace("HURIN", &hurin.address), &["--otlp", &url]);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        let pid = i64::from(hurin.pid());
        hurin.stop();
        pid
    });
    let hurin = run.await.expect("the run is over");
    // All have ended, and each delivers before it does.
    (collector.seen(), hurin)
}

/// Who sent spans: the controller, its own agent, and the installed one.
fn senders(seen: &Seen, hurin: i64) -> [Sender; 3] {
    let find = |service: &str, wanted: &dyn Fn(i64) -> bool| {
        let mut senders = seen.spans.keys().filter(|(name, pid)| name == service && wanted(*pid));
        match (senders.next(), senders.next()) {
            (Some(only), None) => only.clone(),
            other => panic!("{service}: {other:?} of {:?}", seen.spans.keys()),
        }
    };
    let own = find("rpycbench-agent", &|pid| pid != hurin);
    [find("rpycbench-controller", &|_| true), own, find("rpycbench-agent", &|pid| pid == hurin)]
}

/// The cell a span is of.
fn labelled(span: &Span) -> String {
    span.attributes.iter().find(|it| it.key == "cell").map(text).unwrap_or_default()
}

fn cells(spans: &[Span], name: &str) -> BTreeSet<String> {
    spans.iter().filter(|span| span.name == name).map(labelled).collect()
}

#[tokio::test]
async fn controller_and_both_agents_are_in_one_trace_with_a_span_for_each_cell_and_phase() {
    let (seen, hurin) = traced_run().await;
    let [controller, turin, hurin] = senders(&seen, hurin);
    let traces: BTreeSet<_> = seen.spans.values().flatten().map(|span| &span.trace_id).collect();
    assert_eq!(traces.len(), 1, "{seen:?}");
    for (sender, names) in [
        (&controller, &["run", "cell", "starting", "driving", "stopping"][..]),
        (&turin, &["agent run", "prepare", "serve", "drive"]),
        (&hurin, &["agent run", "prepare", "drive"]),
    ] {
        assert_eq!(seen.names(sender), names.iter().copied().collect(), "{sender:?}");
    }

    let spans = |sender: &Sender| seen.spans[sender].as_slice();
    let name = |topology: &str| format!("{topology}/rpyc-threaded/latency/b1");
    assert_eq!(cells(spans(&turin), "serve"), BTreeSet::from([name("localhost"), name("back")]));
    assert_eq!(cells(spans(&turin), "drive"), BTreeSet::from([name("localhost")]));
    assert_eq!(cells(spans(&hurin), "drive"), BTreeSet::from([name("back")]));

    // Each phase of each cell once, within it, one after the other.
    let by_id: BTreeMap<_, _> = spans(&controller).iter().map(|span| (&span.span_id, span)).collect();
    let cells: Vec<_> = spans(&controller).iter().filter(|span| span.name == "cell").collect();
    assert_eq!(cells.len(), 2);
    for cell in cells {
        let within =
            |span: &&&Span| by_id.get(&span.parent_span_id).is_some_and(|parent| parent.span_id == cell.span_id);
        let mut phases: Vec<_> = by_id.values().filter(within).collect();
        phases.sort_by_key(|span| span.start_time_unix_nano);
        let names: Vec<_> = phases.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(names, ["starting", "driving", "stopping"]);
        assert!(phases.is_sorted_by(|one, next| one.end_time_unix_nano <= next.start_time_unix_nano), "{phases:?}");
        assert!(phases.iter().all(|it| it.end_time_unix_nano <= cell.end_time_unix_nano), "{phases:?} {cell:?}");
        // One machine, one clock: what serves does so for as long as the load is driven.
        let topology = if labelled(cell).starts_with("back/") { "back/" } else { "localhost/" };
        let serve = spans(&turin).iter().find(|it| it.name == "serve" && labelled(it).starts_with(topology));
        let (serve, driving) = (serve.expect("a server"), phases[1]);
        assert!(serve.start_time_unix_nano <= driving.start_time_unix_nano, "{serve:?} {driving:?}");
        assert!(serve.end_time_unix_nano >= driving.end_time_unix_nano, "{serve:?} {driving:?}");
    }
}

#[tokio::test]
async fn samples_are_counted_on_both_sides_and_what_did_not_happen_is_zero() {
    let (seen, hurin) = traced_run().await;
    let [controller, turin, hurin] = senders(&seen, hurin);
    let samples = |sender: &Sender, topology: &str, outcome: &str| {
        // Outcome, server, topology, workload.
        seen.count(sender, "rpycbench.samples", &format!("{outcome}/rpyc-threaded/{topology}/latency"))
    };
    for topology in ["localhost", "back"] {
        let (driver, other) = if topology == "back" { (&hurin, &turin) } else { (&turin, &hurin) };
        for sender in [&controller, driver] {
            assert_eq!(samples(sender, topology, "ok"), Some(SAMPLES), "{sender:?} {topology} {:?}", seen.counts);
            assert_eq!(samples(sender, topology, "failed"), Some(0), "{sender:?} {topology} {:?}", seen.counts);
        }
        assert_eq!(samples(other, topology, "ok"), None, "only who drives has samples: {:?}", seen.counts);
    }
    for nothing in ["rpycbench.agents.lost", "rpycbench.reconnects"] {
        assert_eq!(seen.count(&controller, nothing, ""), Some(0), "{:?}", seen.counts);
    }
    // At least armed, progress, samples and the counts of each driver; and everything that the controller took.
    for agent in [&turin, &hurin] {
        assert!(seen.count(agent, "rpycbench.handover.wait", "") >= Some(4), "{:?}", seen.counts);
    }
    assert!(seen.count(&controller, "rpycbench.events.queued", "") >= Some(8), "{:?}", seen.counts);
}

#[test]
fn a_collector_that_is_not_there_does_not_hurt_the_run() {
    let sandbox = Sandbox::new();
    let workload = "[[workloads]]\nname = \"connect\"\nkind = \"connect\"\ncount = 3\n";
    let outcome = sandbox.run(&plan(&["rpyc-threaded"], workload), &["--otlp", "http://127.0.0.1:9"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}
