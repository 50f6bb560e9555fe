//! Whatever is wrong, a user reads one line that says where and what to do, and nothing is left running or half written.

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
fn stamps_are_on_or_off_or_alternate() {
    let plan = plan(&["rpyc-threaded"], CONNECT).replace("blocks = 1", "blocks = 1\nstamps = \"sometimes\"");
    refuses(&plan, "\"sometimes\"", &["unknown variant `sometimes`", "`on`", "`off`", "`alternate`"]);
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
fn an_output_folder_that_cannot_be_written_is_named() {
    let sandbox = Sandbox::new();
    let outcome = sandbox.run(&plan(&["rpyc-threaded"], CONNECT), &["--out", "/proc/nowhere"]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(one_line(&outcome).contains("cannot write /proc/nowhere"), "{outcome:?}");
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

/// The names of files and folders are made of it, and it is sent to agents.
#[test]
fn s9_a_plan_that_names_paths_programs_or_variables_is_refused_before_anything_is_made() {
    let sound = plan(&["rpyc-threaded"], CLOSED);
    let spoiled = |from: &str, to: &str| sound.replacen(from, to, 1);
    let cases = [
        (spoiled("name = \"test\"", "name = \"../../tmp/test\""), "a name has 1 to "),
        (spoiled("name = \"latency\"", "name = \"/etc/passwd\""), "a name has 1 to "),
        (spoiled("name = \"latency\"", "name = \"a\\u0000b\""), "a name has 1 to "),
        (spoiled("name = \"latency\"", "name = \"$(reboot)\""), "a name has 1 to "),
        (spoiled("[hosts.here]", "[hosts.\"../here\"]"), "a name has 1 to "),
        (spoiled("kind = \"rpyc\"", "kind = \"../../bin/sh\""), "unknown variant `../../bin/sh`"),
        (spoiled("kind = \"closed\"", "kind = \"closed; reboot\""), "unknown variant `closed; reboot`"),
        (spoiled("mode = \"threaded\"", "mode = \"threaded\"\nargv = [\"sh\"]"), "unknown field `argv`"),
        (spoiled("mode = \"threaded\"", "mode = \"threaded\"\nenv = { LD_PRELOAD = \"x\" }"), "unknown field `env`"),
        (format!("{sound}PYTHONPATH = \"/tmp\"\n"), "unknown field `PYTHONPATH`"),
        (format!("{sound}x = {}1{}\n", "[".repeat(5000), "]".repeat(5000)), "plan.toml:"),
        (format!("{sound}#{}\u{0}\n", " ".repeat(100)), "plan.toml:"),
    ];
    for (text, wanted) in cases {
        let line = refusal(&text);
        assert!(line.contains(wanted) && !line.contains('\u{0}'), "{wanted}: {line}");
    }
}

#[test]
fn s9_a_plan_of_ten_mebibytes_or_a_million_steps_is_refused_in_one_line() {
    let sound = plan(&["rpyc-threaded"], CLOSED);
    let line = refusal(&format!("{sound}# {}\n", "x".repeat(10 << 20)));
    assert!(line.ends_with("the plan has more than the 1048576 bytes that are allowed"), "{line:.500}");
    let many = (1..1000).fold(sound, |plan, number| {
        plan + &format!("[[workloads]]\nname = \"w{number}\"\nkind = \"connect\"\ncount = 1\n")
    });
    let line = refusal(&many.replace("blocks = 1", "blocks = 1000"));
    assert!(line.ends_with("the plan has 1000000 cells: allowed are up to 100000"), "{line:.500}");
}
