//! Bringing in agents of other hosts, and running over them. A host here is an address of its own.

use std::time::{Duration, Instant};

use rpycbench_tests::installed::Installed;
use rpycbench_tests::{Outcome, Sandbox};
use x509_parser::extensions::GeneralName;
use x509_parser::pem::parse_x509_pem;

/// Three hosts: the controller's own and two others, each drives and serves.
fn plan(hurin: &Installed, morwen: &Installed) -> String {
    format!(
        "[study]\nname = \"hosts\"\nblocks = 1\nplacement = \"free\"\n\
         [hosts.turin]\nlocal = true\n[hosts.hurin]\nagent = \"{}\"\n[hosts.morwen]\nagent = \"{}\"\n\
         [[topologies]]\nname = \"localhost\"\nclient = \"turin\"\nserver = \"turin\"\n\
         [[topologies]]\nname = \"lan\"\nclient = \"turin\"\nserver = \"hurin\"\nbaseline = \"localhost\"\n\
         [[topologies]]\nname = \"others\"\nclient = \"hurin\"\nserver = \"morwen\"\n\
         [[servers]]\nname = \"rpyc-threaded\"\nkind = \"rpyc\"\nmode = \"threaded\"\n\
         [[workloads]]\nname = \"latency\"\nkind = \"closed\"\nrequests = 20\n",
        hurin.address, morwen.address
    )
}

fn enrol(sandbox: &Sandbox, agent: &Installed, code: &str) -> Outcome {
    sandbox.call(&["enrol", &agent.address, "--code", code])
}

#[track_caller]
fn refused(outcome: &Outcome, code: i32, reason: &str) {
    assert_eq!(outcome.code, Some(code), "{outcome:?}");
    assert!(outcome.stderr.contains(reason) && outcome.stderr.lines().count() == 1, "{outcome:?}");
}

#[test]
fn enrolled_agents_drive_and_serve_in_any_pair() {
    let sandbox = Sandbox::new();
    let (hurin, morwen) =
        (Installed::start(&sandbox, "hurin", "127.0.0.2"), Installed::start(&sandbox, "morwen", "127.0.0.3"));
    for (agent, name) in [(&hurin, "hurin"), (&morwen, "morwen")] {
        let outcome = enrol(&sandbox, agent, &agent.code(name));
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
    }
    assert!(sandbox.call(&["agents"]).stdout.contains(&hurin.address));

    let outcome = sandbox.run(&plan(&hurin, &morwen), &[]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let results = sandbox.json("results.json");
    assert_eq!(results["cells"].as_array().map(Vec::len), Some(3));
    let compared = results["comparisons"].as_array().expect("comparisons").iter();
    assert!(compared.clone().any(|one| one["kind"] == "topology" && one["of"] == "lan"), "{results}");
    let topologies = |name: &str| -> Vec<String> {
        let cells = sandbox.json(name)["cells"].as_array().expect("cells").clone();
        cells.iter().filter_map(|cell| cell["topology"].as_str().map(str::to_owned)).collect()
    };
    assert_eq!(topologies("results_local.json"), ["localhost"]);
    assert_eq!(topologies("results_remote.json"), ["lan", "others"]);
    assert!(sandbox.latest().join("graphs/localhost_vs_lan_comparison.svg").is_file());
    every_pair_is_in_the_report(&sandbox);
    // Agents that are installed stay; what they started does not.
    let left = sandbox.processes();
    assert!(left.iter().all(|process| process.command.contains("rpycbench-agent serve")), "{left:?}");
}

/// Three of the nine pairs were asked for.
fn every_pair_is_in_the_report(sandbox: &Sandbox) {
    let report = std::fs::read_to_string(sandbox.latest().join("report.md")).expect("a report");
    let pairs =
        report.split("## Pairs of hosts").nth(1).and_then(|it| it.split("\n## ").next()).expect("a table of pairs");
    assert!(pairs.contains("| Driven from ↓, served by → | hurin | morwen | turin |"), "{pairs}");
    for (driver, measured) in [("hurin", [false, true, false]), ("morwen", [false; 3]), ("turin", [true, false, true])]
    {
        // One row for the server, one for the bare network.
        let rows: Vec<_> = pairs.lines().filter(|line| line.starts_with(&format!("| **{driver}** |"))).collect();
        assert_eq!(rows.len(), 2, "{pairs}");
        for row in rows {
            let cells: Vec<_> = row.split('|').map(str::trim).skip(2).take(3).map(|cell| cell != "–").collect();
            assert_eq!(cells, measured, "{row}");
        }
    }
    for name in ["host_pairs.png", "host_pairs.svg"] {
        assert!(sandbox.latest().join("graphs").join(name).is_file(), "{name}");
    }
    let links = sandbox.json("run.json")["links"].clone();
    let links = links.as_array().expect("links");
    assert_eq!(links.len(), 6, "both ends of three topologies: {links:?}");
    assert!(links.iter().all(|link| link["interface"] == "lo" && link["kind"] == "loopback"), "{links:?}");
}

#[test]
fn s3_a_code_lets_in_once() {
    let sandbox = Sandbox::new();
    let hurin = Installed::start(&sandbox, "hurin", "127.0.0.2");
    let code = hurin.code("hurin");
    assert_eq!(enrol(&sandbox, &hurin, &code).code, Some(0));
    refused(&enrol(&sandbox, &hurin, &code), 5, "no enrolment code is out");
}

/// Both have the code and are as fast as each other. Where the one is overtaken, it is told so.
#[test]
fn s3_of_two_who_race_with_the_same_code_exactly_one_enrols() {
    for _ in 0..10 {
        let (one, other) = (Sandbox::new(), Sandbox::new());
        let hurin = Installed::start(&one, "hurin", "127.0.0.2");
        let code = hurin.code("hurin");
        let outcomes = std::thread::scope(|scope| {
            let racers = [&one, &other].map(|sandbox| scope.spawn(|| enrol(sandbox, &hurin, &code)));
            racers.map(|racer| racer.join().expect("it ends"))
        });
        let won = outcomes.each_ref().map(|outcome| outcome.code == Some(0));
        assert!(won[0] != won[1], "{outcomes:?}");
        for (sandbox, won) in [&one, &other].into_iter().zip(won) {
            let expected = if won { Some(0) } else { Some(2) };
            assert_eq!(sandbox.call(&["agents", "describe", "hurin"]).code, expected, "{outcomes:?}");
        }
    }
}

#[test]
fn enrolling_takes_at_most_five_seconds() {
    let sandbox = Sandbox::new();
    let hurin = Installed::start(&sandbox, "hurin", "127.0.0.2");
    let code = hurin.code("hurin");
    let since = Instant::now();
    assert_eq!(enrol(&sandbox, &hurin, &code).code, Some(0));
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
    // Nor does it wait longer for someone who does not speak.
    let silent = std::net::TcpListener::bind("127.0.0.3:0").expect("a port");
    let address = silent.local_addr().expect("an address").to_string();
    refused(&sandbox.call(&["enrol", &address, "--code", &hurin.code("hurin")]), 5, "no answer within 5s");
}

/// What is in the certificate that an agent keeps after all of it, as a parser that is not ours reads it.
#[test]
fn s4_an_enrolled_agent_can_serve_under_one_name_for_thirty_days_and_nothing_else() {
    let sandbox = Sandbox::new();
    let hurin = Installed::start(&sandbox, "hurin", "127.0.0.2");
    assert_eq!(enrol(&sandbox, &hurin, &hurin.code("hurin")).code, Some(0));
    let identity = hurin.identity();
    let (_, pem) = parse_x509_pem(identity.certificate().as_bytes()).expect("PEM");
    let certificate = pem.parse_x509().expect("a certificate");
    let names = certificate.subject_alternative_name().expect("well formed").expect("names").value;
    let uris: Vec<&str> = names
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        })
        .collect();
    assert!(matches!(uris[..], [uri] if uri.ends_with("/agent/hurin")), "{uris:?}");
    let purposes = certificate.extended_key_usage().expect("well formed").expect("purposes").value;
    assert!(purposes.server_auth && !purposes.client_auth && !purposes.any, "{purposes:?}");
    assert!(!certificate.basic_constraints().expect("well formed").expect("constraints").value.ca);
    let (from, until) = (certificate.validity().not_before.timestamp(), certificate.validity().not_after.timestamp());
    // A day back, for hosts whose clocks differ.
    assert_eq!(until - from, (30 + 1) * 24 * 3600);
    let expires: jiff::Timestamp = sandbox.known("hurin")["expires"].as_str().expect("a date").parse().expect("a date");
    assert_eq!(expires.as_second(), until);
}

/// An agent whose state was wiped is there, and knows nobody.
#[test]
fn an_agent_that_has_forgotten_its_controller_is_said_to_be_enrolled_again() {
    let sandbox = Sandbox::new();
    let hurin = Installed::start(&sandbox, "hurin", "127.0.0.2");
    sandbox.know("hurin", &hurin.address);
    refused(&sandbox.call(&["agents", "describe", "hurin"]), 5, "not enrolled any more: enrol it again with");
}

#[test]
fn s3_a_code_that_has_expired_lets_nobody_in() {
    let sandbox = Sandbox::new();
    let hurin = Installed::start(&sandbox, "hurin", "127.0.0.2");
    let code = hurin.code("hurin");
    hurin.let_the_code_expire();
    refused(&enrol(&sandbox, &hurin, &code), 5, "the enrolment code has expired");
}

#[test]
fn s3_a_guessed_secret_is_counted_and_the_sixth_finds_no_code() {
    let sandbox = Sandbox::new();
    let hurin = Installed::start(&sandbox, "hurin", "127.0.0.2");
    let code = hurin.code("hurin");
    let parts: Vec<&str> = code.split('.').collect();
    let guess = format!("{}.{}.{}.{}", parts[0], parts[1], "a".repeat(parts[2].len()), parts[3]);
    for left in (0..5).rev() {
        refused(&enrol(&sandbox, &hurin, &guess), 5, &format!("wrong enrolment code, {left} tries left"));
    }
    refused(&enrol(&sandbox, &hurin, &guess), 5, "no enrolment code is out");
    refused(&enrol(&sandbox, &hurin, &code), 5, "no enrolment code is out");
}

#[test]
fn s3_someone_in_the_middle_with_another_key_gets_nothing() {
    let sandbox = Sandbox::new();
    let hurin = Installed::start(&sandbox, "hurin", "127.0.0.2");
    let middle = Installed::start(&sandbox, "middle", "127.0.0.3");
    // The user was given hurin's code, and reaches someone else.
    let code = hurin.code("hurin");
    middle.code("hurin");
    refused(&enrol(&sandbox, &middle, &code), 5, "cannot enrol the agent");
    assert_eq!(sandbox.call(&["agents"]).stdout, "");
    assert_eq!(enrol(&sandbox, &hurin, &code).code, Some(0), "the code was not used up");
}

#[test]
fn a_text_that_is_no_code_is_a_mistake_of_the_user() {
    let sandbox = Sandbox::new();
    refused(&sandbox.call(&["enrol", "127.0.0.1:9", "--code", "rbj1.hurin"]), 2, "this is not an enrolment code");
}

#[test]
fn nobody_at_the_address_is_said_to_be_so() {
    let sandbox = Sandbox::new();
    let hurin = Installed::start(&sandbox, "hurin", "127.0.0.2");
    let code = hurin.code("hurin");
    drop(hurin);
    refused(&sandbox.call(&["enrol", "127.0.0.2:9", "--code", &code]), 5, "cannot enrol the agent at 127.0.0.2:9");
}

#[test]
fn an_agent_of_another_controller_is_not_to_be_had() {
    let (mine, theirs) = (Sandbox::new(), Sandbox::new());
    let hurin = Installed::start(&theirs, "hurin", "127.0.0.2");
    let morwen = Installed::start(&mine, "morwen", "127.0.0.3");
    assert_eq!(enrol(&mine, &hurin, &hurin.code("hurin")).code, Some(0));
    assert_eq!(enrol(&mine, &morwen, &morwen.code("morwen")).code, Some(0));
    // It is enrolled anew by someone else; the first controller has not heard of it.
    assert_eq!(enrol(&theirs, &hurin, &hurin.code("hurin")).code, Some(0));
    let outcome = mine.run(&plan(&hurin, &morwen), &[]);
    assert_eq!(outcome.code, Some(5), "{outcome:?}");
    let address = &hurin.address;
    let wanted = format!(
        "host hurin: cannot reach the agent at {address}: it is enrolled with another controller: \
         enrol it again with `rpycbench-controller enrol {address} --code CODE`\n"
    );
    assert!(outcome.stderr.ends_with(&wanted), "{outcome:?}");
    assert!(!mine.latest().join("results.json").exists());
}

#[test]
fn r20_an_agent_that_is_gone_is_named_with_its_host() {
    let sandbox = Sandbox::new();
    let (hurin, morwen) =
        (Installed::start(&sandbox, "hurin", "127.0.0.2"), Installed::start(&sandbox, "morwen", "127.0.0.3"));
    for (agent, name) in [(&hurin, "hurin"), (&morwen, "morwen")] {
        assert_eq!(enrol(&sandbox, agent, &agent.code(name)).code, Some(0));
    }
    let plan = plan(&hurin, &morwen);
    drop(morwen);
    let outcome = sandbox.run(&plan, &[]);
    assert_eq!(outcome.code, Some(5), "{outcome:?}");
    assert!(outcome.stderr.contains("host morwen: cannot reach the agent at 127.0.0.3"), "{outcome:?}");
}

/// What root writes into the state of an agent that runs as another user must be that agent's to read.
#[test]
fn a_code_that_root_puts_out_belongs_to_the_agents_user() {
    use std::os::unix::fs::{MetadataExt, chown};
    const AGENTS_USER: u32 = 65_534;
    let folder = tempfile::tempdir_in("/tmp").expect("a folder");
    if chown(folder.path(), Some(AGENTS_USER), Some(AGENTS_USER)).is_err() {
        return println!("skipped: only root may give a folder to another user");
    }
    let program = folder.path().join("rpycbench-agent");
    std::fs::copy(rpycbench_tests::sandbox::binaries().join("rpycbench-agent"), &program).expect("the agent's binary");
    let output = std::process::Command::new(program)
        .args(["enrol-code", "--name", "hurin", "--state"])
        .arg(folder.path())
        .output()
        .expect("the agent starts");
    assert!(output.status.success(), "{output:?}");
    for name in ["enrol-code.json", "bootstrap.json"] {
        let owner = std::fs::metadata(folder.path().join(name)).expect(name).uid();
        assert_eq!(owner, AGENTS_USER, "{name}");
    }
}
