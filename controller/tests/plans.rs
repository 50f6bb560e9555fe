//! Every plan that ships can be used, and says what its comments say.

use std::path::{Path, PathBuf};

use rpycbench_controller::plan::{Plan, PlanError, Stamping, Until};
use rpycbench_measure::{ClientModel, Placement, Workload};

fn plans() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/plans")
}

fn load(name: &str) -> Plan {
    Plan::load(&plans().join(name)).unwrap_or_else(|error| panic!("{error}")).0
}

#[test]
fn every_shipped_plan_is_valid() {
    let mut seen = 0;
    for entry in std::fs::read_dir(plans()).expect("the folder of plans") {
        let name = entry.expect("a file").file_name().to_string_lossy().into_owned();
        assert!(!load(&name).cells().is_empty(), "{name}");
        seen += 1;
    }
    assert!(seen >= 2, "{seen} plans");
}

#[test]
fn the_localhost_plan_measures_one_connection_pinned_apart() {
    let plan = load("localhost.toml");
    assert_eq!((plan.blocks, plan.placement), (5, Placement::Separate));
    let latency = plan.workloads.iter().find(|workload| workload.name == "latency").expect("a latency workload");
    assert!(matches!(latency.workload, Workload::Closed { clients: 1, requests: 1000, .. }), "{latency:?}");
}

#[test]
fn the_published_study_is_ten_threads_in_one_process_and_unpinned() {
    let plan = load("published-study.toml");
    assert!(plan.beside_published);
    assert_eq!(plan.placement, Placement::Free);
    let ran = plan.workloads.iter().find(|workload| workload.name == "concurrency").expect("what it ran");
    assert!(
        matches!(
            ran.workload,
            Workload::Closed { clients: 10, requests: 100, warmup: 0, client_model: ClientModel::Threads, .. }
        ),
        "{ran:?}"
    );
}

#[test]
fn blocks_follow_each_other_and_are_shuffled_each_in_its_own_way() {
    let cells = load("localhost.toml").cells();
    assert!(cells.is_sorted_by_key(|cell| cell.block));
    let of = |block: u32| -> Vec<(usize, usize)> {
        cells.iter().filter(|cell| cell.block == block).map(|cell| (cell.server, cell.workload)).collect()
    };
    let sorted = |mut cells: Vec<(usize, usize)>| {
        cells.sort_unstable();
        cells
    };
    assert_ne!(of(1), of(2));
    assert_eq!(sorted(of(1)), sorted(of(2)));
}

#[test]
fn the_hosts_plan_has_every_host_alone_and_every_pair_both_ways() {
    let plan = load("hosts.toml");
    let count = plan.hosts.len();
    let pairs: std::collections::BTreeSet<_> = plan.topologies.iter().map(|it| (it.client, it.server)).collect();
    assert!(count >= 3, "{count} hosts");
    assert_eq!((pairs.len(), plan.topologies.len()), (count * count, count * count));
    for topology in &plan.topologies {
        let alone = topology.baseline.map(|baseline| &plan.topologies[baseline]);
        let same_driver = alone.is_none_or(|alone| (alone.client, alone.server) == (topology.client, topology.client));
        assert!(same_driver && alone.is_none() == (topology.client == topology.server), "{topology:?}");
    }
}

#[test]
fn servers_stamp_where_a_plan_says_so() {
    let text = std::fs::read_to_string(plans().join("localhost.toml")).expect("a plan");
    let stamps = |line: &str| {
        let text = text.replacen("[study]\n", &format!("[study]\n{line}\n"), 1);
        Plan::parse(Path::new("plan.toml"), &text).map(|plan| plan.stamps)
    };
    let lines = ["", "stamps = \"on\"", "stamps = \"off\"", "stamps = \"alternate\""];
    let expected = [Stamping::Off, Stamping::On, Stamping::Off, Stamping::Alternate];
    assert_eq!(lines.map(stamps), expected.map(Ok));
    assert_eq!([1, 2, 3].map(|block| Stamping::Alternate.is_on(block)), [true, false, true]);
    let refusal = stamps("stamps = \"perhaps\"").expect_err("neither on nor off").to_string();
    let says_all = ["plan.toml:", "perhaps", "on", "off"].iter().all(|word| refusal.contains(word));
    assert!(says_all, "{refusal}");
}

/// localhost.toml with more lines in its study.
fn with(lines: &str) -> Result<Plan, PlanError> {
    let text = std::fs::read_to_string(plans().join("localhost.toml")).unwrap_or_else(|error| panic!("{error}"));
    Plan::parse(Path::new("plan.toml"), &text.replacen("[study]\n", &format!("[study]\n{lines}\n"), 1))
}

#[test]
fn a_plan_may_ask_for_blocks_until_its_cells_are_precise() {
    let plan = with("precision = \"p99 +- 5%\"\nmax_blocks = 8").expect("a plan");
    assert_eq!(plan.until, Some(Until { precision: "p99 ± 5%".parse().expect("a precision"), max_blocks: 8 }));
    let (least, most) = (plan.cells(), plan.most_cells());
    assert_eq!((least.len(), most.len()), (5 * 9, 8 * 9));
    assert!(most.starts_with(&least), "more blocks change nothing before them");
    let mut ids: Vec<_> = most.iter().map(|cell| cell.id).collect();
    ids.dedup();
    assert_eq!(ids.len(), most.len());
    assert_eq!(with("precision = \"p99 ± 5%\"").expect("a plan").most_blocks(), 30);
    assert_eq!(with("").expect("a plan").until, None);
}

#[test]
fn a_precision_that_is_none_is_refused_where_it_stands() {
    for (lines, expected) in [
        (
            "precision = \"p98 ± 5%\"",
            ":8:13: `p98` is no figure: use one of mean, p50, p90, p95, p99, p999, throughput_per_s",
        ),
        (
            "precision = \"p99 ± 5\"",
            ":8:13: `5` is no width: write per cent, more than 0 and less than 100, like \"5%\"",
        ),
        ("precision = \"precise\"", ":8:13: `precise` is no precision"),
        ("max_blocks = 30", ":8:14: max_blocks needs precision"),
        ("precision = \"p99 ± 5%\"\nmax_blocks = 4", ":9:14: max_blocks is 4: allowed is 5 to 1000"),
    ] {
        let error = with(lines).expect_err(lines).to_string();
        assert!(error.starts_with(&format!("plan.toml{expected}")), "{error}");
    }
}

#[test]
fn a_plan_may_ask_for_its_first_server_twice() {
    let plan = with("aa = true").expect("a plan");
    let [first, .., twin] = plan.servers.as_slice() else { panic!("{plan:?}") };
    assert_eq!((twin.name.as_str(), twin.twin_of), ("rpyc-threaded-again", Some(0)));
    assert_eq!(twin.server, first.server);
    assert_eq!((plan.servers.len(), plan.cells().len()), (4, 5 * 12));
    assert_eq!(with("aa = false"), with(""));
    let text = std::fs::read_to_string(plans().join("localhost.toml")).expect("a plan");
    let aa = |name: &str, by: &str| {
        let text = text.replacen("[study]\n", "[study]\naa = true\n", 1).replace(name, by);
        Plan::parse(Path::new("plan.toml"), &text).expect_err("no name for the twin").to_string()
    };
    let taken = aa("rpyc-forking", "rpyc-threaded-again");
    assert!(
        taken.starts_with("plan.toml:8:6: aa names the twin of the first server \"rpyc-threaded-again\", as another"),
        "{taken}"
    );
    let long = aa("rpyc-threaded", &"a".repeat(35));
    assert!(long.contains("too long: give that server a name of up to 34"), "{long}");
}

/// Beyond the median there is no interval of fewer.
#[test]
fn every_shipped_plan_has_blocks_enough_for_intervals_of_the_tail() {
    for entry in std::fs::read_dir(plans()).expect("the folder of plans") {
        let name = entry.expect("a file").file_name().to_string_lossy().into_owned();
        assert!(load(&name).blocks >= 4, "{name}");
    }
}
