//! Every plan that ships can be used, and says what its comments say.

use std::path::{Path, PathBuf};

use rpycbench_controller::plan::{Plan, Stamping};
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
