//! A server under test without the agent, for scripts to be timed at.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::Sandbox;

/// A serving worker of this project, started by hand; it ends when this is dropped.
pub struct Served {
    child: Child,
    python: PathBuf,
    port: u64,
}

impl Served {
    /// Starts a server of that name (`rpyc-threaded`, …) on these CPUs, with the environment a run has made.
    ///
    /// # Panics
    /// When it does not listen.
    pub fn start(sandbox: &Sandbox, server: &str, cpus: &[u64]) -> Self {
        let state = sandbox.path().join("home/agent");
        let (stack, mode) = server.split_once('-').expect("kind and mode");
        // Other environments may be there, with other libraries: what is in one says its mark.
        let holds = |folder: &Path| {
            let facts = std::fs::read_to_string(folder.join("complete.json")).unwrap_or_default();
            facts.contains(&format!("\"{stack}\"")).then(|| folder.join("complete.json"))
        };
        let mark = |folder: &Path| holds(folder).unwrap_or_else(|| folder.join("not-of-this-server"));
        let python = newest(&state.join("environments"), mark).join("bin/python");
        let workers = newest(&state.join("workers"), |folder| folder.join("rpycbench_workers"));
        let mut child = on(cpus, &python)
            .args(["-s", "-m", "rpycbench_workers.serve"])
            .current_dir(workers)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let order = json!({ "stack": stack, "mode": mode, "address": "127.0.0.1", "port": 0 });
        writeln!(child.stdin.as_mut().expect("a pipe"), "{order}").expect("the server reads its order");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("a pipe")).read_line(&mut line).expect("the server answers");
        let event: Value = serde_json::from_str(&line).expect("the server answers in JSON");
        let port = event["port"].as_u64().unwrap_or_else(|| panic!("the server says {event}"));
        Self { child, python, port }
    }

    /// Runs a script on these CPUs that prints how long each of its calls took, in ns.
    ///
    /// # Panics
    /// When the script fails.
    pub fn time(&self, script: &Path, cpus: &[u64], warmup: u32, requests: u32) -> Vec<f64> {
        let port = self.port.to_string();
        let output = on(cpus, &self.python)
            .arg(script)
            .args(["127.0.0.1", &port, &warmup.to_string(), &requests.to_string()])
            .output()
            .expect("the script starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).split_whitespace().filter_map(|taken| taken.parse().ok()).collect()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // A server of these kinds has no connection by now, and no child.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// `python` on these CPUs (anywhere where there are none), with the few variables the agent gives its workers: requests
/// looks through all of them for proxies in every call, so that a shell with many makes it slower.
fn on(cpus: &[u64], python: &Path) -> Command {
    let mut command = if cpus.is_empty() {
        Command::new(python)
    } else {
        let list: Vec<String> = cpus.iter().map(u64::to_string).collect();
        let mut command = Command::new("taskset");
        command.args(["--cpu-list", &list.join(",")]).arg(python);
        command
    };
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LANG", "C.UTF-8");
    command
}

fn newest(folder: &Path, mark: impl Fn(&Path) -> PathBuf) -> PathBuf {
    std::fs::read_dir(folder)
        .expect("a run has been here")
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|folder| mark(folder).exists())
        .max_by_key(|folder| mark(folder).metadata().and_then(|data| data.modified()).ok())
        .expect("a run has been here")
}
