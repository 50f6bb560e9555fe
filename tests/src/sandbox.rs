//! A home, an output folder and a plan of a test's own, with the real binaries.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::processes::{self, Living};

/// A folder that is gone after the test.
pub struct Sandbox {
    folder: TempDir,
}

/// How a command ended.
#[derive(Debug)]
pub struct Outcome {
    /// Its exit code.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}

/// The folder the binaries under test are in: that of the test itself, one up.
pub fn binaries() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let folder = test.parent().expect("a test lies in a folder");
    if folder.ends_with("deps") { folder.with_file_name("") } else { folder.to_owned() }
}

impl Sandbox {
    /// A sandbox whose home shares the Python environments of all tests: making one takes ten seconds.
    ///
    /// # Panics
    /// When the folder cannot be made.
    pub fn new() -> Self {
        let sandbox = Self::without_environments();
        let shared = binaries().join("test-agent-state");
        fs::create_dir_all(&shared).expect("the shared state can be made");
        fs::create_dir(sandbox.home()).expect("a home can be made");
        std::os::unix::fs::symlink(shared, sandbox.home().join("agent")).expect("the shared state can be linked");
        sandbox
    }

    /// A sandbox with an empty home.
    ///
    /// # Panics
    /// When the folder cannot be made.
    pub fn without_environments() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    /// The sandbox's folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The controller's home.
    pub fn home(&self) -> PathBuf {
        self.path().join("home")
    }

    /// Makes the controller know an agent as if it had enrolled it.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn know(&self, name: &str, address: &str) {
        let folder = self.home().join("agents");
        fs::create_dir_all(&folder).expect("a folder");
        let long_ago = "2026-01-01T00:00:00Z";
        let known = serde_json::json!({ "name": name, "address": address, "enrolled": long_ago, "expires": long_ago });
        fs::write(folder.join(format!("{name}.json")), known.to_string()).expect("a record");
    }

    /// What the controller knows of an agent.
    ///
    /// # Panics
    /// When it knows none of that name.
    pub fn known(&self, name: &str) -> Value {
        let text = fs::read(self.home().join("agents").join(format!("{name}.json"))).expect("a record");
        serde_json::from_slice(&text).expect("JSON")
    }

    /// Writes a plan and returns its path.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn plan(&self, text: &str) -> PathBuf {
        let path = self.path().join("plan.toml");
        fs::write(&path, text).expect("the plan can be written");
        path
    }

    /// `rpycbench-controller` with these arguments, in this sandbox.
    pub fn controller(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binaries().join("rpycbench-controller"));
        command.args(args).current_dir(self.path()).env("RPYCBENCH_HOME", self.home()).stdin(Stdio::null());
        command
    }

    /// Runs `rpycbench-controller` to its end.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn call(&self, args: &[&str]) -> Outcome {
        self.controller(args)
            .output()
            .expect("the controller starts: `cargo build --workspace --bins` comes first")
            .into()
    }

    /// Runs a plan to its end.
    pub fn run(&self, plan: &str, args: &[&str]) -> Outcome {
        let plan = self.plan(plan).display().to_string();
        self.call(&[&["run", &plan], args].concat())
    }

    /// The plan with the first seed that lets a cell begin whose name has `first` in it.
    ///
    /// # Panics
    /// When none of a hundred seeds does.
    pub fn beginning_with(&self, plan: &str, first: &str) -> String {
        let seeded = |seed: u32| plan.replace("[study]\n", &format!("[study]\nseed = {seed}\n"));
        let begins = |plan: &String| {
            let path = self.plan(plan).display().to_string();
            let check = self.call(&["check", &path]).stdout;
            check.lines().find(|line| line.contains("cell ")).is_some_and(|line| line.contains(first))
        };
        (1..100).map(seeded).find(begins).expect("one of two cells is the first with half of the seeds")
    }

    /// Makes the Python environment that these servers need, with a run on this machine: a host of a virtual LAN reaches no
    /// package index, and its agent then finds the environment made.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn prepare(&self, servers: &[&str]) {
        let outcome = self.run(&plan(servers, "[[workloads]]\nname = \"one\"\nkind = \"connect\"\ncount = 1\n"), &[]);
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
    }

    /// The newest run folder.
    pub fn latest(&self) -> PathBuf {
        self.path().join("results/latest")
    }

    /// A JSON file of the newest run.
    ///
    /// # Panics
    /// When it is not there or not JSON.
    pub fn json(&self, name: &str) -> Value {
        let path = self.latest().join(name);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Processes of this sandbox that still live.
    pub fn processes(&self) -> Vec<Living> {
        processes::mentioning(self.path())
    }
}

impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

/// A plan whose servers stamp.
pub fn stamped(plan: &str) -> String {
    plan.replacen("[study]\n", "[study]\nstamps = \"on\"\n", 1)
}

/// A plan on this host with one block of these servers and workloads.
pub fn plan(servers: &[&str], workloads: &str) -> String {
    let mut plan = String::from(
        "[study]\nname = \"test\"\nblocks = 1\n[hosts.here]\nlocal = true\n[[topologies]]\nname = \"localhost\"\nclient = \"here\"\nserver = \"here\"\n",
    );
    for server in servers {
        let (kind, mode) = server.split_once('-').unwrap_or((server, "threaded"));
        plan += &format!("[[servers]]\nname = {server:?}\nkind = {kind:?}\nmode = {mode:?}\n");
    }
    plan + workloads
}
