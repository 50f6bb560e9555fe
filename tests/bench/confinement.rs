//! What confinement costs a call: the study's latency cells at an agent that confines and at one that was told not to, cell by
//! cell in turns, which a machine that others use as well needs to tell a hundredth.

use std::collections::BTreeMap;

use rpycbench_tests::Sandbox;
use rpycbench_tests::installed::Installed;
use serde_json::Value;

use crate::disturbance::SERVERS;
use crate::{Figure, median};

/// Each is one cell of a server at each agent, in an order that the seed shuffles. Medians of one process differ from those of
/// the next by more than what is sought: many short cells tell more than few long ones.
const BLOCKS: usize = 100;
const LATENCY: &str = "[[workloads]]\nname = \"latency\"\nkind = \"closed\"\nrequests = 400\n";
/// The agent that confines, one that does not, and another that does not: what the two differ by is noise.
const AGENTS: [(&str, &str, &[&str]); 3] = [
    ("on", "127.0.0.2", &[]),
    ("off", "127.0.0.3", &["--confinement", "off"]),
    ("off-too", "127.0.0.4", &["--confinement", "off"]),
];
const NAMES: [&str; 2] = ["latency with confinement, p50 of rpyc", "… p50 of flask"];

/// Both agents serve and drive, each on a loopback address of its own.
pub(crate) fn measure() -> Vec<Figure> {
    let sandbox = Sandbox::new();
    let agents = AGENTS.map(|(name, address, args)| (name, enrolled(&sandbox, name, address, args)));
    let outcome = sandbox.run(&plan(&agents), &["--json"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let level = sandbox.json("run.json")["hosts"]["on"]["confinement"].as_str().unwrap_or_default().to_owned();
    let medians = medians(&outcome.stdout);
    SERVERS.into_iter().zip(NAMES).map(|(server, what)| figure(what, server, &level, &medians)).collect()
}

fn enrolled(sandbox: &Sandbox, name: &str, address: &str, args: &[&str]) -> Installed {
    let installed = Installed::start_with(sandbox, name, address, args);
    let outcome = sandbox.call(&["enrol", &installed.address, "--code", &installed.code(name)]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    installed
}

fn plan(agents: &[(&str, Installed)]) -> String {
    let mut plan = format!("[study]\nname = \"confinement\"\nblocks = {BLOCKS}\n");
    for (name, Installed { address, .. }) in agents {
        plan += &format!("[hosts.{name}]\nagent = \"{address}\"\n");
        plan += &format!("[[topologies]]\nname = \"{name}\"\nclient = \"{name}\"\nserver = \"{name}\"\n");
    }
    for server in SERVERS {
        let (kind, mode) = server.split_once('-').expect("kind and mode");
        plan += &format!("[[servers]]\nname = \"{server}\"\nkind = \"{kind}\"\nmode = \"{mode}\"\n");
    }
    plan + LATENCY
}

/// By topology, server and block.
type Medians = BTreeMap<(String, String, u64), f64>;

fn medians(events: &str) -> Medians {
    let events = events.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events
        .filter(|event| event["event"] == "cell_finished")
        .map(|event| {
            // topology/server/workload/driver/b1
            let cell: Vec<&str> = event["cell"].as_str().expect("a cell").split('/').collect();
            let block = cell[4].trim_start_matches('b').parse().expect("a block");
            ((cell[0].to_owned(), cell[1].to_owned(), block), event["p50_ns"].as_f64().expect("a median"))
        })
        .collect()
}

fn figure(what: &'static str, server: &str, level: &str, medians: &Medians) -> Figure {
    let of = |topology: &str| -> Vec<f64> {
        let wanted = medians.iter().filter(|((of, on, _), _)| of == topology && on == server);
        wanted.map(|(_, &median)| median).collect()
    };
    let (on, off, off_too) = (of("on"), of("off"), of("off-too"));
    Figure {
        what,
        ours: format!("{:.1} µs, {level}", median(on.clone()) / 1e3),
        peer: format!("{:.1} µs, off", median(off.clone()) / 1e3),
        result: format!("{}; off against off {}", of_pairs(&on, &off), of_pairs(&off_too, &off)),
        goal: "at most 1.01",
    }
}

fn of_pairs(ones: &[f64], others: &[f64]) -> String {
    let ratios: Vec<f64> = ones.iter().zip(others).map(|(one, other)| one / other).collect();
    let [low, high] = interval_of_median(ratios.clone());
    format!("median of {} pairs {:.3}, {low:.3} … {high:.3}", ratios.len(), median(ratios))
}

/// The 95 % interval of the median by the sign test: pairs that something else hit may be off by any factor.
fn interval_of_median(mut values: Vec<f64>) -> [f64; 2] {
    values.sort_by(f64::total_cmp);
    let count = values.len() as f64;
    // The normal approximation of how many of them lie below the median.
    let low = ((count - 1.96 * count.sqrt()) / 2.0).floor().max(0.0) as usize;
    [values[low], values[values.len() - 1 - low]]
}
