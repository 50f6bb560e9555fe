//! Eight agents and a controller that is killed every five seconds, and started again, until the run is finished.
//!
//! Millions of samples are had with calls that are answered at once, in the driver's own process: drivers, recordings, spools,
//! conversations and files are the real ones. The calls themselves would take an hour, and are not what is put to the test.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::thread::park_timeout;
use std::time::{Duration, Instant};

use procfs::process::Process;
use rpycbench_tests::Sandbox;
use rpycbench_tests::installed::Installed;

use crate::Figure;

const AGENTS: u8 = 8;
const LIFE: Duration = Duration::from_secs(5);
/// A run that has not come to its end by then never will.
const FINISHED_WITHIN: Duration = Duration::from_secs(1800);

/// Answers `root.ping()` where it is called. Python imports a module of that name whenever it starts.
const ANSWERED_AT_ONCE: &str = r#"
import sys

if "rpycbench_workers.drive" in sys.orig_argv:
    import rpyc.core.protocol

    class Root:
        def ping(self):
            return "pong"

    rpyc.core.protocol.Connection.root = Root()
"#;

/// What each of the eight agents drives at itself.
pub(crate) struct Load {
    /// A cell that is under way when its controller is killed runs again: each must be shorter than a life.
    pub(crate) requests: u32,
    pub(crate) blocks: u32,
    /// Without a server's answer.
    pub(crate) answered_at_once: bool,
}

impl Load {
    /// Calls that are answered by a server.
    pub(crate) fn real(blocks: u32) -> Self {
        Self { requests: 500, blocks, answered_at_once: false }
    }

    /// Two million samples of every agent.
    pub(crate) fn millions() -> Self {
        Self { requests: 100_000, blocks: 20, answered_at_once: true }
    }

    /// Where the agents find what they need.
    fn sandbox(&self) -> Sandbox {
        if !self.answered_at_once {
            let sandbox = Sandbox::new();
            sandbox.prepare(&["rpyc-threaded"]);
            return sandbox;
        }
        // With environments of its own: they are changed.
        let sandbox = Sandbox::without_environments();
        sandbox.prepare(&["rpyc-threaded"]);
        for folder in site_packages(&sandbox) {
            fs::write(folder.join("sitecustomize.py"), ANSWERED_AT_ONCE).expect("it can be written");
        }
        sandbox
    }
}

/// Where the environments of a sandbox keep their libraries.
fn site_packages(sandbox: &Sandbox) -> Vec<PathBuf> {
    let within = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let environments = within(sandbox.home().join("agent/environments")).filter(|path| path.is_dir());
    let pythons = environments.flat_map(|environment| within(environment.join("lib")));
    pythons.map(|python| python.join("site-packages")).filter(|path| path.is_dir()).collect()
}

/// `blocks` of eight cells each.
pub(crate) fn measure(load: &Load) -> Figure {
    let sandbox = load.sandbox();
    let Load { requests, blocks, answered_at_once } = *load;
    let mut plan = format!(
        "[study]\nname = \"resumed\"\nblocks = {blocks}\nplacement = \"free\"\nparallel = {answered_at_once}\n\
         [[servers]]\nname = \"rpyc\"\nkind = \"rpyc\"\nmode = \"threaded\"\n\
         [[workloads]]\nname = \"calls\"\nkind = \"closed\"\nrequests = {requests}\n"
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
    let wanted = u64::from(AGENTS) * u64::from(blocks) * u64::from(requests);
    let run = sandbox.json("run.json");
    let rows = |of: &str| -> u64 {
        run[of].as_array().map_or(0, |all| all.iter().filter_map(|it| it["stored"].as_u64()).sum())
    };
    let (stored, aside) = (rows("cells"), rows("attempts"));
    let exact = finished && stored == wanted && sandbox.json("results.json")["complete"] == true;
    Figure {
        what: if answered_at_once {
            "the same with 2 million samples of each, answered at once"
        } else {
            "8 agents, the controller killed every 5 s until the run is finished"
        },
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
