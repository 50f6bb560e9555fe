//! Whatever is wrong, a user reads one line that says where and what to do, and nothing is left running or half written.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use rpycbench_tests::installed::Installed;
use rpycbench_tests::sandbox::plan;
use rpycbench_tests::{Outcome, Sandbox};

const CONNECT: &str = "[[workloads]]\nname = \"connect\"\nkind = \"connect\"\ncount = 7\n";
const CLOSED: &str = "[[workloads]]\nname = \"latency\"\nkind = \"closed\"\nclients = 1\nrequests = 20\n";

/// Runs a plan that cannot be used; gives the one line that says so.
#[track_caller]
fn refusal(plan: &str) -> String {
    let sandbox = Sandbox::new();
    let outcome = sandbox.run(plan, &[]);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(!sandbox.path().join("results").exists(), "a run folder was made");
    one_line(&outcome)
}

#[track_caller]
fn one_line(outcome: &Outcome) -> String {
    let lines: Vec<&str> = outcome.stderr.lines().filter(|line| line.starts_with("rpycbench-controller: ")).collect();
    assert_eq!(lines.len(), 1, "{outcome:?}");
    lines[0].to_owned()
}

/// The line and column where `text` stands in `plan`, as a message has it.
fn place(plan: &str, text: &str) -> String {
    let at = plan.find(text).expect("the text is in the plan");
    let line = plan[..at].matches('\n').count() + 1;
    let column = at - plan[..at].rfind('\n').map_or(0, |newline| newline + 1) + 1;
    format!("plan.toml:{line}:{column}: ")
}

#[track_caller]
fn refuses(plan: &str, at: &str, says: &[&str]) {
    let line = refusal(plan);
    assert!(line.contains(&place(plan, at)), "{line}");
    for part in says {
        assert!(line.contains(part), "{part:?} is not in: {line}");
    }
}

#[test]
fn a_missing_plan_is_named() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.call(&["run", "no/such/plan.toml"]);
    assert_eq!(outcome.code, Some(2));
    assert!(one_line(&outcome).contains("no/such/plan.toml: cannot read the plan: No such file"), "{outcome:?}");
}

#[test]
fn a_mistake_in_toml_is_shown_where_it_is() {
    let plan = plan(&["rpyc-threaded"], CONNECT).replace("blocks = 1", "blocks = = 1");
    refuses(&plan, "= 1", &[]);
}

#[test]
fn stamps_are_on_or_off() {
    let plan = plan(&["rpyc-threaded"], CONNECT).replace("blocks = 1", "blocks = 1\nstamps = \"sometimes\"");
    refuses(&plan, "\"sometimes\"", &["unknown variant `sometimes`", "`on`", "`off`"]);
}

#[test]
fn an_unknown_key_is_named_with_those_that_are_allowed() {
    let plan = plan(&["rpyc-threaded"], &CONNECT.replace("count", "cuont"));
    refuses(&plan, "cuont", &["unknown field `cuont`", "`count`", "`clients`"]);
}

#[test]
fn a_key_of_another_kind_of_workload_is_refused() {
    let plan = plan(&["rpyc-threaded"], &format!("{CONNECT}clients = 3\n"));
    refuses(&plan, "3\n", &["\"connect\" has no key \"clients\"", "count"]);
}

#[test]
fn a_topology_that_names_no_host_is_refused_with_the_hosts_there_are() {
    let plan = plan(&["rpyc-threaded"], CONNECT).replace("client = \"here\"", "client = \"nowhere\"");
    refuses(&plan, "\"nowhere\"", &["no host is named \"nowhere\"", "here"]);
}

#[test]
fn zero_clients_are_refused_with_what_is_allowed() {
    let plan = plan(&["rpyc-threaded"], &CLOSED.replace("clients = 1", "clients = 0"));
    refuses(&plan, "0\nrequests", &["clients is 0: allowed is 1 to 1000"]);
}

#[test]
fn a_count_with_an_exponent_is_refused() {
    let plan = plan(&["rpyc-threaded"], &CONNECT.replace('7', "1e9"));
    refuses(&plan, "1e9", &["1000000000.0", "expected a whole number"]);
}

#[test]
fn a_count_beyond_every_limit_is_refused_with_the_limit() {
    let plan = plan(&["rpyc-threaded"], &CONNECT.replace('7', "1000000000"));
    refuses(&plan, "1000000000", &["count is 1000000000: allowed is 1 to 10000000"]);
}

#[test]
fn a_name_that_is_used_twice_is_refused() {
    let plan = plan(&["rpyc-threaded"], &format!("{CONNECT}{CONNECT}"));
    let second = plan.rfind("\"connect\"\nkind").expect("it is there");
    let line = plan[..second].matches('\n').count() + 1;
    let message = refusal(&plan);
    assert!(message.contains(&format!("plan.toml:{line}:8: the workload name \"connect\" is used twice")), "{message}");
}

#[test]
fn a_mode_that_a_kind_does_not_have_is_refused() {
    let plan = plan(&["flask-forking"], CONNECT);
    refuses(&plan, "\"forking\"", &["kind \"flask\" has no mode \"forking\"", "\"threaded\""]);
}

#[test]
fn a_driver_that_does_not_exist_is_refused() {
    let plan = plan(&["rpyc-threaded"], &format!("{CONNECT}driver = \"perl\"\n"));
    refuses(&plan, "\"perl\"", &["unknown variant `perl`", "`python`"]);
}

#[test]
fn a_filter_that_matches_nothing_says_what_a_cell_is_called() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.run(&plan(&["rpyc-threaded"], CONNECT), &["--only", "lan/*"]);
    assert_eq!(outcome.code, Some(2));
    assert!(one_line(&outcome).contains("localhost/rpyc-threaded/connect/python/b1"), "{outcome:?}");
}

#[test]
fn a_host_without_an_enrolled_agent_cannot_be_reached() {
    let sandbox = Sandbox::new();
    let remote = plan(&["rpyc-threaded"], CONNECT).replace("local = true", "agent = \"127.0.0.1:9\"");
    let outcome = sandbox.run(&remote, &[]);
    assert_eq!(outcome.code, Some(5));
    assert!(one_line(&outcome).contains("host here: "), "{outcome:?}");
}

#[test]
fn without_python_the_run_says_what_to_install() {
    let sandbox = Sandbox::without_environments();
    let path = sandbox.plan(&plan(&["rpyc-threaded"], CONNECT)).display().to_string();
    let outcome: Outcome =
        sandbox.controller(&["run", &path]).env("PATH", sandbox.path()).output().expect("the controller starts").into();
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let line = one_line(&outcome);
    assert!(line.contains("host here: no python3 in PATH: install Python 3.10 or newer"), "{line}");
    assert!(!sandbox.latest().join("results.json").exists());
    assert_eq!(sandbox.processes(), []);
}

#[test]
fn without_a_package_index_the_first_run_says_how_to_name_one() {
    let sandbox = Sandbox::without_environments();
    let path = sandbox.plan(&plan(&["rpyc-threaded"], CONNECT)).display().to_string();
    // A port that nobody listens on, and none of the ways around it that this machine may have set up.
    let outcome: Outcome = sandbox
        .controller(&["run", &path])
        .env("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
        .env("UV_INDEX_URL", "http://127.0.0.1:9/simple")
        .env("PIP_FIND_LINKS", sandbox.path())
        .env("PIP_NO_CACHE_DIR", "1")
        .env("UV_NO_CACHE", "1")
        .env("PIP_CONFIG_FILE", "/dev/null")
        .output()
        .expect("the controller starts")
        .into();
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let line = one_line(&outcome);
    assert!(line.contains("cannot build the Python environment"), "{line}");
    assert!(line.contains("PIP_INDEX_URL"), "{line}");
    assert_eq!(sandbox.processes(), []);
}

#[test]
fn a_port_that_is_taken_fails_its_cell_and_no_other() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let sandbox = Sandbox::new();
    let two = plan(&["rpyc-threaded", "flask-threaded"], CONNECT)
        .replace("kind = \"flask\"", &format!("kind = \"flask\"\nport = {port}"));
    let outcome = sandbox.run(&two, &[]);
    assert_eq!(outcome.code, Some(4), "{outcome:?}");
    let line = one_line(&outcome);
    assert!(line.contains("1 of 2 cells") && line.contains("flask-threaded"), "{line}");
    assert!(line.contains(&format!("127.0.0.1:{port}")), "{line}");
    let statuses = sandbox.json("run.json")["cells"]
        .as_array()
        .expect("cells")
        .iter()
        .map(|cell| cell["status"].clone())
        .collect::<Vec<_>>();
    assert!(statuses.contains(&"complete".into()) && statuses.contains(&"failed".into()), "{statuses:?}");
    assert_eq!(sandbox.json("results.json")["complete"], false);
    assert_eq!(sandbox.processes(), []);
}

#[test]
fn an_output_folder_that_cannot_be_written_is_named() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.run(&plan(&["rpyc-threaded"], CONNECT), &["--out", "/proc/nowhere"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(one_line(&outcome).contains("cannot write /proc/nowhere"), "{outcome:?}");
    assert_eq!(sandbox.processes(), []);
}

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
fn a_full_disk_ends_the_run_and_earlier_cells_are_kept() {
    let sandbox = Sandbox::new();
    let many = plan(&["rpyc-threaded"], &CLOSED.replace("requests = 20", "requests = 3000"))
        .replace("blocks = 1", "blocks = 9");
    let Some(outcome) = run_on_a_small_disk(&sandbox, &many, "results") else { return };
    assert_eq!(outcome.code, Some(4), "{outcome:?}");
    let line = one_line(&outcome);
    assert!(line.contains("No space left on device") && line.contains("free some space"), "{line}");
    assert!(outcome.stdout.contains("b001.parquet") && outcome.stdout.contains("run.json"), "{outcome:?}");
    assert!(!outcome.stdout.contains("results.json") && !outcome.stdout.contains(".part"), "{outcome:?}");
    assert_eq!(sandbox.processes(), []);
}

#[test]
fn a_cell_whose_samples_the_agents_disk_has_no_room_for_is_not_begun_and_the_others_are() {
    let sandbox = Sandbox::new();
    let large = "[[workloads]]\nname = \"large\"\nkind = \"closed\"\nrequests = 3000\n";
    let both = plan(&["rpyc-threaded"], &format!("{CLOSED}{large}"));
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

#[test]
fn a_host_whose_name_does_not_resolve_is_named_with_the_reason() {
    let sandbox = Sandbox::new();
    let hurin = Installed::start(&sandbox, "hurin", "127.0.0.2");
    let outcome = sandbox.call(&["enrol", "no-such-host.invalid:7443", "--code", &hurin.code("hurin")]);
    assert_eq!(outcome.code, Some(5));
    let line = one_line(&outcome);
    assert!(line.contains("no-such-host.invalid:7443") && line.contains("failed to lookup address"), "{line}");
}

#[test]
fn an_agent_that_is_not_on_the_port_it_was_enrolled_at_is_named_with_its_host() {
    let sandbox = Sandbox::new();
    let hurin = Installed::start(&sandbox, "hurin", "127.0.0.2");
    let enrolled = sandbox.call(&["enrol", &hurin.address, "--code", &hurin.code("hurin")]);
    assert_eq!(enrolled.code, Some(0), "{enrolled:?}");
    let address = hurin.address.clone();
    drop(hurin);
    let remote = plan(&["rpyc-threaded"], CONNECT).replace("local = true", &format!("agent = \"{address}\""));
    let outcome = sandbox.run(&remote, &[]);
    assert_eq!(outcome.code, Some(5));
    let line = one_line(&outcome);
    assert!(line.contains(&format!("host here: cannot reach the agent at {address}: ")), "{line}");
    assert!(line.contains("Connection refused"), "{line}");
    assert!(!sandbox.latest().join("results.json").exists());
}
