//! Eight agents and a controller that is killed every five seconds, and started again, until the run is finished.

use std::process::Stdio;
use std::thread::park_timeout;
use std::time::{Duration, Instant};

use procfs::process::Process;
use rpycbench_tests::Sandbox;
use rpycbench_tests::installed::Installed;

use crate::Figure;

const AGENTS: u8 = 8;
const LIFE: Duration = Duration::from_secs(5);
/// A cell that is under way when its controller is killed runs again: each must be shorter than a life.
const REQUESTS: u32 = 500;
/// A run that has not come to its end by then never will.
const FINISHED_WITHIN: Duration = Duration::from_secs(1800);

/// `blocks` of eight cells each.
pub(crate) fn measure(blocks: u32) -> Figure {
    let sandbox = Sandbox::new();
    sandbox.prepare(&["rpyc-threaded"]);
    let mut plan = format!(
        "[study]\nname = \"resumed\"\nblocks = {blocks}\nplacement = \"free\"\n\
         [[servers]]\nname = \"rpyc\"\nkind = \"rpyc\"\nmode = \"threaded\"\n\
         [[workloads]]\nname = \"calls\"\nkind = \"closed\"\nrequests = {REQUESTS}\n"
    );
    let mut agents = Vec::new();
    for number in 1..=AGENTS {
        let name = format!("host{number}");
        let agent = Installed::start(&sandbox, &name, &format!("127.0.2.{number}"));
        let enrolled = sandbox.call(&["enrol", &agent.address, "--code", &agent.code(&name)]);
        assert_eq!(enrolled.code, Some(0), "{enrolled:?}");
        plan += &format!(
            "[hosts.{name}]\nagent = \"{}\"\n[[topologies]]\nname = \"{name}\"\nclient = \"{name}\"\nserver = \"{name}\"\n",
            agent.address
        );
        agents.push(agent);
    }
    let path = sandbox.plan(&plan).display().to_string();
    let began = Instant::now();
    let (mut lives, mut peak_bytes) = (1, 0);
    let mut finished = live(&sandbox, &["run", &path, "--quiet"], &mut peak_bytes);
    while !finished && began.elapsed() < FINISHED_WITHIN {
        lives += 1;
        let folder = sandbox.latest().display().to_string();
        finished = live(&sandbox, &["run", "--resume", &folder, "--quiet"], &mut peak_bytes);
    }
    let wanted = u64::from(AGENTS) * u64::from(blocks) * u64::from(REQUESTS);
    let run = sandbox.json("run.json");
    let rows = |of: &str| -> u64 {
        run[of].as_array().map_or(0, |all| all.iter().filter_map(|it| it["stored"].as_u64()).sum())
    };
    let (stored, aside) = (rows("cells"), rows("attempts"));
    let exact = finished && stored == wanted && sandbox.json("results.json")["complete"] == true;
    Figure {
        what: "8 agents, the controller killed every 5 s until the run is finished",
        ours: format!("{stored} of {wanted} samples, {aside} more of attempts that do not count"),
        peer: format!("{lives} controllers in {:.0} s", began.elapsed().as_secs_f64()),
        result: format!("{}, controller at most {} MiB", if exact { "exact" } else { "NOT exact" }, peak_bytes >> 20),
        goal: "exact counts, under 512 MiB",
    }
}

/// Runs a controller until it has finished, or has lived long enough.
fn live(sandbox: &Sandbox, args: &[&str], peak_bytes: &mut u64) -> bool {
    let mut controller = sandbox.controller(args);
    let mut controller = controller.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the controller starts");
    let born = Instant::now();
    loop {
        let status = Process::new(controller.id().cast_signed()).and_then(|process| process.status());
        *peak_bytes = (*peak_bytes).max(status.ok().and_then(|status| status.vmhwm).unwrap_or(0) * 1024);
        if let Some(status) = controller.try_wait().expect("it can be asked") {
            return status.success();
        }
        if born.elapsed() > LIFE {
            controller.kill().expect("it lives");
            controller.wait().expect("it ends");
            return false;
        }
        park_timeout(Duration::from_millis(50));
    }
}
