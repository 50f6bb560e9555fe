//! What a server under test is kept from: a hostile one tries, under the agent's own keeper.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::unistd::geteuid;
use rpycbench_tests::hostile::{FILE_BYTES, Hostile, OPEN_FILES, PROCESSES, Possible, Who, python};
use rpycbench_tests::installed::Installed;
use rpycbench_tests::sandbox::plan;
use rpycbench_tests::{Outcome, Sandbox};
use tempfile::TempDir;

const SCRIPT: &str = include_str!("confinement/hostile.py");
const ONE: &str = "[[workloads]]\nname = \"one\"\nkind = \"connect\"\ncount = 1\n";

/// An agent to attack: a process of its user with a secret, and somebody who listens.
struct Victim {
    who: Who,
    folder: TempDir,
    process: Child,
    listener: TcpListener,
}

impl Victim {
    fn of(who: Who) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("it is ours");
        let state = folder.path().join("state");
        fs::create_dir(&state).expect("a state folder");
        fs::write(state.join("identity.json"), "a key").expect("a secret");
        fs::set_permissions(state.join("identity.json"), Permissions::from_mode(0o600)).expect("it is ours");
        fs::create_dir(folder.path().join("home")).expect("a home");
        if who != Who::Own {
            for path in ["state/identity.json", "state", "home"] {
                let owner = Some(Who::PLAIN);
                chown(folder.path().join(path), owner, owner).expect("root gives away");
            }
        }
        // It lives until its stdin ends.
        let process = who.command(Path::new("/bin/cat")).stdin(Stdio::piped()).spawn().expect("cat starts");
        Self { who, folder, process, listener: TcpListener::bind("127.0.0.1:0").expect("a port") }
    }

    fn attack(&self, possible: &Possible) -> Hostile {
        let port = self.listener.local_addr().expect("an address").port();
        let [secret, home] = ["state/identity.json", "home"].map(|path| self.folder.path().join(path));
        let [secret, home] = [secret, home].map(|path| path.display().to_string());
        let args = [secret, home, self.process.id().to_string(), port.to_string()];
        Hostile::run(self.who, possible, SCRIPT, &args)
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// It lives, and nothing was written.
    fn is_unharmed(&mut self) {
        assert_eq!(self.process.try_wait().expect("a child"), None, "the agent was killed");
        assert_eq!(fs::read_dir(self.folder.path().join("home")).expect("a folder").count(), 0);
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        drop(self.process.wait());
    }
}

fn denied(hostile: &Hostile, attempts: &[&str]) {
    for attempt in attempts {
        let outcome = hostile.outcome(attempt);
        assert!(matches!(outcome, "EACCES" | "EPERM" | "ENOSYS" | "ESRCH"), "{attempt}: {outcome}");
    }
}

/// Attempts that only the named measure stands against; false, said on stdout, where this host cannot do it.
fn in_force(possible: &Possible, name: &str) -> bool {
    let (in_force, why) = possible.of(name);
    if !in_force {
        println!("not tried, as this host has no measure \"{name}\": {why}");
    }
    in_force
}

/// Everything that is stopped by a measure in force.
fn attempts_are_stopped(hostile: &Hostile, possible: &Possible) {
    assert_eq!(hostile.outcome("environment"), "LANG,PATH");
    denied(hostile, &["become root"]);
    // It cannot read that itself.
    let daemon = hostile.outcome("daemon");
    let privileges = fs::read_to_string(format!("/proc/{daemon}/status")).expect("the daemon lives");
    assert!(privileges.contains("NoNewPrivs:\t1"), "{privileges}");
    // A plain user cannot close its bounds, and no new privileges makes them meaningless.
    let bounds = (!possible.of("user").1.contains("not root")).then_some("CapBnd");
    for set in ["CapPrm", "CapEff", "CapAmb"].into_iter().chain(bounds) {
        assert!(privileges.contains(&format!("{set}:\t0000000000000000")), "{privileges}");
    }
    if let Some(uid) = possible.uid() {
        assert!(hostile.outcome("identity").starts_with(&format!("{uid}:")), "{}", hostile.outcome("identity"));
    }
    assert_eq!(hostile.outcome("big file"), "EFBIG", "more than {FILE_BYTES} bytes");
    let opened: u64 = hostile.outcome("many files").parse().expect("a number");
    assert!(opened < OPEN_FILES, "{opened}");
    if in_force(possible, "files") {
        denied(
            hostile,
            &["read shadow", "read secret", "list secrets", "read agent's memory", "read agent's variables"],
        );
        denied(hostile, &["write folder", "write tmp", "write workers", "make folder"]);
    }
    assert_eq!(hostile.outcome("bind any"), "done", "a server must be able to take a port that the kernel chooses");
    if in_force(possible, "ports") {
        denied(hostile, &["bind another", "connect"]);
    }
    if in_force(possible, "signals") {
        denied(hostile, &["kill agent", "kill keeper"]);
    }
    if cfg!(target_arch = "x86_64") && in_force(possible, "system calls") {
        denied(hostile, &["trace agent", "read across", "mount", "unshare", "namespace", "namespace by clone3"]);
        denied(hostile, &["bpf", "io_uring", "perf", "keys", "other numbers"]);
    }
    if in_force(possible, "memory") {
        assert_ne!(hostile.outcome("memory"), "done", "a GiB where 192 MiB are allowed");
    }
    if in_force(possible, "processes") {
        let forks: u64 = hostile.outcome("fork bomb").parse().expect("a number");
        assert!(forks < PROCESSES, "{forks}");
    }
}

/// The groups of whoever is kept now or was.
fn groups() -> Vec<PathBuf> {
    fn below(folder: &Path, depth: u32) -> Vec<PathBuf> {
        let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
        let folders = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        folders
            .flat_map(|entry| {
                let name = entry.file_name().to_string_lossy().into_owned();
                let own = name.starts_with("rpycbench-").then(|| entry.path());
                own.into_iter().chain(if depth > 0 { below(&entry.path(), depth - 1) } else { Vec::new() })
            })
            .collect()
    }
    below(Path::new("/sys/fs/cgroup"), 6)
}

fn groups_of(keeper: i32) -> Vec<PathBuf> {
    let name = format!("rpycbench-{keeper}-");
    let named = |path: &PathBuf| path.file_name().is_some_and(|it| it.to_string_lossy().starts_with(&name));
    groups().into_iter().filter(named).collect()
}

#[test]
fn s10_a_hostile_server_is_denied_or_contained_and_leaves_nobody() {
    let mut victim = Victim::of(Who::Own);
    let possible = Possible::ask(Who::Own, &victim.state());
    let hostile = victim.attack(&possible);
    attempts_are_stopped(&hostile, &possible);
    victim.is_unharmed();

    let daemon: i32 = hostile.outcome("daemon").parse().expect("a number");
    let living = hostile.living();
    assert!(living.iter().any(|it| it.pid == daemon), "the daemon was to be alive: {living:?}");
    let keeper = living.iter().find(|it| it.command.contains("__keep")).expect("a keeper").pid;
    if in_force(&possible, "memory") {
        assert!(!groups_of(keeper).is_empty(), "it was to be in a control group");
    }
    assert_eq!(hostile.stop(), []);
    assert!(groups_of(keeper).is_empty(), "its control groups are removed: {:?}", groups_of(keeper));
    victim.is_unharmed();
}

/// A test of what an agent does as a plain user needs a root to make one.
pub(crate) fn root_can_be_somebody_else() -> bool {
    let program = rpycbench_tests::sandbox::binaries().join("rpycbench-agent");
    let reached = geteuid().is_root()
        && Who::Plain.command(&program).arg("--version").stdout(Stdio::null()).status().is_ok_and(|it| it.success());
    if !reached {
        println!("skipped: this needs root, and programs in reach of other users");
    }
    reached
}

#[test]
fn r24_an_agent_without_any_privilege_confines_what_it_can_and_leaves_nobody() {
    if !root_can_be_somebody_else() {
        return;
    }
    for who in [Who::Plain, Who::PlainWithoutLandlock] {
        let mut victim = Victim::of(who);
        let possible = Possible::ask(who, &victim.state());
        assert!(!possible.of("memory").0 && possible.of("no new privileges").0);
        assert_eq!(possible.of("user"), (true, "the agent's own, uid 65534 gid 65534, which is not root".to_owned()));
        if who == Who::PlainWithoutLandlock {
            assert!(!possible.of("files").0 && !possible.of("signals").0);
            let hostile = Hostile::run(who, &possible, DAEMON, &[]);
            assert_eq!(hostile.living().len(), 3, "{:?}", hostile.living());
            assert_eq!(hostile.stop(), []);
        } else {
            let hostile = victim.attack(&possible);
            attempts_are_stopped(&hostile, &possible);
            victim.is_unharmed();
            assert_eq!(hostile.stop(), []);
        }
    }
}

/// Without Landlock a server of the agent's own user could kill the agent: here it only tries to be left behind.
const DAEMON: &str = r#"
import os, signal
reader, writer = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.write(writer, b"x")
        while True:
            signal.pause()
    os._exit(0)
os.wait()
os.read(reader, 1)
os.write(1, b'{"attempt": "end"}\n')
signal.pause()
"#;
const SAYS_END: &str = "os.write(1, b'{\"attempt\": \"end\"}\\n')\nsignal.pause()";

/// A sandbox that belongs to a plain user.
pub(crate) fn plain_sandbox() -> Sandbox {
    let sandbox = Sandbox::without_environments();
    chown(sandbox.path(), Some(Who::PLAIN), Some(Who::PLAIN)).expect("root gives away");
    fs::set_permissions(sandbox.path(), Permissions::from_mode(0o755)).expect("it is ours");
    sandbox
}

fn as_plain_user(who: Who, sandbox: &Sandbox, plan: &str) -> Outcome {
    let path = sandbox.plan(plan).display().to_string();
    let template = sandbox.controller(&["run", &path, "--quiet"]);
    let mut command: Command = who.command(Path::new(template.get_program()));
    command.args(template.get_args()).current_dir(sandbox.path()).stdin(Stdio::null());
    for (name, value) in template.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command.env("HOME", sandbox.path()).output().expect("the controller starts").into()
}

#[test]
fn r24_a_plain_user_without_landlock_or_control_groups_measures_and_is_told_the_level() {
    if !root_can_be_somebody_else() {
        return;
    }
    let venv = Command::new(python()).args(["-c", "import venv, ensurepip"]).status();
    if !venv.is_ok_and(|status| status.success()) {
        println!("skipped: {} has no venv module", python().display());
        return;
    }
    let sandbox = plain_sandbox();
    let who = Who::PlainWithoutLandlock;
    let outcome = as_plain_user(who, &sandbox, &plan(&["rpyc-forking"], ONE));
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let host = &sandbox.json("run.json")["hosts"]["here"];
    assert_eq!(host["confinement"], "rlimits", "{host}");
    let report = fs::read_to_string(sandbox.latest().join("report.md")).expect("a report");
    assert!(report.contains("| Confinement | rlimits, not memory: "), "{report}");

    let demanding = plan(&["rpyc-forking"], ONE).replace("blocks = 1", "blocks = 1\nconfinement = \"full\"");
    let outcome = as_plain_user(who, &sandbox, &demanding);
    assert_eq!(outcome.code, Some(5), "{outcome:?}");
    let line = outcome.stderr.lines().last().unwrap_or_default();
    assert!(line.contains("host here: its confinement is \"rlimits\" and the plan asks for \"full\""), "{line}");
    assert!(line.contains("memory (no control group can be made"), "{line}");
}

/// In the place of the worker that serves: it tries to end the keeper and the agent.
const KILLER: &str = r#"
import os, signal
for pid in (os.getppid(), AGENT):
    try:
        os.kill(pid, signal.SIGKILL)
    except PermissionError:
        pass
"#;

#[test]
fn s10_after_a_hostile_server_the_next_run_of_the_same_agent_is_normal() {
    let sandbox = Sandbox::new();
    let agent = Installed::start(&sandbox, "hurin", "127.0.0.2");
    let enrolled = sandbox.call(&["enrol", &agent.address, "--code", &agent.code("hurin")]);
    assert_eq!(enrolled.code, Some(0), "{enrolled:?}");
    let plan = plan(&["rpyc-threaded"], ONE).replace("local = true", &format!("agent = \"{}\"", agent.address));
    // It lays out the workers.
    let outcome = sandbox.run(&plan, &["--quiet"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");

    let workers = agent.state().join("workers");
    let laid_out = fs::read_dir(&workers).expect("workers").flatten().find(|entry| entry.path().is_dir());
    let worker = laid_out.expect("a folder of workers").path().join("rpycbench_workers/serve.py");
    let original = fs::read(&worker).expect("a worker");
    let mut hostile = DAEMON.replace(SAYS_END, "");
    if in_force(&Possible::ask(Who::Own, agent.state()), "signals") {
        hostile.insert_str(0, &KILLER.replace("AGENT", &agent.pid().to_string()));
    }
    fs::write(&worker, format!("{hostile}\nraise SystemExit('hostile')\n")).expect("it is the test's own");
    let outcome = sandbox.run(&plan, &["--quiet"]);
    assert_eq!(outcome.code, Some(4), "{outcome:?}");
    let cell = &sandbox.json("run.json")["cells"][0];
    assert!(cell["reason"].as_str().is_some_and(|reason| reason.contains("hostile")), "{cell}");
    let left: Vec<_> = sandbox.processes().into_iter().filter(|it| it.pid.cast_unsigned() != agent.pid()).collect();
    assert_eq!(left, [], "only the agent is left");

    fs::write(&worker, original).expect("it is the test's own");
    let outcome = sandbox.run(&plan, &["--quiet"]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
}

#[test]
fn an_agent_that_was_told_so_confines_nothing_and_says_so() {
    let sandbox = Sandbox::new();
    let agent = Installed::start_with(&sandbox, "hurin", "127.0.0.2", &["--confinement", "off"]);
    let enrolled = sandbox.call(&["enrol", &agent.address, "--code", &agent.code("hurin")]);
    assert_eq!(enrolled.code, Some(0), "{enrolled:?}");
    let described = sandbox.call(&["agents", "describe", "hurin"]).stdout;
    assert!(described.contains("none; not all: the agent was started with --confinement off"), "{described}");
    let demanding = plan(&["rpyc-threaded"], ONE)
        .replace("local = true", &format!("agent = \"{}\"", agent.address))
        .replace("blocks = 1", "blocks = 1\nconfinement = \"rlimits\"");
    let outcome = sandbox.run(&demanding, &["--quiet"]);
    assert_eq!(outcome.code, Some(5), "{outcome:?}");
}
