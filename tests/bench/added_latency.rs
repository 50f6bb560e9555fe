//! What the LAN comparison shows of 2 ms that the switch adds to every round trip.

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
        (hosts.medians(), hosts.pings()["lan"], hosts.server_cpu())
    };
    let turns: Vec<_> = (0..TURNS).map(|_| (run(Duration::ZERO), run(EACH_WAY))).collect();
    let counted = hosts.round_trips();
    let round_trip_ms = 2.0 * EACH_WAY.as_secs_f64() * 1e3;
    let longer = median(turns.iter().map(|((_, near, _), (_, far, _))| far - near).collect());
    let figure = |(call, what): (&str, &'static str)| {
        let added = median(turns.iter().map(|((near, ..), (far, ..))| far[call] - near[call]).collect());
        // What waits in between runs on a CPU that has slept meanwhile, which takes longer: no matter of the network's.
        let cpu = median(turns.iter().map(|((.., near), (.., far))| far[call] - near[call]).collect());
        let off = |round_trip_ms: f64| (added / (counted[call] * round_trip_ms) - 1.0) * 100.0;
        Figure {
            what,
            ours: format!("{added:.3} ms"),
            peer: format!(
                "{:.2} round trips; a datagram takes {longer:.3} ms more, the server {cpu:+.3} ms of CPU",
                counted[call]
            ),
            result: format!("{:+.1} % of 2 ms each, {:+.1} % of the datagram's", off(round_trip_ms), off(longer)),
            goal: "within 5 %",
        }
    };
    CALLS.into_iter().map(figure).collect()
}
