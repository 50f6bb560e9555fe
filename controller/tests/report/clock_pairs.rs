//! Whether three clocks agree, from run folders of clocks of which everything is known.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use rpycbench_controller::results;
use rpycbench_controller::results::schema::ClockPairsResult;
use rpycbench_controller::store::manifest::{Manifest, PairingRecord, StampsRecord, TopologyRecord};
use rpycbench_controller::store::probes::{self, ProbeRow};
use rpycbench_controller::store::stamps::StampsWriter;
use rpycbench_controller::store::table::CellKey;
use rpycbench_measure::{Samples, Stamps};
use tempfile::TempDir;

use crate::run_folder::{self, EPOCH_NS};
use crate::{conditions, report_of, verdicts};

const MS: i64 = 1_000_000;
const PORT: u16 = 40_000;
/// As many calls as questions, so that neither always tells more.
const CALLS: i64 = 100;

/// What it shows at the instant t is `ahead_ns` + t, and what it has gained until then.
#[derive(Clone, Copy, Debug)]
struct Clock {
    ahead_ns: i64,
    drift_ppb: i64,
}

impl Clock {
    /// As programs read it: cut to whole nanoseconds.
    fn at(self, t: i64) -> i64 {
        let gained = (i128::from(t) * i128::from(self.drift_ppb)).div_euclid(1_000_000_000);
        self.ahead_ns + t + i64::try_from(gained).unwrap()
    }

    /// When it shows that.
    fn when(self, reading: i64) -> f64 {
        (reading - self.ahead_ns) as f64 / (1.0 + self.drift_ppb as f64 / 1e9)
    }

    /// How far it is ahead of another one, beyond `offset_ns`.
    fn beyond(self, other: Self, t: f64, offset_ns: i64) -> f64 {
        (self.ahead_ns - other.ahead_ns - offset_ns) as f64 + t * (self.drift_ppb - other.drift_ppb) as f64 / 1e9
    }
}

/// hurin drives at morwen, and the controller asks both.
#[derive(Clone, Copy, Debug)]
struct World {
    controller: Clock,
    hurin: Clock,
    morwen: Clock,
    seed: u64,
}

const WORLD: World = World {
    controller: Clock { ahead_ns: 5_000_000, drift_ppb: -20_000 },
    hurin: Clock { ahead_ns: EPOCH_NS, drift_ppb: 30_000 },
    morwen: Clock { ahead_ns: -900_000_000_000, drift_ppb: 0 },
    seed: 1,
};

impl World {
    fn clock(self, name: &str) -> Clock {
        match name {
            "hurin" => self.hurin,
            "morwen" => self.morwen,
            _ => self.controller,
        }
    }

    /// A question every 10 ms, for two seconds.
    fn questions(self) -> Vec<ProbeRow> {
        let mut delay = delays(self.seed);
        let asked = (0..200).flat_map(|number| [("hurin", number), ("morwen", number)]);
        let row = |(host, number): (&str, i64)| {
            let t1 = number * 10 * MS;
            let t2 = t1 + delay();
            let t3 = t2 + 5_000;
            let (here, there) = (self.controller, self.clock(host));
            ProbeRow {
                host: host.to_owned(),
                session: 0,
                number,
                transport: "udp".to_owned(),
                t1_ns: here.at(t1),
                answer_ns: Some([there.at(t2), there.at(t3), here.at(t3 + delay())]),
                by_kernel: [true; 4],
            }
        };
        asked.map(row).collect()
    }

    /// Calls one after the other, amid that time.
    fn calls(self) -> (Samples, Stamps) {
        let mut delay = delays(self.seed + 1);
        let (mut samples, mut stamps) = (run_folder::samples(&[MS; CALLS as usize]), Stamps::default());
        for number in 0..CALLS {
            let start = 900 * MS + number * 2 * MS;
            let received = start + delay();
            let answered = received + 50_000;
            samples.start_ns[number as usize] = self.hurin.at(start);
            samples.end_ns[number as usize] = self.hurin.at(answered + delay());
            stamps.push(PORT, self.morwen.at(received), Some(self.morwen.at(answered)));
        }
        (samples, stamps)
    }

    /// The folder of a run in this world, with these answers of the hosts.
    fn run(self, questions: &[ProbeRow]) -> (TempDir, Manifest) {
        let folder = TempDir::new().unwrap();
        let mut manifest = run_folder::three_hosts(0);
        let pair = TopologyRecord { server: "morwen".to_owned(), ..run_folder::topology("others", "hurin", None) };
        manifest.topologies = vec![pair];
        manifest.servers.truncate(1);
        manifest.workloads = vec![run_folder::workload("latency", "closed", 1, CALLS as u32)];
        manifest.epoch_raw_ns = self.controller.at(0);
        for (name, host) in &mut manifest.hosts {
            host.epoch_raw_ns = self.clock(name).at(0);
            host.agent = "10.211.55.14:7443".to_owned();
        }
        manifest.clocks = ["hurin", "morwen"].map(|host| conditions::clock(host, 0, "set", 0)).into();
        run_folder::plan_cells(&mut manifest, 3);
        let (samples, stamps) = self.calls();
        fs::create_dir(folder.path().join("stamps")).unwrap();
        for cell in &mut manifest.cells {
            let file = format!("stamps/{}.parquet", cell.id);
            let words = [&cell.topology, &cell.server, &cell.workload, &cell.driver].map(Clone::clone);
            let [topology, server, workload, driver] = words;
            let key = CellKey { topology, server, workload, driver, block: cell.block };
            let mut writer = StampsWriter::create(&folder.path().join(&file), key).unwrap();
            writer.append(&stamps, self.morwen.at(0)).unwrap();
            let stored = writer.finish().unwrap();
            let client = PairingRecord { port: Some(PORT), each: Some(1), waited: 1, ..PairingRecord::default() };
            cell.stamps =
                Some(StampsRecord { file, reported: Some(stored), stored, full: false, clients: vec![client] });
        }
        run_folder::write(folder.path(), &mut manifest, |_| Some(samples.clone()));
        probes::write(&folder.path().join("clock.parquet"), questions).unwrap();
        (folder, manifest)
    }
}

/// From 20 µs on, some ten times as long.
fn delays(seed: u64) -> impl FnMut() -> i64 {
    let mut uniform = verdicts::uniform(seed);
    move || 20_000 + (200_000.0 * uniform().powi(3)) as i64
}

fn pairs(folder: &Path) -> Vec<ClockPairsResult> {
    results::compute(folder).unwrap().clock_pairs
}

fn clock() -> impl Strategy<Value = Clock> {
    (-1_000_000_000_000_i64..1_000_000_000_000, -60_000_i64..60_000)
        .prop_map(|(ahead_ns, drift_ppb)| Clock { ahead_ns, drift_ppb })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whoever looks: calls, questions, or both, which know no less than either.
    #[test]
    fn how_far_three_clocks_are_apart_is_within_every_bound(
        controller in clock(), hurin in clock(), morwen in clock(), seed in 0_u64..1_000_000,
    ) {
        // The driver's epoch is where the fixture's samples have it.
        let world = World { controller, hurin: Clock { ahead_ns: EPOCH_NS, ..hurin }, morwen, seed };
        let (folder, _) = world.run(&world.questions());
        let found = pairs(folder.path());
        let [found] = found.as_slice() else { panic!("{found:?}") };
        prop_assert_eq!((found.topology.as_str(), &found.contradiction), ("others", &None));
        let at = world.morwen.when(found.at_ns + world.morwen.at(0));
        prop_assert!((900e6..1_100e6).contains(&at), "amid the calls: {at}");
        let named: Vec<_> = found.pairs.iter().map(|pair| (pair.of.as_str(), pair.against.as_str())).collect();
        prop_assert_eq!(named, [("hurin", "morwen"), ("hurin", "the controller"), ("morwen", "the controller")]);
        for pair in &found.pairs {
            let known = [pair.from_calls, pair.from_questions, pair.together];
            for [offset_ns, bound_ns] in known.into_iter().flatten() {
                let off = world.clock(&pair.of).beyond(world.clock(&pair.against), at, offset_ns);
                prop_assert!(off.abs() <= bound_ns as f64 + 0.01, "off by {off} ns: {pair:?}");
            }
            prop_assert_eq!(pair.from_calls.is_some(), pair.against == "morwen");
            let [_, together] = pair.together.unwrap();
            for [_, alone] in [pair.from_calls, pair.from_questions].into_iter().flatten() {
                prop_assert!(together <= alone, "{pair:?}");
            }
        }
    }
}

/// A clock that lies to the controller and not in its stamps: each pair of hosts agrees.
#[test]
fn stamps_that_were_forged_contradict_each_other_around_the_circle_and_every_reader_is_told() {
    let honest = WORLD.questions();
    let mut forged = honest.clone();
    for row in forged.iter_mut().filter(|row| row.host == "morwen") {
        row.answer_ns = row.answer_ns.map(|[t2, t3, t4]| [t2 + 5 * MS, t3 + 5 * MS, t4]);
    }
    let (honest, _) = WORLD.run(&honest);
    let (before, report) = report_of(honest.path());
    assert!(report.contains("#### Between hosts") && !report.contains("contradict"), "{report}");
    let (folder, _) = WORLD.run(&forged);
    let (results, report) = report_of(folder.path());
    let [found] = results.clock_pairs.as_slice() else { panic!("{:?}", results.clock_pairs) };
    let contradiction = found.contradiction.as_ref().unwrap();
    let mut hosts = contradiction.hosts.clone();
    hosts.sort_unstable();
    assert_eq!(hosts, ["hurin", "morwen", "the controller"]);
    assert!((4 * MS..5 * MS).contains(&contradiction.by_ns), "{contradiction:?}");
    let alone = |pair: usize| (found.pairs[pair].from_calls, found.pairs[pair].from_questions);
    assert!(matches!((alone(0), alone(2)), ((Some(_), Some(_)), (None, Some(_)))), "{found:?}");
    assert!(found.pairs.iter().all(|pair| pair.together.is_none()), "{found:?}");
    let told = format!("contradict each other by {} ns", contradiction.by_ns);
    let (cell, cell_before) = (&results.cells[0], &before.cells[0]);
    assert_ne!(cell.verdict, "valid");
    let new: Vec<_> = cell.reasons.iter().filter(|reason| !cell_before.reasons.contains(reason)).collect();
    assert!(matches!(new.as_slice(), [reason] if reason.contains(&told)), "{new:?}");
    let page = fs::read_to_string(folder.path().join("report.html")).unwrap();
    for written in [report, page] {
        let (_, between) = written.rsplit_once("Between hosts").unwrap();
        assert!(between.contains(&told), "{between}");
    }
}

#[test]
fn questions_that_are_lost_or_of_another_clock_are_not_taken_for_none() {
    let (folder, mut manifest) = WORLD.run(&WORLD.questions());
    let path = folder.path().join("clock.parquet");
    for damage in [&|| fs::write(&path, "torn").unwrap(), &|| fs::remove_file(&path).unwrap()] as [&dyn Fn(); 2] {
        damage();
        let (results, _) = report_of(folder.path());
        let reasons = &results.cells[0].reasons;
        let told = reasons.iter().any(|it| {
            it.starts_with("Whether the clocks of ")
                && it.contains(" agree is not known: ")
                && it.contains("clock.parquet")
        });
        assert!(told && results.cells[0].verdict != "valid", "{reasons:?}");
    }
    let (folder, _) = WORLD.run(&WORLD.questions());
    manifest.other_clocks = vec!["hurin".to_owned()];
    run_folder::save(folder.path(), &manifest);
    let (results, _) = report_of(folder.path());
    assert_eq!(results.clock_pairs, []);
}

#[test]
fn nothing_is_shown_where_there_are_no_three_clocks_or_one_of_them_stood_still() {
    let (folder, manifest) = WORLD.run(&WORLD.questions());
    assert_eq!(pairs(folder.path()).len(), 1);
    let without = |change: &dyn Fn(&mut Manifest)| {
        let mut manifest = manifest.clone();
        change(&mut manifest);
        run_folder::save(folder.path(), &manifest);
        let (results, report) = report_of(folder.path());
        assert_eq!(results.clock_pairs, []);
        assert!(!report.contains("Between hosts"), "{report}");
        let page = fs::read_to_string(folder.path().join("report.html")).unwrap();
        assert!(!page.contains(">Between hosts<"), "{page}");
    };
    without(&|manifest| manifest.clocks.clear());
    without(&|manifest| drop(manifest.clocks.remove(0)));
    without(&|manifest| manifest.topologies[0].client = "morwen".to_owned());
    without(&|manifest| manifest.clocks[0].events[0].kind = "slept".to_owned());
    without(&|manifest| manifest.cells.iter_mut().for_each(|cell| cell.stamps = None));
}

/// Its clock shows the same as that of the one before, by accident, much later.
#[test]
fn what_another_controller_has_asked_is_about_another_clock() {
    let mut questions = WORLD.questions();
    let (folder, _) = WORLD.run(&questions);
    let later = questions.iter().map(|row| {
        let answer_ns = row.answer_ns.map(|[t2, t3, t4]| [t2 + 100_000 * MS, t3 + 100_000 * MS, t4 + 7 * MS]);
        ProbeRow { session: 1, t1_ns: row.t1_ns + 7 * MS, answer_ns, ..row.clone() }
    });
    questions = questions.iter().cloned().chain(later.collect::<Vec<_>>()).collect();
    assert_eq!(pairs(WORLD.run(&questions).0.path()), pairs(folder.path()));
}
