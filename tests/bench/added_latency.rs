//! What the LAN comparison shows of 2 ms that the switch adds to every round trip.
//!
//! Whoever waits for 2 ms goes on with a CPU that has slept, or whose caches others have used meanwhile; without a delay he
//! hardly waits at all. What that costs is the machine's, not the network's. So the same is measured in two other ways: with
//! CPUs that are kept awake, and from 2 ms to 4, where he has slept in both.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::rc::Rc;
use std::time::Duration;

use rpycbench_tests::two_hosts::TwoHosts;

use crate::{Figure, median};

const EACH_WAY: Duration = Duration::from_millis(1);
/// Runs near and far, in turns; odd, so that there is a middle one.
const TURNS: usize = 5;

const PLAN: &str = r#"
[study]
name = "added"
blocks = 1
[hosts.turin]
local = true
[hosts.hurin]
agent = "10.211.55.14:7443"
[[topologies]]
name = "lan"
client = "turin"
server = "hurin"
[[servers]]
name = "rpyc-threaded"
kind = "rpyc"
mode = "threaded"
[[servers]]
name = "rpyc-forking"
kind = "rpyc"
mode = "forking"
[[servers]]
name = "http-threaded"
kind = "flask"
mode = "threaded"
[[workloads]]
name = "call"
kind = "closed"
requests = 300
[[workloads]]
name = "bound"
kind = "closed"
requests = 300
call = "bound"
"#;

const CALLS: [(&str, &str); 5] = [
    ("lan rpyc-threaded call", "added by 2 ms of network: root.ping(), threaded"),
    ("lan rpyc-forking call", "… root.ping(), forking"),
    ("lan rpyc-threaded bound", "… a bound method, threaded"),
    ("lan rpyc-forking bound", "… a bound method, forking"),
    ("lan http-threaded call", "… GET /ping"),
];

pub(crate) fn measure() -> Vec<Figure> {
    let hosts = match TwoHosts::start() {
        Ok(hosts) => hosts,
        Err(why) => return vec![Figure::missing("added by 2 ms of network", &why.to_string())],
    };
    let path = hosts.sandbox.plan(PLAN).display().to_string();
    let run = |delay: Duration| {
        hosts.lan.both_ways("turin", "hurin").delay(delay);
        let outcome = hosts.controller(&["run", &path, "--quiet"]);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        Run { took: hosts.medians(), server_cpu: hosts.server_cpu(), ping: hosts.pings()["lan"] }
    };
    let (mut asleep, mut further, mut awake) = (Vec::new(), Vec::new(), Vec::new());
    let mut why_not = None;
    for _ in 0..TURNS {
        let [near, far, farther] = [Duration::ZERO, EACH_WAY, 2 * EACH_WAY].map(run).map(Rc::new);
        asleep.push(Turn { near, far: far.clone() });
        further.push(Turn { near: far, far: farther });
        match keep_cpus_awake() {
            Ok(_awake) => awake.push(Turn { near: run(Duration::ZERO).into(), far: run(EACH_WAY).into() }),
            Err(error) => why_not = Some(error),
        }
    }
    let counted = hosts.round_trips();
    let figure = |(call, what): (&str, &'static str)| {
        let round_trips = counted[call];
        let kept_awake = match &why_not {
            None => Added::of(call, round_trips, &awake).to_string(),
            Some(error) => format!("cannot be said: {LATENCY}: {error}"),
        };
        let Added { ms, datagram_ms, server_cpu_ms, .. } = Added::of(call, round_trips, &asleep);
        Figure {
            what,
            ours: format!("{ms:.3} ms"),
            peer: format!(
                "{round_trips:.2} round trips; a datagram takes {datagram_ms:.3} ms more, the server {server_cpu_ms:+.3} ms of CPU"
            ),
            result: format!(
                "{}; from 2 ms to 4 {}; with CPUs kept awake {kept_awake}",
                Added::of(call, round_trips, &asleep),
                Added::of(call, round_trips, &further)
            ),
            goal: "within 5 %",
        }
    };
    CALLS.into_iter().map(figure).collect()
}

/// Held open with a zero in it, no CPU goes to a state that takes time to wake from (the kernel's PM QoS interface).
const LATENCY: &str = "/dev/cpu_dma_latency";

fn keep_cpus_awake() -> std::io::Result<File> {
    let mut held = OpenOptions::new().write(true).open(LATENCY)?;
    held.write_all(&0_i32.to_ne_bytes())?;
    Ok(held)
}

struct Run {
    /// Medians by cell, in ms; likewise the next.
    took: BTreeMap<String, f64>,
    server_cpu: BTreeMap<String, f64>,
    ping: f64,
}

struct Turn {
    near: Rc<Run>,
    far: Rc<Run>,
}

/// What a call takes more when far.
struct Added {
    ms: f64,
    round_trips: f64,
    datagram_ms: f64,
    server_cpu_ms: f64,
}

impl Added {
    fn of(call: &str, round_trips: f64, turns: &[Turn]) -> Self {
        let more = |figure: &dyn Fn(&Run) -> f64| {
            median(turns.iter().map(|Turn { near, far }| figure(far) - figure(near)).collect())
        };
        Self {
            ms: more(&|run| run.took[call]),
            round_trips,
            datagram_ms: more(&|run| run.ping),
            server_cpu_ms: more(&|run| run.server_cpu[call]),
        }
    }
}

impl fmt::Display for Added {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let off = |round_trip_ms: f64| (self.ms / (self.round_trips * round_trip_ms) - 1.0) * 100.0;
        let added_ms = 2.0 * EACH_WAY.as_secs_f64() * 1e3;
        write!(out, "{:+.1} % of 2 ms each ({:+.1} % of the datagram's)", off(added_ms), off(self.datagram_ms))
    }
}
