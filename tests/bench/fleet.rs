//! Many agents, all real processes on this machine: what they cost the controller.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use procfs::process::Process;
use rpycbench_tests::Sandbox;
use rpycbench_tests::installed::Installed;
use serde_json::Value;

use crate::Figure;

const FLEETS: [u8; 3] = [1, 10, 50];
/// So that even the largest fleet spends more time driving than starting its hundred interpreters on two cores.
const REQUESTS: u32 = 4000;

/// What a run over so many agents cost the controller.
struct Cost {
    agents: u8,
    connect_s: f64,
    /// CPU time from connected to the last cell, over the time that took.
    cpu_share: f64,
    peak_mib: f64,
}

/// How the three grow.
pub(crate) fn measure() -> [Figure; 3] {
    let costs = FLEETS.map(run);
    let growth = |show: &dyn Fn(&Cost) -> String| costs.iter().map(show).collect::<Vec<_>>().join(", ");
    let agents = growth(&|cost| format!("{}", cost.agents));
    let peer = format!("{agents} agents");
    let [.., most] = &costs;
    [
        Figure {
            what: "connecting to all agents of a plan",
            ours: growth(&|cost| format!("{:.2} s", cost.connect_s)),
            peer: peer.clone(),
            result: format!("{:.0} ms an agent", most.connect_s * 1e3 / f64::from(most.agents)),
            goal: "50 agents under 2 s",
        },
        Figure {
            what: "the controller's own CPU time while cells run",
            ours: growth(&|cost| format!("{:.1} %", cost.cpu_share * 100.0)),
            peer: peer.clone(),
            result: format!("{:.2} % of a core an agent", most.cpu_share * 100.0 / f64::from(most.agents)),
            goal: "50 agents under 10 % of a core",
        },
        Figure {
            what: "its peak memory by the end of the run",
            ours: growth(&|cost| format!("{:.0} MiB", cost.peak_mib)),
            peer,
            result: "-".to_owned(),
            goal: "50 agents under 200 MiB",
        },
    ]
}

fn run(count: u8) -> Cost {
    let sandbox = Sandbox::new();
    sandbox.prepare(&["rpyc-threaded"]);
    let mut plan = format!(
        "[study]\nname = \"fleet\"\nblocks = 1\nplacement = \"free\"\nparallel = true\n\
         [[servers]]\nname = \"rpyc\"\nkind = \"rpyc\"\nmode = \"threaded\"\n\
         [[workloads]]\nname = \"calls\"\nkind = \"closed\"\nrequests = {REQUESTS}\n"
    );
    let mut agents = Vec::new();
    for number in 1..=count {
        let name = format!("host{number}");
        // A loopback address of its own stands for a host.
        let agent = Installed::start(&sandbox, &name, &format!("127.0.1.{number}"));
        let enrolled = sandbox.call(&["enrol", &agent.address, "--code", &agent.code(&name)]);
        assert_eq!(enrolled.code, Some(0), "{enrolled:?}");
        plan += &format!(
            "[hosts.{name}]\nagent = \"{}\"\n[[topologies]]\nname = \"{name}\"\nclient = \"{name}\"\nserver = \"{name}\"\n",
            agent.address
        );
        agents.push(agent);
    }
    let path = sandbox.plan(&plan).display().to_string();
    let mut controller = sandbox.controller(&["run", &path, "--json"]);
    let mut controller = controller.stdout(Stdio::piped()).spawn().expect("the controller starts");
    let process = Process::new(controller.id().cast_signed()).expect("the controller lives");
    let events = BufReader::new(controller.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let (mut connect_s, mut at_connected, mut at_last_cell) = (0.0, None, None);
    for event in events {
        let event: Value = serde_json::from_str(&event).expect("JSON");
        let moment = || Some((std::time::Instant::now(), cpu_s(&process)));
        match event["event"].as_str() {
            Some("connected") => {
                connect_s = event["seconds"].as_f64().expect("a time");
                at_connected = moment();
            }
            Some("cell_finished") => {
                assert_eq!(event["status"], "complete", "{event}");
                at_last_cell = moment();
            }
            _ => {}
        }
        if event["event"] == "run_finished" {
            break;
        }
    }
    let (Some((from, cpu_from)), Some((to, cpu_to))) = (at_connected, at_last_cell) else { panic!("no cell ran") };
    let peak_kib = process.status().ok().and_then(|status| status.vmhwm).expect("the kernel tells the peak");
    assert!(controller.wait().expect("it ends").success());
    Cost {
        agents: count,
        connect_s,
        cpu_share: (cpu_to - cpu_from) / (to - from).as_secs_f64(),
        peak_mib: peak_kib as f64 / 1024.0,
    }
}

/// CPU time of a process so far.
fn cpu_s(process: &Process) -> f64 {
    let stat = process.stat().expect("the controller lives");
    (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64
}
