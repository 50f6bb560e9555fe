//! An agent whose host has nothing left to give: no file descriptors, no processes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rpycbench_tests::Sandbox;
use rpycbench_tests::going::Going;
use rpycbench_tests::installed::Installed;
use rpycbench_tests::kills::{Host, Part, alive};
use rpycbench_tests::patience::eventually;
use rpycbench_tests::sandbox::plan;

const CALLS: &str = "[[workloads]]\nname = \"calls\"\nkind = \"closed\"\nrequests = 3000\n";
const ONE: &str = "[[workloads]]\nname = \"one\"\nkind = \"connect\"\ncount = 1\n";
const STARTED: [Part; 3] = [Part::Keepers, Part::Server, Part::Driver];

/// Files that the agent has open.
fn files(agent: &Installed) -> usize {
    fs::read_dir(format!("/proc/{}/fd", agent.pid())).expect("it lives").count()
}

/// From now on it may have no more of them than that.
fn allow_files(agent: &Installed, most: usize) {
    let status = Command::new("prlimit")
        .args(["--pid", &agent.pid().to_string(), &format!("--nofile={most}:4096")])
        .status()
        .expect("prlimit is installed");
    assert!(status.success(), "{status}");
}

#[test]
fn r17_an_agent_that_may_open_no_more_files_says_so_and_takes_the_next_run_when_it_may() {
    let host = Host::start(&[], "rpyc-threaded", CALLS);
    host.until_free();
    // Fewer than it has: none of those is taken from it.
    allow_files(&host.agent, 3);
    let outcome = host.going().end();
    assert_eq!(outcome.code, Some(5), "{outcome:?}");
    assert!(outcome.stderr.contains("host here: cannot reach the agent"), "{outcome:?}");
    let log = host.agent.log();
    let refusals = log.matches("cannot accept a connection").count();
    assert!((1..500).contains(&refusals) && log.contains("Too many open files"), "{refusals} lines");
    allow_files(&host.agent, 1024);
    host.runs(ONE, CALLS);
}

#[test]
fn r17_a_run_under_way_on_an_agent_that_may_open_no_more_files_ends_with_the_cause_and_the_next_is_normal() {
    let host = Host::start(&[], "rpyc-threaded", CALLS);
    host.until_free();
    let idle = files(&host.agent);
    let plan = host.plan.replace("blocks = 1", "blocks = 2");
    let path = host.sandbox.plan(&plan).display().to_string();
    let mut going = Going::start(host.sandbox.controller(&["run", &path, "--json"]));
    going.until_done(1);
    allow_files(&host.agent, idle + 3);
    let outcome = going.end();
    assert_eq!(outcome.code, Some(4), "{outcome:?}");
    let cells = host.sandbox.json("run.json")["cells"].clone();
    for cell in cells.as_array().expect("cells") {
        let why = cell["reason"].as_str().unwrap_or_default();
        assert!(cell["status"] == "complete" || why.contains("Too many open files"), "{cells}");
    }
    allow_files(&host.agent, 1024);
    host.until_free();
    assert_eq!(alive(&host.sandbox, &STARTED), []);
    host.runs(ONE, CALLS);
}

/// A control group that lets only so many processes and threads live.
struct Group(PathBuf);

impl Group {
    fn new() -> Option<Self> {
        let path = Path::new("/sys/fs/cgroup/pids").join(format!("rpycbench-test-{}", std::process::id()));
        match fs::create_dir(&path) {
            Ok(()) if path.join("pids.max").exists() => Some(Self(path)),
            outcome => {
                drop(fs::remove_dir(&path));
                println!("skipped: no control group of processes can be made here: {outcome:?}");
                None
            }
        }
    }

    fn allow(&self, most: &str) {
        fs::write(self.0.join("pids.max"), most).expect("it is ours");
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        eventually("the group can be removed", || fs::remove_dir(&self.0));
    }
}

#[test]
fn r17_an_agent_that_may_start_no_more_processes_says_so_and_takes_the_next_run_when_it_may() {
    let Some(group) = Group::new() else { return };
    let sandbox = Sandbox::new();
    let enter = format!("echo $$ >{}/cgroup.procs && exec \"$@\"", group.0.display());
    let agent = Installed::start_under(&sandbox, "hurin", "127.0.0.2", &["sh", "-c", &enter, "sh"]);
    let enrolled = sandbox.call(&["enrol", &agent.address, "--code", &agent.code("hurin")]);
    assert_eq!(enrolled.code, Some(0), "{enrolled:?}");
    let plan = plan(&["rpyc-threaded"], CALLS).replace("local = true", &format!("agent = \"{}\"", agent.address));
    let outcome = sandbox.run(&plan, &[]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");

    // Fewer than live: none of them is ended.
    group.allow("1");
    let outcome = sandbox.run(&plan, &[]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("host here: cannot start "), "{outcome:?}");
    assert!(outcome.stderr.contains("Resource temporarily unavailable"), "{outcome:?}");
    assert_eq!(alive(&sandbox, &STARTED), []);

    group.allow("max");
    let outcome = sandbox.run(&plan, &[]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}: {}", agent.log());
    agent.stop();
}
