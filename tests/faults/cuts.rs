//! Links that are cut while cells run, by the ids of the reliability scenarios.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread::park_timeout;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rpycbench_tests::lan::{Lan, Unavailable};
use rpycbench_tests::patience::eventually;
use rpycbench_tests::processes::mentioning;
use rpycbench_tests::sandbox::binaries;
use rpycbench_tests::{Outcome, Sandbox};
use serde_json::Value;

/// One at a time: leases are watched by the clock.
static ALONE: Mutex<()> = Mutex::new(());
/// The lease of a run, see `agent.proto`.
const LEASE: Duration = Duration::from_secs(10);
/// A cell of more than ten seconds: 3 round trips of 1 ms a call, and the calls themselves.
const REQUESTS: u32 = 3_000;

/// turin with the controller, which no cell uses, and hurin and morwen, which do.
struct ThreeHosts {
    lan: Lan,
    sandbox: Sandbox,
    agents: Vec<Child>,
    plan: String,
}

impl ThreeHosts {
    fn start() -> Result<Self, Unavailable> {
        let lan = Lan::switched(&["turin", "hurin", "morwen"])?;
        let sandbox = Sandbox::new();
        sandbox.prepare(&["rpyc-threaded"]);
        let mut hosts = Self { lan, sandbox, agents: Vec::new(), plan: String::new() };
        let mut plan = "[study]\nname = \"cuts\"\nblocks = 1\nplacement = \"free\"\n".to_owned();
        for name in ["hurin", "morwen"] {
            let address = hosts.add_agent(name);
            plan += &format!("[hosts.{name}]\nagent = \"{address}\"\n");
        }
        plan += &format!(
            "[[topologies]]\nname = \"others\"\nclient = \"hurin\"\nserver = \"morwen\"\n\
             [[servers]]\nname = \"rpyc\"\nkind = \"rpyc\"\nmode = \"threaded\"\n\
             [[workloads]]\nname = \"calls\"\nkind = \"closed\"\nrequests = {REQUESTS}\n"
        );
        hosts.plan = hosts.sandbox.plan(&plan).display().to_string();
        hosts.lan.both_ways("hurin", "morwen").delay(Duration::from_micros(500));
        Ok(hosts)
    }

    fn add_agent(&mut self, name: &str) -> SocketAddr {
        let state = self.sandbox.path().join(name);
        std::fs::create_dir(&state).expect("a folder");
        let environments = self.sandbox.path().join("home/agent/environments");
        std::os::unix::fs::symlink(environments, state.join("environments")).expect("a link");
        let address = SocketAddr::new(self.lan.address(name), 7443);
        let agent = |args: &[&str]| {
            let mut command = self.lan.command(name, binaries().join("rpycbench-agent"));
            command.args(args).arg("--state").arg(&state).stderr(Stdio::null());
            command
        };
        let child = agent(&["serve", "--listen", &address.to_string()]).stdout(Stdio::piped()).spawn();
        let mut child = child.expect("the agent starts");
        let mut said = String::new();
        BufReader::new(child.stdout.as_mut().expect("a pipe")).read_line(&mut said).expect("it says that it listens");
        self.agents.push(child);
        let code: Outcome = agent(&["enrol-code", "--name", name]).output().expect("the agent starts").into();
        let enrolled: Outcome = self
            .controller(&["enrol", &address.to_string(), "--code", code.stdout.trim()])
            .output()
            .expect("ends")
            .into();
        assert_eq!(enrolled.code, Some(0), "{enrolled:?}");
        address
    }

    /// `rpycbench-controller` on turin.
    fn controller(&self, args: &[&str]) -> Command {
        let template = self.sandbox.controller(args);
        let mut command = self.lan.command("turin", template.get_program());
        command.args(args).current_dir(self.sandbox.path());
        for (name, value) in template.get_envs() {
            command.env(name, value.unwrap_or_default());
        }
        command
    }

    /// A run whose load goes on.
    fn driving(&self) -> Child {
        let mut controller = self.controller(&["run", &self.plan, "--json"]);
        let mut controller = controller.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let mut events = BufReader::new(controller.stdout.take().expect("a pipe"));
        let mut line = String::new();
        while !line.contains("\"phase\":\"driving\"") || line.contains("\"done\":0") {
            line.clear();
            assert_ne!(events.read_line(&mut line).expect("events"), 0, "the load never ran");
        }
        // Read on, or the run would wait for its reader.
        std::thread::spawn(move || std::io::copy(&mut events, &mut std::io::sink()));
        controller
    }

    /// Nothing passes between the controller and either agent.
    fn cut(&self) {
        for agent in ["hurin", "morwen"] {
            self.lan.both_ways("turin", agent).cut();
        }
    }

    fn mend(&self) {
        for agent in ["hurin", "morwen"] {
            self.lan.both_ways("turin", agent).mend();
        }
    }

    /// Servers and drivers that live.
    fn workers(&self) -> usize {
        let all = mentioning(self.sandbox.path());
        all.iter().filter(|living| living.command.contains("bin/python -s -m rpycbench_workers.")).count()
    }

    /// Waits until no server or driver is left; how long that took.
    fn until_nobody_works(&self) -> Duration {
        let since = Instant::now();
        eventually("every server and driver is gone", || match self.workers() {
            0 => Ok(()),
            left => Err(left),
        });
        since.elapsed()
    }
}

impl Drop for ThreeHosts {
    fn drop(&mut self) {
        for agent in &mut self.agents {
            drop(agent.kill());
            drop(agent.wait());
        }
    }
}

fn ended(mut controller: Child) -> Option<i32> {
    let status = eventually("the controller ends", || match controller.try_wait() {
        Ok(Some(status)) => Ok(status),
        other => Err(other),
    });
    status.code()
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id().cast_signed())
}

/// Cuts the controller off for so long while hurin drives at morwen; nothing of the cell may be missing.
fn a_cut_costs_nothing(seconds: f64) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let hosts = match ThreeHosts::start() {
        Ok(hosts) => hosts,
        Err(why) => return println!("skipped: {why}"),
    };
    let controller = hosts.driving();
    hosts.cut();
    park_timeout(Duration::from_secs_f64(seconds));
    assert_eq!(hosts.workers(), 2, "the cell goes on without its controller");
    hosts.mend();
    assert_eq!(ended(controller), Some(0));
    let cell: Value = hosts.sandbox.json("run.json")["cells"][0].clone();
    assert_eq!((&cell["status"], &cell["stored"], &cell["failed"]), (&"complete".into(), &REQUESTS.into(), &0.into()));
}

#[test]
fn r10_a_controller_cut_off_for_two_seconds_loses_no_sample() {
    a_cut_costs_nothing(2.0);
}

#[test]
fn r10_a_controller_cut_off_for_eight_seconds_loses_no_sample() {
    a_cut_costs_nothing(8.0);
}

#[test]
fn r10_a_controller_cut_off_for_longer_than_the_lease_finds_the_run_over_and_nobody_left() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let hosts = match ThreeHosts::start() {
        Ok(hosts) => hosts,
        Err(why) => return println!("skipped: {why}"),
    };
    let controller = hosts.driving();
    hosts.cut();
    let took = hosts.until_nobody_works();
    assert!(took < LEASE + Duration::from_secs(2), "{took:?}");
    assert_eq!(ended(controller), Some(4));
    let reason = hosts.sandbox.json("run.json")["cells"][0]["reason"].to_string();
    assert!(reason.contains(" is lost: nothing heard of it"), "{reason}");
    hosts.mend();
    // Both are free for the next.
    let again: Outcome = hosts.controller(&["run", &hosts.plan, "--quiet"]).output().expect("it ends").into();
    assert_eq!(again.code, Some(0), "{again:?}");
}

#[test]
fn r1_a_controller_that_is_killed_leaves_nobody_on_other_hosts_after_the_lease() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let hosts = match ThreeHosts::start() {
        Ok(hosts) => hosts,
        Err(why) => return println!("skipped: {why}"),
    };
    let mut controller = hosts.driving();
    controller.kill().expect("it lives");
    let took = hosts.until_nobody_works();
    assert!(took < LEASE + Duration::from_secs(2), "{took:?}");
    controller.wait().expect("it has ended");
}

#[test]
fn r3_a_controller_that_is_stopped_for_longer_than_the_lease_finds_the_run_over() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let hosts = match ThreeHosts::start() {
        Ok(hosts) => hosts,
        Err(why) => return println!("skipped: {why}"),
    };
    let controller = hosts.driving();
    kill(pid(&controller), Signal::SIGSTOP).expect("it lives");
    let took = hosts.until_nobody_works();
    assert!(took < LEASE + Duration::from_secs(2), "{took:?}");
    kill(pid(&controller), Signal::SIGCONT).expect("it lives");
    assert_eq!(ended(controller), Some(4));
    let reason = hosts.sandbox.json("run.json")["cells"][0]["reason"].to_string();
    assert!(reason.contains("is lost"), "{reason}");
}
