//! Disks that are full, or that may not be written any more.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use rpycbench_tests::going::Going;
use rpycbench_tests::installed::Installed;
use rpycbench_tests::sandbox::{plan, stamped};
use rpycbench_tests::{Outcome, Sandbox};

const CLOSED: &str = "[[workloads]]\nname = \"latency\"\nkind = \"closed\"\nclients = 1\nrequests = 20\n";
const LARGE: &str = "[[workloads]]\nname = \"large\"\nkind = \"closed\"\nrequests = 6000\n";

/// Runs a plan in a mount namespace of its own with a file system of 128 KiB on a folder of the sandbox; `None` where this
/// machine lets nobody do that.
fn run_on_a_small_disk(sandbox: &Sandbox, plan: &str, small: &str) -> Option<Outcome> {
    let path = sandbox.plan(plan).display().to_string();
    fs::create_dir_all(sandbox.path().join(small)).expect("a folder");
    let script = sandbox.path().join("script.sh");
    let controller = sandbox.controller(&[]);
    let program = controller.get_program().to_string_lossy().into_owned();
    let text = format!(
        "#!/bin/sh\nmount -t tmpfs -o size=128k none {small} || exit 77\n{program} run {path} --out results\ncode=$?\nls results/latest/ results/latest/samples\nexit $code\n"
    );
    fs::write(&script, text).expect("a script");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("a script");
    let mut unshare = Command::new("unshare");
    unshare.args(["--user", "--map-root-user", "--mount"]).arg(&script).current_dir(sandbox.path());
    let home =
        controller.get_envs().find_map(|(name, value)| value.filter(|_| name == "RPYCBENCH_HOME")).expect("a home");
    unshare.env("RPYCBENCH_HOME", home);
    let outcome: Outcome = match unshare.output() {
        Ok(output) => output.into(),
        Err(error) => {
            println!("skipped: no unshare on this machine: {error}");
            return None;
        }
    };
    if outcome.code == Some(77) || outcome.stderr.contains("unshare: ") {
        println!("skipped: this machine lets nobody make mount namespaces: {outcome:?}");
        return None;
    }
    Some(outcome)
}

#[test]
fn r15_a_full_disk_ends_the_run_and_earlier_cells_are_kept() {
    let sandbox = Sandbox::new();
    let many = plan(&["rpyc-threaded"], &CLOSED.replace("requests = 20", "requests = 3000"))
        .replace("blocks = 1", "blocks = 9");
    let Some(outcome) = run_on_a_small_disk(&sandbox, &many, "results") else { return };
    assert_eq!(outcome.code, Some(4), "{outcome:?}");
    let line = outcome.stderr.lines().find(|line| line.starts_with("rpycbench-controller: ")).expect("a line");
    assert!(line.contains("No space left on device") && line.contains("free some space"), "{line}");
    assert!(outcome.stdout.contains("b001.parquet") && outcome.stdout.contains("run.json"), "{outcome:?}");
    assert!(!outcome.stdout.contains("results.json") && !outcome.stdout.contains(".part"), "{outcome:?}");
    assert_eq!(sandbox.processes(), []);
}

#[test]
fn r15_a_cell_whose_samples_the_agents_disk_has_no_room_for_is_not_begun_and_the_others_are() {
    let sandbox = Sandbox::new();
    let large = "[[workloads]]\nname = \"large\"\nkind = \"closed\"\nrequests = 3000\n";
    let both = stamped(&plan(&["rpyc-threaded"], &format!("{CLOSED}{large}")));
    let Some(outcome) = run_on_a_small_disk(&sandbox, &both, "home/agent/spool") else { return };
    assert_eq!(outcome.code, Some(4), "{outcome:?}");
    // Stamps are asked for first, and take the most.
    let why = "serve: up to 214 KiB of samples and stamps do not fit: 128 KiB are free in ";
    assert!(outcome.stderr.contains(why) && outcome.stderr.contains("free some space there"), "{outcome:?}");
    let cells = sandbox.json("run.json")["cells"].clone();
    let statuses: Vec<&str> = cells.as_array().expect("cells").iter().filter_map(|it| it["status"].as_str()).collect();
    assert!(statuses.contains(&"complete") && statuses.contains(&"failed"), "{cells}");
    assert_eq!(sandbox.processes(), []);
}

/// An agent whose samples lie on a file system of 1 MiB; `None` where this machine lets nobody mount one.
struct Small {
    sandbox: Sandbox,
    agent: Installed,
    spool: PathBuf,
    plan: String,
}

impl Small {
    fn start() -> Option<Self> {
        let may = Command::new("unshare").args(["--mount", "true"]).status();
        if !may.is_ok_and(|status| status.success()) {
            println!("skipped: this machine lets nobody make mount namespaces");
            return None;
        }
        let sandbox = Sandbox::new();
        let spool = sandbox.path().join("hurin/spool");
        let mount = format!("mkdir -p {0} && mount -t tmpfs -o size=1m none {0} && exec \"$@\"", spool.display());
        let under = ["unshare", "--mount", "sh", "-c", &mount, "sh"];
        let agent = Installed::start_under(&sandbox, "hurin", "127.0.0.2", &under);
        let enrolled = sandbox.call(&["enrol", &agent.address, "--code", &agent.code("hurin")]);
        assert_eq!(enrolled.code, Some(0), "{enrolled:?}");
        let both = plan(&["rpyc-threaded"], &format!("{CLOSED}{LARGE}"));
        let both = both.replace("local = true", &format!("agent = \"{}\"", agent.address));
        let plan = sandbox.beginning_with(&both, "latency");
        Some(Self { sandbox, agent, spool, plan })
    }

    /// The folder of samples as the agent sees it.
    fn within(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{}", self.agent.pid(), self.spool.display()))
    }

    fn mount(&self, options: &str) {
        let namespace = format!("--mount=/proc/{}/ns/mnt", self.agent.pid());
        let mut remount = Command::new("nsenter");
        remount.args([&namespace, "mount", "-o", options]).arg(&self.spool);
        assert!(remount.status().expect("nsenter is installed").success());
    }

    /// A run whose second cell drives.
    fn amid_the_second_cell(&self) -> Going {
        let path = self.sandbox.plan(&self.plan).display().to_string();
        let mut going = Going::start(self.sandbox.controller(&["run", &path, "--json"]));
        going.until("the second cell drives", |event| {
            event["phase"] == "driving" && event["total"] == 6000 && event["done"].as_u64() > Some(0)
        });
        going
    }

    /// The second cell fails for that reason and the first is whole; once that is mended the run is finished.
    fn fails_and_is_resumed(&self, going: Going, why: &str, mend: impl FnOnce()) {
        let outcome = going.end();
        assert_eq!(outcome.code, Some(4), "{outcome:?}");
        assert!(outcome.stderr.contains("keep samples: ") && outcome.stderr.contains(why), "{outcome:?}");
        let cells = self.sandbox.json("run.json")["cells"].clone();
        assert_eq!((&cells[0]["status"], &cells[0]["stored"]), (&"complete".into(), &20.into()), "{cells}");
        assert_eq!(cells[1]["status"], "failed", "{cells}");
        assert!(self.sandbox.latest().join(cells[0]["samples"].as_str().expect("a path")).is_file());
        mend();
        let folder = self.sandbox.latest().display().to_string();
        let outcome = self.sandbox.call(&["run", "--resume", &folder]);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        let cells = self.sandbox.json("run.json")["cells"].clone();
        assert!(cells.as_array().expect("cells").iter().all(|cell| cell["status"] == "complete"), "{cells}");
        assert_eq!(self.sandbox.json("results.json")["complete"], true);
    }
}

#[test]
fn r15_an_agents_disk_that_others_fill_amid_a_cell_fails_that_cell_and_the_run_is_finished_when_there_is_room() {
    let Some(small) = Small::start() else { return };
    let going = small.amid_the_second_cell();
    let filler = small.within().join("filler");
    // As much as there is room for.
    fs::write(&filler, vec![0; 2 << 20]).expect_err("it is full");
    small.fails_and_is_resumed(going, "No space left on device", || fs::remove_file(&filler).expect("it is ours"));
}

#[test]
fn r15_an_agents_disk_that_may_not_be_written_any_more_fails_its_cell_and_the_run_is_finished_when_it_may() {
    let Some(small) = Small::start() else { return };
    let going = small.amid_the_second_cell();
    small.mount("remount,ro");
    small.fails_and_is_resumed(going, "Read-only file system", || small.mount("remount,rw"));
}

/// The controller's own files may not grow beyond what its user is allowed: enough for run.json, and not for the second cell.
#[test]
fn r15_a_controller_whose_file_may_not_grow_ends_with_the_reason_and_keeps_the_cells_before() {
    let sandbox = Sandbox::new();
    let agent = Installed::start(&sandbox, "hurin", "127.0.0.2");
    let enrolled = sandbox.call(&["enrol", &agent.address, "--code", &agent.code("hurin")]);
    assert_eq!(enrolled.code, Some(0), "{enrolled:?}");
    let both = plan(&["rpyc-threaded"], &format!("{CLOSED}{}", LARGE.replace("6000", "20000")));
    let both = both.replace("local = true", &format!("agent = \"{}\"", agent.address));
    let both = sandbox.beginning_with(&both, "latency");
    let path = sandbox.plan(&both).display().to_string();
    let own = sandbox.controller(&[]);
    let mut limited = Command::new("prlimit");
    limited.args(["--fsize=24000", "--"]).arg(own.get_program()).args(["run", &path]).current_dir(sandbox.path());
    let outcome: Outcome = limited.env("RPYCBENCH_HOME", sandbox.home()).output().expect("prlimit is installed").into();
    assert_eq!(outcome.code, Some(4), "{outcome:?}");
    assert!(outcome.stderr.contains("File too large"), "{outcome:?}");
    let cells = sandbox.json("run.json")["cells"].clone();
    assert_eq!((&cells[0]["status"], &cells[0]["stored"]), (&"complete".into(), &20.into()), "{cells}");
    let folder = sandbox.latest().display().to_string();
    let outcome = sandbox.call(&["run", "--resume", &folder]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert_eq!(sandbox.json("results.json")["complete"], true);
}
