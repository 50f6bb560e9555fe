//! Processes that are killed at random moments, by the ids of the reliability scenarios.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rpycbench_process::precise::Signal;
use rpycbench_tests::kills::{Chance, Host, Part, alive, kill, rounds, until_clean};
use rpycbench_tests::patience::eventually;

/// Longer than any test looks at it.
const ENDLESS: &str = "[[workloads]]\nname = \"endless\"\nkind = \"closed\"\nclients = 3\nrequests = 2000000\n";
const ONE: &str = "[[workloads]]\nname = \"one\"\nkind = \"connect\"\ncount = 1\n";
/// A run connects, starts both roles and drives within it: the moments cover all of that.
const MOMENTS: Duration = Duration::from_millis(2500);
/// What an agent has started is to be gone in one second where keepers live, and two after a restart where none does; a busy
/// machine may need longer.
const CLEAN_LIMIT: Duration = Duration::from_secs(5);
const STARTED: [Part; 4] = [Part::Keepers, Part::Server, Part::Driver, Part::Daemon];

/// In the place of the worker that serves: once the load has connected, it leaves somebody behind who has cut every tie. The
/// connection before that is the agent's, which looks whether the server is ready.
const DAEMON: &str = r#"
import os, signal

forks = 0

def before():
    global forks
    forks += 1

def in_child():
    if forks != 2:
        return
    usual = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    closed = [(os.POSIX_SPAWN_CLOSE, file) for file in (0, 1, 2)]
    command = [sys.executable, "-c", "import signal; signal.pause()", "daemon"]
    os.posix_spawn(sys.executable, command, os.environ, setsid=True, file_actions=closed)
    signal.signal(signal.SIGTERM, usual)

if __name__ == "__main__":
    os.register_at_fork(before=before, after_in_child=in_child)
"#;
const MAIN: &str = "if __name__ == \"__main__\":\n";

/// Random moments; how to have them again is said.
fn chance(what: &str) -> Chance {
    let (chance, again) = Chance::new(what);
    println!("{again}");
    chance
}

/// One at a time: times are recorded.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn worker(host: &Host) -> PathBuf {
    let mut folders = fs::read_dir(host.agent.state().join("workers")).expect("workers").flatten();
    let folder = folders.find(|entry| entry.path().is_dir()).expect("a folder of workers");
    folder.path().join("rpycbench_workers/serve.py")
}

/// An agent whose servers leave daemons, and the worker as it was.
fn with_daemons(args: &[&str]) -> (Host, String) {
    let host = Host::start(args, "rpyc-forking", ENDLESS);
    let original = fs::read_to_string(worker(&host)).expect("a worker");
    assert_eq!(original.matches(MAIN).count(), 1, "{original}");
    fs::write(worker(&host), original.replace(MAIN, DAEMON)).expect("it is the test's own");
    (host, original)
}

/// Waits until all connections are there, and the daemon of the first.
fn drives(host: &Host) {
    eventually("the load runs", || {
        match [Part::Server, Part::Daemon].map(|part| alive(&host.sandbox, &[part]).len()) {
            [4, 1] => Ok(()),
            fewer => Err(fewer),
        }
    });
}

fn end(mut controller: Child) {
    drop(controller.kill());
    controller.wait().expect("it ends");
}

/// The same agent measures as ever.
fn is_normal(host: &Host, original: &str) {
    fs::write(worker(host), original).expect("it is the test's own");
    host.until_free();
    host.runs(ONE, ENDLESS);
}

#[test]
fn r4_an_agent_killed_at_any_moment_leaves_nobody_although_it_is_not_started_again() {
    let _alone = alone();
    let mut chance = chance("r4, agent");
    let (mut host, original) = with_daemons(&[]);
    for round in 1..=rounds() {
        let controller = host.begin();
        let moment = chance.moment(MOMENTS);
        kill(&host.sandbox, &[Part::Agent]);
        let clean = until_clean(&host.sandbox, &STARTED, CLEAN_LIMIT);
        println!("r4, agent, round {round}: killed after {moment:.1?}, clean after {clean:.1?}");
        assert!(clean.is_ok(), "round {round}: {clean:?}");
        end(controller);
        host.agent.start_again();
    }
    is_normal(&host, &original);
}

#[test]
fn r4_a_keeper_killed_at_any_moment_leaves_nobody_while_its_agent_lives() {
    let _alone = alone();
    let mut chance = chance("r4, keepers");
    for args in [&[][..], &["--confinement", "off"]] {
        let (host, original) = with_daemons(args);
        for round in 1..=rounds() {
            let mut controller = host.begin();
            let moment = chance.moment(MOMENTS);
            let met = kill(&host.sandbox, &[Part::Keepers]).len();
            let ended = (met > 0).then(|| until_clean(&host.sandbox, &STARTED, CLEAN_LIMIT));
            println!("r4, keepers, {args:?}, round {round}: {met} killed after {moment:.1?}, clean after {ended:.1?}");
            assert!(!matches!(ended, Some(Err(_))), "round {round}: {ended:?}");
            drop(controller.kill());
            controller.wait().expect("it ends");
            // A run that had not begun when the keepers were looked for ends with its lease.
            host.until_free();
            assert_eq!(alive(&host.sandbox, &STARTED), [], "round {round}");
        }
        is_normal(&host, &original);
    }
}

/// Kills agent, keepers and server in any order at any moment, and starts the agent again.
fn all_at_once(id: &str, args: &[&str]) {
    let _alone = alone();
    let mut chance = chance(id);
    let (mut host, original) = with_daemons(args);
    let mut left_behind = 0;
    for round in 1..=rounds() {
        let controller = host.begin();
        let moment = chance.moment(MOMENTS);
        let order = chance.shuffled(vec![Part::Agent, Part::Keepers, Part::Server]);
        kill(&host.sandbox, &order);
        left_behind += alive(&host.sandbox, &[Part::Daemon]).len();
        let since = Instant::now();
        host.agent.start_again();
        let clean = until_clean(&host.sandbox, &STARTED, CLEAN_LIMIT).map(|_| since.elapsed());
        println!("{id}, round {round}: {order:?} killed after {moment:.1?}, clean {clean:.1?} after the restart began");
        assert!(clean.is_ok(), "round {round}: {clean:?}");
        end(controller);
    }
    println!("{id}: {left_behind} daemons were left behind before the restarts");
    is_normal(&host, &original);
}

#[test]
fn r6_agent_keepers_and_server_killed_in_any_order_leave_nobody_after_a_restart() {
    all_at_once("r6", &[]);
}

#[test]
fn r6_agent_keepers_and_server_killed_in_any_order_leave_nobody_after_a_restart_without_control_groups() {
    all_at_once("r6, no groups", &["--confinement", "off"]);
}

#[test]
fn r6_a_daemon_that_has_cut_every_tie_is_gone_after_a_restart() {
    let _alone = alone();
    for args in [&[][..], &["--confinement", "off"]] {
        let (mut host, original) = with_daemons(args);
        let controller = host.begin();
        drives(&host);
        // Stopped before, or a keeper would do its work in the moment after its agent's end.
        for process in alive(&host.sandbox, &[Part::Agent, Part::Keepers]) {
            process.signal(Signal::STOP);
        }
        kill(&host.sandbox, &[Part::Agent, Part::Keepers]);
        let left = eventually("only the daemon is left", || match alive(&host.sandbox, &STARTED) {
            left if left.len() == 1 && left == alive(&host.sandbox, &[Part::Daemon]) => Ok(left),
            left => Err(left),
        });
        host.agent.start_again();
        let clean = until_clean(&host.sandbox, &STARTED, CLEAN_LIMIT);
        assert!(clean.is_ok(), "{args:?}: {clean:?}, and before the restart {left:?}");
        end(controller);
        is_normal(&host, &original);
    }
}

#[test]
fn r7_a_server_ended_by_any_signal_at_any_moment_fails_its_cell_and_leaves_nobody() {
    let _alone = alone();
    let mut chance = chance("r7");
    let (host, original) = with_daemons(&[]);
    for round in 1..=rounds() {
        let mut controller = host.begin();
        eventually("the server is there", || match alive(&host.sandbox, &[Part::Server]).len() {
            0 => Err(controller.try_wait()),
            _ => Ok(()),
        });
        let moment = chance.moment(MOMENTS);
        let signal = chance.shuffled(vec![Signal::SEGV, Signal::ABORT, Signal::KILL, Signal::TERM])[0];
        let met = alive(&host.sandbox, &[Part::Server]).iter().filter(|server| server.signal(signal)).count();
        assert!(met > 0, "a server lives as long as its cell");
        let clean = until_clean(&host.sandbox, &STARTED, CLEAN_LIMIT);
        println!("r7, round {round}: {signal:?} after {moment:.1?}, clean after {clean:.1?}");
        assert!(clean.is_ok(), "round {round}: {clean:?}");
        assert_eq!(controller.wait().expect("it ends").code(), Some(4));
        let cell = host.sandbox.json("run.json")["cells"][0].clone();
        let reason = cell["reason"].to_string();
        assert!(cell["status"] == "failed" && ["serve", "driv"].iter().any(|role| reason.contains(role)), "{cell}");
    }
    is_normal(&host, &original);
}

#[test]
fn r9_an_innocent_process_with_the_number_of_a_killed_keeper_lives_and_the_entry_is_said_to_be_stale() {
    let _alone = alone();
    let (mut host, original) = with_daemons(&["--confinement", "off"]);
    let controller = host.begin();
    drives(&host);
    kill(&host.sandbox, &[Part::Agent, Part::Keepers]);
    let mut innocent = Command::new("cat").stdin(Stdio::piped()).spawn().expect("cat starts");
    let kept = host.agent.state().join("kept");
    let journal = fs::read_dir(&kept).expect("journals").flatten().find(|it| it.path().is_dir()).expect("one").path();
    let entries = fs::read_dir(&journal).expect("entries").flatten();
    let entry = entries.map(|it| it.path()).find(|it| it.file_name().is_some_and(|it| it != "lock")).expect("a keeper");
    let name = entry.file_name().expect("a name").to_string_lossy().into_owned();
    // The number has passed on: the time at which the keeper was started stays.
    let (_, started) = name.split_once('-').expect("number and time");
    fs::rename(&entry, journal.join(format!("{}-{started}", innocent.id()))).expect("it is the test's own");

    host.agent.start_again();
    until_clean(&host.sandbox, &STARTED, CLEAN_LIMIT).expect("nobody is left");
    assert_eq!(innocent.try_wait().expect("a child"), None, "it was killed");
    let said =
        format!("stale entry: the keeper has ended, and its number is another process's now pid={}", innocent.id());
    assert!(host.agent.log().contains(&said), "{}", host.agent.log());
    assert!(!journal.exists());
    drop(innocent.stdin.take());
    innocent.wait().expect("it ends");
    end(controller);
    is_normal(&host, &original);
}
