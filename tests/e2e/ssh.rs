//! Enrolling over ssh: the system's sshd and ssh are real, only their settings are the test's.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rpycbench_tests::installed::Installed;
use rpycbench_tests::ssh::{self, Sshd};
use rpycbench_tests::{Outcome, Sandbox};

/// The agent's host: an agent on one address, an sshd on another, as with a host that has one network to be measured and one
/// to be managed over.
struct Host {
    sandbox: Sandbox,
    agent: Installed,
    sshd: Sshd,
}

impl Host {
    /// `None`, said on stdout, where there is no ssh to be had.
    fn start() -> Option<Self> {
        if let Err(reason) = ssh::is_possible() {
            println!("skipped: {reason}");
            return None;
        }
        let sandbox = Sandbox::new();
        let agent = Installed::start(&sandbox, "hurin", "127.0.0.4");
        let sshd = Sshd::start(&sandbox, "127.0.0.5", agent.state());
        Some(Self { sandbox, agent, sshd })
    }

    fn enrol(&self) -> Outcome {
        let target = self.sshd.target();
        let mut command = self.sandbox.controller(&["enrol", &self.agent.address, "--ssh", &target]);
        command.env("PATH", self.sshd.path()).output().expect("the controller starts").into()
    }
}

/// Every command line of this machine that could be seen until `done`.
fn command_lines(done: &AtomicBool) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    while !done.load(Ordering::Relaxed) {
        let all = procfs::process::all_processes().expect("processes");
        seen.extend(all.filter_map(|process| process.ok()?.cmdline().ok()).map(|words| words.join(" ")));
    }
    seen
}

#[test]
fn over_ssh_a_host_whose_key_is_known_is_enrolled_and_nobody_sees_the_secret() {
    let Some(host) = Host::start() else { return };
    host.sshd.make_known();
    let done = AtomicBool::new(false);
    let (outcome, took, seen) = std::thread::scope(|scope| {
        let looking = scope.spawn(|| command_lines(&done));
        let since = Instant::now();
        let outcome = host.enrol();
        let took = since.elapsed();
        done.store(true, Ordering::Relaxed);
        (outcome, took, looking.join().expect("it looked"))
    });
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    let described = host.sandbox.call(&["agents", "describe", &only_agent(&host.sandbox)]);
    assert_eq!(described.code, Some(0), "{described:?}");

    let printed = host.sshd.printed();
    let secret = printed.trim().split('.').nth(2).expect("a code was printed").to_owned();
    assert!(secret.len() > 20, "{printed:?}");
    assert!(seen.iter().any(|line| line.contains("rpycbench-agent enrol-code")), "it did not look: {seen:?}");
    let telling: Vec<&String> = seen.iter().filter(|line| line.contains(&secret)).collect();
    assert!(telling.is_empty(), "{telling:?}");
}

#[test]
fn over_ssh_a_host_whose_key_is_not_known_is_refused_and_stays_unknown() {
    let Some(host) = Host::start() else { return };
    let outcome = host.enrol();
    assert_eq!(outcome.code, Some(5), "{outcome:?}");
    let said = &outcome.stderr;
    assert!(said.contains("Host key verification failed") && said.lines().count() == 1, "{outcome:?}");
    assert_eq!(host.sshd.known_hosts(), "");
    assert_eq!(host.sshd.printed(), "", "no code was asked for");
    assert_eq!(host.sandbox.call(&["agents"]).stdout, "");
}

/// Somebody else has taken the host's address.
#[test]
fn over_ssh_a_host_whose_key_has_changed_is_refused() {
    let Some(host) = Host::start() else { return };
    host.sshd.make_known();
    let before = host.sshd.known_hosts();
    let other = host.sandbox.path().join("sshd/user_key.pub");
    let other = std::fs::read_to_string(other).expect("a key");
    let (place, _) = before.split_once(' ').expect("a known host");
    let changed = format!("{place} {other}");
    std::fs::write(host.sandbox.path().join("sshd/known_hosts"), &changed).expect("known hosts");
    let outcome = host.enrol();
    assert_eq!(outcome.code, Some(5), "{outcome:?}");
    assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
    assert_eq!(host.sshd.known_hosts(), changed);
    assert_eq!(host.sshd.printed(), "", "no code was asked for");
}

fn only_agent(sandbox: &Sandbox) -> String {
    let listed = sandbox.call(&["agents", "--json"]).stdout;
    let agent: serde_json::Value = serde_json::from_str(listed.trim()).expect("one agent");
    agent["name"].as_str().expect("a name").to_owned()
}
