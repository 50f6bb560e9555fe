//! Whether what goes on around a measurement can be seen in it: runs of the study's latency cells with and without it, in turns.

use rpycbench_tests::collector::Collector;
use rpycbench_tests::sandbox::plan;
use rpycbench_tests::two_hosts::TwoHosts;
use rpycbench_tests::{Outcome, Sandbox};
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::{Figure, median};

/// Turns of each side.
const TURNS: usize = 12;
const LATENCY: &str = "[[workloads]]\nname = \"latency\"\nkind = \"closed\"\nrequests = 1000\n";
pub(crate) const SERVERS: [&str; 2] = ["rpyc-threaded", "flask-threaded"];
const GOAL: &str = "cannot be told apart: 1 is within";

/// A figure of a run's results, by server.
struct Latency {
    server: &'static str,
    metric: &'static str,
    with: Vec<f64>,
    without: Vec<f64>,
}

/// With `--otlp`, at a receiver on this machine, and without.
pub(crate) fn telemetry() -> Vec<Figure> {
    let sandbox = Sandbox::new();
    let path = sandbox.plan(&plan(&SERVERS, LATENCY)).display().to_string();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let collector = runtime.block_on(Collector::start());
    let run = |args: &[&str]| sandbox.call(&[&["run", &path, "--quiet"], args].concat());
    let latencies = in_turns(&sandbox, || run(&["--otlp", &collector.url]), || run(&[]));
    figures(latencies, ["latency with --otlp, p50 of rpyc", "… p99 of rpyc", "… p50 of flask", "… p99 of flask"])
}

/// With the controller on the host that drives, and on another.
pub(crate) fn controller() -> Vec<Figure> {
    let hosts = match TwoHosts::start() {
        Ok(hosts) => hosts,
        Err(why) => return vec![Figure::missing("latency with the controller on the driving host", &why.to_string())],
    };
    let plan = plan(&SERVERS, LATENCY).replace("local = true", "agent = \"10.211.55.14:7443\"");
    let path = hosts.sandbox.plan(&plan).display().to_string();
    let run = |host: &str| hosts.controller_on(host, &["run", &path, "--quiet"]);
    let latencies = in_turns(&hosts.sandbox, || run("hurin"), || run("turin"));
    figures(
        latencies,
        [
            "latency with the controller on the driving host, p50 of rpyc",
            "… p99 of rpyc",
            "… p50 of flask",
            "… p99 of flask",
        ],
    )
}

/// With questions for the clocks of the hosts, and without.
pub(crate) fn clocks() -> Vec<Figure> {
    let hosts = match TwoHosts::start() {
        Ok(hosts) => hosts,
        Err(why) => return vec![Figure::missing("latency while clocks are asked for", &why.to_string())],
    };
    // Driven by turin, whose controller asks for the clock of hurin, which serves.
    let plan = plan(&SERVERS, LATENCY)
        .replace("server = \"here\"", "server = \"hurin\"")
        .replace("local = true\n", "local = true\n[hosts.hurin]\nagent = \"10.211.55.14:7443\"\n");
    let run = |clocks: &str| {
        let plan = plan.replace("blocks = 1\n", &format!("blocks = 1\nclocks = \"{clocks}\"\n"));
        let path = hosts.sandbox.plan(&plan).display().to_string();
        hosts.controller(&["run", &path, "--quiet"])
    };
    let latencies = in_turns(&hosts.sandbox, || run("on"), || run("off"));
    figures(
        latencies,
        ["latency while clocks are asked for, p50 of rpyc", "… p99 of rpyc", "… p50 of flask", "… p99 of flask"],
    )
}

fn in_turns(sandbox: &Sandbox, with: impl Fn() -> Outcome, without: impl Fn() -> Outcome) -> Vec<Latency> {
    let mut latencies: Vec<Latency> = SERVERS
        .iter()
        .flat_map(|server| {
            ["p50", "p99"].map(|metric| Latency { server, metric, with: Vec::new(), without: Vec::new() })
        })
        .collect();
    for turn in 0..TURNS {
        // Who is first changes from turn to turn: a machine that slows down does so for both.
        for with_it in [turn % 2 == 0, turn % 2 != 0] {
            let outcome = if with_it { with() } else { without() };
            assert_eq!(outcome.code, Some(0), "{outcome:?}");
            let results = sandbox.json("results.json");
            for cell in results["cells"].as_array().expect("cells") {
                for latency in latencies.iter_mut().filter(|latency| cell["server"] == latency.server) {
                    let value = cell[latency.metric].as_f64().expect("a figure");
                    if with_it { latency.with.push(value) } else { latency.without.push(value) }
                }
            }
        }
    }
    latencies
}

fn figures(latencies: Vec<Latency>, names: [&'static str; 4]) -> Vec<Figure> {
    let compared = latencies.len();
    let shown = latencies.into_iter().zip(names).map(|(Latency { with, without, .. }, what)| {
        let pairs: Vec<f64> = with.iter().zip(&without).map(|(with, without)| with / without).collect();
        let [low, high] = interval(&pairs, compared);
        let told_apart = if (low..=high).contains(&1.0) { "not told apart" } else { "told apart" };
        Figure {
            what,
            ours: format!("{:.1} µs", median(with) / 1e3),
            peer: format!("{:.1} µs, without", median(without) / 1e3),
            result: format!("ratio of pairs {low:.3} … {high:.3}: {told_apart}"),
            goal: GOAL,
        }
    });
    shown.collect()
}

/// An interval of the geometric mean of ratios: Student's t on their logarithms. One of so many that hold all together with 95 %
/// (Bonferroni): of twelve that hold with 95 % each, every second table would tell something apart that is not.
fn interval(ratios: &[f64], compared: usize) -> [f64; 2] {
    let logs: Vec<f64> = ratios.iter().map(|ratio| ratio.ln()).collect();
    let count = logs.len() as f64;
    let mean = logs.iter().sum::<f64>() / count;
    let variance = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let t = StudentsT::new(0.0, 1.0, count - 1.0)
        .expect("degrees of freedom")
        .inverse_cdf(1.0 - 0.05 / (2.0 * compared as f64));
    let half = t * (variance / count).sqrt();
    [(mean - half).exp(), (mean + half).exp()]
}
