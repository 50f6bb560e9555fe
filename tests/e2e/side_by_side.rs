//! Several hosts at once. A host here is an address of its own.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use rpycbench_tests::Sandbox;
use rpycbench_tests::installed::Installed;
use rpycbench_tests::patience::eventually;
use serde_json::Value;

/// hurin and morwen, both enrolled.
struct Hosts {
    sandbox: Sandbox,
    hurin: Installed,
    morwen: Installed,
}

impl Hosts {
    fn start() -> Self {
        let sandbox = Sandbox::new();
        sandbox.prepare(&["rpyc-threaded"]);
        let hurin = Installed::start(&sandbox, "hurin", "127.0.0.2");
        let morwen = Installed::start(&sandbox, "morwen", "127.0.0.3");
        for (agent, name) in [(&hurin, "hurin"), (&morwen, "morwen")] {
            let outcome = sandbox.call(&["enrol", &agent.address, "--code", &agent.code(name)]);
            assert_eq!(outcome.code, Some(0), "{outcome:?}");
        }
        Self { sandbox, hurin, morwen }
    }

    /// A plan whose topologies are these pairs of hosts.
    fn plan(&self, study: &str, pairs: &[(&str, &str)], requests: u32) -> String {
        let mut plan = format!(
            "[study]\nname = \"test\"\nplacement = \"free\"\n{study}\n\
             [hosts.hurin]\nagent = \"{}\"\n[hosts.morwen]\nagent = \"{}\"\n\
             [[servers]]\nname = \"rpyc\"\nkind = \"rpyc\"\nmode = \"threaded\"\n\
             [[workloads]]\nname = \"calls\"\nkind = \"closed\"\nrequests = {requests}\n",
            self.hurin.address, self.morwen.address
        );
        for (client, server) in pairs {
            plan += &format!(
                "[[topologies]]\nname = \"{client}-{server}\"\nclient = \"{client}\"\nserver = \"{server}\"\n"
            );
        }
        plan
    }

    /// Runs a plan and returns how many cells were going at once, at most.
    fn at_once(&self, plan: &str) -> usize {
        let outcome = self.sandbox.run(plan, &["--json"]);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        let (mut going, mut most) = (0, 0);
        for event in outcome.stdout.lines() {
            let event: Value = serde_json::from_str(event).expect("JSON");
            match event["event"].as_str() {
                Some("cell_started") => going += 1,
                Some("cell_finished") => going -= 1,
                _ => {}
            }
            most = most.max(going);
        }
        most
    }

    /// A run in the background, once its load goes on.
    fn driving(&self, plan: &str) -> Child {
        let path = self.sandbox.plan(plan).display().to_string();
        let mut controller = self.sandbox.controller(&["run", &path, "--json"]);
        let mut controller =
            controller.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the controller starts");
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
}

const EACH_ITS_OWN: [(&str, &str); 2] = [("hurin", "hurin"), ("morwen", "morwen")];

#[test]
fn cells_that_share_no_host_run_side_by_side_when_the_plan_says_so() {
    let hosts = Hosts::start();
    assert_eq!(hosts.at_once(&hosts.plan("blocks = 2\nparallel = true", &EACH_ITS_OWN, 300)), 2);
    assert_eq!(hosts.at_once(&hosts.plan("blocks = 2", &EACH_ITS_OWN, 300)), 1);
}

#[test]
fn cells_that_share_a_host_wait_for_each_other() {
    let hosts = Hosts::start();
    let sharing = [("hurin", "hurin"), ("hurin", "morwen"), ("morwen", "hurin")];
    assert_eq!(hosts.at_once(&hosts.plan("blocks = 2\nparallel = true", &sharing, 50)), 1);
}

#[test]
fn r20_a_lost_agent_costs_its_own_cells_and_no_others() {
    let hosts = Hosts::start();
    // Of the hosts that drive and serve alone, one does so for long enough to be lost meanwhile.
    let plan = hosts.plan("blocks = 2\nparallel = true", &EACH_ITS_OWN, 8000);
    let mut controller = hosts.driving(&plan);
    drop(hosts.hurin);
    let status = eventually("the run ends", || match controller.try_wait() {
        Ok(Some(status)) => Ok(status),
        other => Err(other),
    });
    assert_eq!(status.code(), Some(4));
    let run = hosts.sandbox.json("run.json");
    let cells = run["cells"].as_array().expect("cells");
    assert_eq!(cells.len(), 4, "{run}");
    for cell in cells {
        let (of_hurin, reason) = (cell["topology"] == "hurin-hurin", cell["reason"].as_str().unwrap_or_default());
        assert_eq!(of_hurin, reason.contains("the agent of hurin is lost"), "{cell}");
        assert_eq!(of_hurin, cell["status"] != "complete", "{cell}");
    }
}

#[test]
fn r19_a_busy_agent_says_who_has_it_and_until_when() {
    let hosts = Hosts::start();
    let plan = hosts.plan("blocks = 1", &EACH_ITS_OWN, 1_000_000);
    let mut first = hosts.driving(&plan);
    let second = hosts.sandbox.run(&plan, &[]);
    assert_eq!(second.code, Some(5), "{second:?}");
    assert!(second.stderr.contains("refused: it is busy with study \"test\" of "), "{second:?}");
    assert!(second.stderr.contains(" until about "), "{second:?}");
    first.kill().expect("the first still runs");
    first.wait().expect("it ends");
}
