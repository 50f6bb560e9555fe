//! How well an agent's clock is known, where the truth is: hosts of one machine, whose clocks are the same.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread::park_timeout;
use std::time::{Duration, Instant};

use procfs::process::Process;
use rpycbench_controller::store::probes;
use rpycbench_tests::coverage::{Coverage, quantile_us};
use rpycbench_tests::lan::Lan;
use rpycbench_tests::many_hosts::{AHEAD, AHEAD_NS, CONTROLLER, ManyHosts};
use rpycbench_tests::{Outcome, Sandbox};

use crate::Figure;

const READINGS: usize = 100_000;
/// What `agents clock` keeps, in the sandbox.
const PROBES: &str = "probes.parquet";
/// Of every packet.
const DELAY: Duration = Duration::from_micros(100);
/// Longer one way than the other.
const ASYMMETRY: Duration = Duration::from_micros(20);
/// How long an agent's CPU time, and another program's opinion, is looked at.
const LOOKED_AT: Duration = Duration::from_secs(20);

/// Ends when it is dropped.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts"))
    }

    fn busy() -> Self {
        Self::start(Command::new("sh").args(["-c", "while :; do :; done"]))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

pub(crate) fn measure() -> Vec<Figure> {
    let lan = || Lan::veth(&[CONTROLLER, "hurin"]);
    let hosts = |by| lan().map(|lan| ManyHosts::on(lan, Sandbox::new(), &["hurin"], by));
    let (plain, ahead) = match (hosts(&[]), hosts(AHEAD)) {
        (Ok(plain), Ok(ahead)) => (plain, ahead),
        (Err(why), _) | (_, Err(why)) => return vec![Figure::missing("clocks of two hosts", &why.to_string())],
    };
    let idle = asked(&plain, 0, &[]);
    let user = asked(&plain, 0, &["--user-stamps"]);
    let agent_cpu = agent_cpu(&plain);
    let chrony = chrony(&plain, &asked(&plain, 0, &["--rate", "64"]));
    let busy = || -> Vec<Running> {
        (0..std::thread::available_parallelism().map_or(1, usize::from)).map(|_| Running::busy()).collect()
    };
    let (busy_plain, busy_ahead) = {
        let _busy = busy();
        (asked(&plain, 0, &[]), asked(&ahead, AHEAD_NS, &[]))
    };
    let mut figures = vec![
        covered("clock readings outside their bound, idle", &idle),
        covered("… all CPUs busy", &busy_plain),
        covered("… all CPUs busy, the agent's clock 1000 s ahead", &busy_ahead),
        bound("hard bound at 10 pairs of questions a second, kernel stamps, idle, p50 / p99", &idle),
        bound("… all CPUs busy", &busy_plain),
        estimate("estimate, kernel stamps, idle: bound p99, error p50 / p99", &idle),
        estimate("… all CPUs busy", &busy_plain),
        by_user("the programs' stamps alone, idle: bound p99, error p99", &user),
        by_user("over TCP, idle: bound p99, error p99", &over_tcp()),
        chrony,
    ];
    figures.extend(switched());
    figures.push(agent_cpu);
    figures
}

/// Readings of hurin's clock over five seconds.
fn asked(hosts: &ManyHosts, ahead_ns: i64, how: &[&str]) -> Coverage {
    let path = hosts.sandbox.path().join(PROBES);
    let mut command = hosts.controller(&["agents", "clock", "hurin", "--json", "--probes"]);
    let outcome: Outcome = command.arg(&path).args(how).output().expect("it starts").into();
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    Coverage::of(&probes::read(&path).expect("probes"), ahead_ns, READINGS)
}

fn covered(what: &'static str, coverage: &Coverage) -> Figure {
    let Coverage { converted, outside, unbounded, .. } = *coverage;
    Figure {
        what,
        ours: outside.to_string(),
        peer: format!("{converted} readings"),
        result: format!("{unbounded} without a bound"),
        goal: "0",
    }
}

fn bound(what: &'static str, coverage: &Coverage) -> Figure {
    let [p50, p99] = [0.5, 0.99].map(|share| quantile_us(&coverage.bounds, share));
    let result = if p50 <= 1.0 && p99 <= 3.0 { "within" } else { "NOT within" };
    Figure {
        what,
        ours: format!("{p50:.2} / {p99:.2} µs"),
        peer: "-".to_owned(),
        result: result.to_owned(),
        goal: "1 / 3 µs",
    }
}

fn estimate(what: &'static str, coverage: &Coverage) -> Figure {
    let bound = quantile_us(&coverage.hull_bounds, 0.99);
    let [p50, p99] = [0.5, 0.99].map(|share| quantile_us(&coverage.hull_errors, share));
    let result = if bound <= 0.5 && p50 <= 0.25 && p99 <= 1.0 { "within" } else { "NOT within" };
    Figure {
        what,
        ours: format!("{bound:.2} µs, {p50:.3} / {p99:.3} µs"),
        peer: "-".to_owned(),
        result: result.to_owned(),
        goal: "0.5 µs, 0.25 / 1 µs",
    }
}

fn by_user(what: &'static str, coverage: &Coverage) -> Figure {
    let [bound, error] = [&coverage.bounds, &coverage.hull_errors].map(|values| quantile_us(values, 0.99));
    let result = if bound <= 30.0 && error <= 10.0 { "within" } else { "NOT within" };
    Figure {
        what,
        ours: format!("{bound:.1} µs, {error:.2} µs"),
        peer: format!("{} of {} readings outside", coverage.outside, coverage.converted),
        result: result.to_owned(),
        goal: "30 µs, 10 µs",
    }
}

/// What is told where no datagram is answered: somebody else has the port.
fn over_tcp() -> Coverage {
    let lan = Lan::veth(&[CONTROLLER, "hurin"]).expect("another one was made before");
    let bind = format!(
        "import socket, sys\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind(('{}', 7443))\nprint(flush=True)\nsys.stdin.read()",
        lan.address("hurin")
    );
    let mut other = lan.command("hurin", "python3");
    let mut other = other.args(["-c", &bind]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut said = String::new();
    BufReader::new(other.stdout.as_mut().expect("a pipe")).read_line(&mut said).expect("it has the port");
    let _other = Running(other);
    let hosts = ManyHosts::on(lan, Sandbox::new(), &["hurin"], &[]);
    let coverage = asked(&hosts, 0, &[]);
    let rows = probes::read(&hosts.sandbox.path().join(PROBES)).expect("probes");
    assert!(rows.iter().all(|row| row.transport == "tcp"), "a datagram was answered");
    coverage
}

/// A way that takes longer in one direction.
fn switched() -> Vec<Figure> {
    let hosts = match ManyHosts::start(Sandbox::new(), &["hurin"]) {
        Ok(hosts) => hosts,
        Err(why) => return vec![Figure::missing("clocks over an uneven way", &why.to_string())],
    };
    // Both ways a packet waits for a thread of the switch, which is the same on either.
    hosts.lan.both_ways(CONTROLLER, "hurin").delay(DELAY);
    let even = asked(&hosts, 0, &[]);
    hosts.lan.link(CONTROLLER, "hurin").delay(DELAY + ASYMMETRY);
    let uneven = asked(&hosts, 0, &[]);
    let off = |coverage: &Coverage| quantile_us(&coverage.hull_errors, 0.5);
    vec![Figure {
        what: "20 µs longer one way: the estimate is off by",
        ours: format!("{:.1} µs", off(&uneven)),
        peer: format!("{:.1} µs without", off(&even)),
        result: format!("{} of {} readings outside their bound", uneven.outside, uneven.converted),
        goal: "about 10 µs, 0",
    }]
}

/// What ten pairs of questions a second cost an agent, which tells of its answers as often as in a run: when there are enough.
fn agent_cpu(hosts: &ManyHosts) -> Figure {
    let seldom = ["agents", "clock", "hurin", "--watch", "--every", "60", "--json"];
    let _asking = Running::start(&mut hosts.controller(&seldom));
    // The burst at the beginning is over by then.
    wait(Duration::from_secs(2));
    let agent = Process::new(hosts.agent_pid("hurin").cast_signed()).expect("the agent lives");
    let cpu = || agent.schedstat_of_all_tasks();
    let before = cpu();
    wait(LOOKED_AT);
    let share = (cpu() - before) as f64 / LOOKED_AT.as_nanos() as f64;
    Figure {
        what: "CPU time of an agent that is asked for its clock ten times a second",
        ours: format!("{:.3} % of a core", share * 100.0),
        peer: "-".to_owned(),
        result: format!("{:.0} µs a pair of questions", share * 1e5),
        goal: "0.1 %",
    }
}

/// CPU time of all threads, ns.
trait CpuTime {
    fn schedstat_of_all_tasks(&self) -> u64;
}

impl CpuTime for Process {
    fn schedstat_of_all_tasks(&self) -> u64 {
        let tasks = self.tasks().expect("tasks").flatten();
        tasks.filter_map(|task| task.schedstat().ok()).map(|it| it.sum_exec_runtime).sum()
    }
}

/// What chronyd says of the same link, whose clocks it does not touch.
fn chrony(hosts: &ManyHosts, ours: &Coverage) -> Figure {
    const WHAT: &str = "chronyd's stated maximum error on that link, 64 (pairs of) questions a second, p50 / p99";
    if Command::new("chronyd").arg("--version").output().is_err() {
        return Figure::missing(WHAT, "there is no chronyd on this machine");
    }
    let folder = hosts.sandbox.path().join("chrony");
    fs::create_dir(&folder).expect("a folder");
    let start = |host: &str, settings: &str| {
        let path = folder.join(host);
        let own = folder.display();
        let settings =
            format!("{settings}\ncmdport 0\nbindcmdaddress /\npidfile {own}/{host}.pid\nlogdir {own}\nlog tracking\n");
        fs::write(&path, settings).expect("settings");
        Running::start(hosts.lan.command(host, "chronyd").args(["-x", "-d", "-u", "root", "-f"]).arg(&path))
    };
    let _server = start("hurin", "local stratum 8\nallow all");
    let address = hosts.lan.address("hurin");
    let client = start(CONTROLLER, &format!("server {address} minpoll -6 maxpoll -6 xleave iburst"));
    wait(LOOKED_AT);
    drop(client);
    let log = fs::read_to_string(folder.join("tracking.log")).unwrap_or_default();
    // The last column but for headings, in seconds.
    let stated = log.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_digit()));
    let mut stated: Vec<i64> = stated
        .filter_map(|line| line.split_whitespace().last()?.parse::<f64>().ok())
        .map(|seconds| (seconds * 1e9) as i64)
        .collect();
    stated.sort_unstable();
    if stated.is_empty() {
        return Figure::missing(WHAT, "it has not said any");
    }
    let [theirs, their_p99] = [0.5, 0.99].map(|share| quantile_us(&stated, share));
    let [median, p99] = [0.5, 0.99].map(|share| quantile_us(&ours.bounds, share));
    Figure {
        what: WHAT,
        ours: format!("{median:.2} / {p99:.2} µs"),
        peer: format!("{theirs:.2} / {their_p99:.2} µs, {} times", stated.len()),
        result: format!("ratio {:.2} / {:.2}", median / theirs, p99 / their_p99),
        goal: "at most half",
    }
}

fn wait(time: Duration) {
    let since = Instant::now();
    while let Some(left) = time.checked_sub(since.elapsed()).filter(|left| !left.is_zero()) {
        park_timeout(left);
    }
}
