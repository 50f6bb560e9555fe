//! No process outlives its run, however the run ends.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rpycbench_process::precise;
use rpycbench_tests::Sandbox;
use rpycbench_tests::patience::eventually;
use rpycbench_tests::processes::Living;
use rpycbench_tests::sandbox::plan;

/// Longer than any test looks at it.
const ENDLESS: &str = "[[workloads]]\nname = \"endless\"\nkind = \"closed\"\nclients = 4\nrequests = 2000000\nclient_model = \"processes\"\n";

/// A run whose load goes on until something ends it.
struct Going {
    sandbox: Sandbox,
    controller: Child,
}

impl Going {
    /// Returns when the load runs.
    fn start(server: &str) -> Self {
        let sandbox = Sandbox::new();
        // Stamps of a load that has no end would only take memory.
        let plan = plan(&[server], ENDLESS);
        let path = sandbox.plan(&plan).display().to_string();
        let mut controller = sandbox
            .controller(&["run", &path, "--json"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the controller starts");
        let events = BufReader::new(controller.stdout.take().expect("a pipe")).lines();
        let driving = |line: &String| line.contains("\"phase\":\"driving\"") && !line.contains("\"done\":0");
        let seen = events.map_while(Result::ok).any(|line| driving(&line));
        assert!(seen, "the load never ran: {:?}", controller.wait());
        Self { sandbox, controller }
    }

    fn of(&self, part: &str) -> Vec<Living> {
        self.sandbox.processes().into_iter().filter(|living| living.command.contains(part)).collect()
    }

    fn controller(&self) -> Pid {
        Pid::from_raw(self.controller.id().cast_signed())
    }

    /// Waits for the end of every process of the run, then for the controller's exit code.
    fn nobody_is_left(mut self) -> (Sandbox, Option<i32>) {
        let status = eventually("the controller ends", || match self.controller.try_wait() {
            Ok(Some(status)) => Ok(status),
            other => Err(other),
        });
        eventually("every process is gone", || {
            let left = self.sandbox.processes();
            if left.is_empty() { Ok(()) } else { Err(left) }
        });
        (self.sandbox, status.code())
    }
}

fn signal(processes: &[Living], signal: precise::Signal) {
    assert!(!processes.is_empty(), "nobody to signal");
    for process in processes {
        // It may be gone already, with one that was before it in the list.
        process.signal(signal);
    }
}

#[test]
fn the_processes_of_a_run_can_be_seen() {
    let going = Going::start("rpyc-forking");
    // A forking server with four connections, a driver with four clients.
    eventually("all are there", || {
        let (serve, drive) = (
            going.of("bin/python -s -m rpycbench_workers.serve").len(),
            going.of("bin/python -s -m rpycbench_workers.drive").len(),
        );
        if (serve, drive) == (5, 5) { Ok(()) } else { Err((serve, drive)) }
    });
    kill(going.controller(), Signal::SIGKILL).expect("the controller lives");
    going.nobody_is_left();
}

#[test]
fn r2_a_controller_that_is_interrupted_leaves_nobody_on_its_own_host_and_a_partial_report() {
    let going = Going::start("rpyc-threaded");
    let folder = going.sandbox.latest();
    kill(going.controller(), Signal::SIGINT).expect("the controller lives");
    let (sandbox, code) = going.nobody_is_left();
    assert_eq!(code, Some(4));
    assert_eq!(sandbox.json("run.json")["cells"][0]["status"], "interrupted");
    assert!(folder.join("report.md").is_file());
}

#[test]
fn r2_a_controller_that_is_terminated_leaves_nobody_on_its_own_host() {
    let going = Going::start("flask-threaded");
    kill(going.controller(), Signal::SIGTERM).expect("the controller lives");
    assert_eq!(going.nobody_is_left().1, Some(4));
}

#[test]
fn r1_a_controller_that_is_killed_leaves_nobody_on_its_own_host() {
    let going = Going::start("rpyc-forking");
    kill(going.controller(), Signal::SIGKILL).expect("the controller lives");
    assert_eq!(going.nobody_is_left().1, None);
}

#[test]
fn an_agent_that_is_killed_leaves_nobody_and_the_controller_says_so() {
    let going = Going::start("rpyc-forking");
    signal(&going.of("rpycbench-agent child"), precise::Signal::KILL);
    assert_eq!(going.nobody_is_left().1, Some(4));
}

#[test]
fn keepers_that_are_killed_leave_nobody() {
    let going = Going::start("rpyc-forking");
    signal(&going.of("rpycbench-agent __keep"), precise::Signal::KILL);
    assert_eq!(going.nobody_is_left().1, Some(4));
}

#[test]
fn every_binary_killed_at_once_leaves_nobody() {
    let going = Going::start("rpyc-forking");
    let agents = going.of("rpycbench-agent");
    kill(going.controller(), Signal::SIGKILL).expect("the controller lives");
    signal(&agents, precise::Signal::KILL);
    going.nobody_is_left();
}

#[test]
fn r7_a_server_that_dies_fails_its_cell_with_its_signal() {
    let going = Going::start("rpyc-threaded");
    signal(&going.of("bin/python -s -m rpycbench_workers.serve"), precise::Signal::SEGV);
    let Going { sandbox, mut controller } = going;
    let status = eventually("the controller ends", || match controller.try_wait() {
        Ok(Some(status)) => Ok(status),
        other => Err(other),
    });
    assert_eq!(status.code(), Some(4));
    let cell = &sandbox.json("run.json")["cells"][0];
    assert_eq!(cell["status"], "failed", "{cell}");
    assert_eq!(cell["server_exit"]["signal"], 11, "{cell}");
    assert!(cell["reason"].as_str().is_some_and(|reason| reason.contains("ended by signal 11")), "{cell}");
    assert_eq!(sandbox.json("results.json")["complete"], false);
}
