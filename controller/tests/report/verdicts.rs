//! What samples tell of their own worth: one test a reason, from files as a run leaves them.

use rpycbench_controller::results;
use rpycbench_controller::results::schema::CellResult;
use rpycbench_controller::store::manifest::{CellRecord, CellStatus};
use tempfile::TempDir;

use crate::run_folder;

pub(crate) const SAMPLES: usize = 1_000;

/// The one cell of a run whose samples take a typical 100 µs times `factor` of block and place in it (0..1).
fn cell_of(blocks: u32, factor: impl Fn(&CellRecord, f64) -> f64) -> CellResult {
    cell_of_durations(blocks, |cell| durations(cell, |at| factor(cell, at)))
}

/// A block that nothing speaks against.
pub(crate) fn steady(cell: &CellRecord) -> Vec<i64> {
    durations(cell, |_| 1.0)
}

fn durations(cell: &CellRecord, factor: impl Fn(f64) -> f64) -> Vec<i64> {
    let mut uniform = uniform(u64::from(cell.block));
    let noise = (0..SAMPLES).map(|_| (0..4).map(|_| uniform()).sum::<f64>() / 20.0 + 0.9);
    let at = |number: usize| factor(number as f64 / SAMPLES as f64);
    noise.enumerate().map(|(number, noise)| (100_000.0 * noise * at(number)) as i64).collect()
}

fn cell_of_durations(blocks: u32, durations: impl Fn(&CellRecord) -> Vec<i64>) -> CellResult {
    let folder = TempDir::new().unwrap();
    let mut manifest = run_folder::manifest(blocks);
    manifest.cells.iter_mut().for_each(|cell| cell.expected = SAMPLES as u64);
    run_folder::write(folder.path(), &mut manifest, |cell| Some(run_folder::samples(&durations(cell))));
    results::compute(folder.path()).unwrap().cells.remove(0)
}

/// Numbers from 0 to 1 that look drawn, the same from the same seed.
pub(crate) fn uniform(seed: u64) -> impl FnMut() -> f64 {
    let mut state = (seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[track_caller]
pub(crate) fn assert_doubt(cell: &CellResult, expected: &str) {
    assert_eq!(cell.verdict, "inconclusive", "{:?}", cell.reasons);
    assert_eq!(cell.reasons.len(), 1, "{:?}", cell.reasons);
    assert!(cell.reasons[0].contains(expected), "{:?}", cell.reasons);
}

#[test]
fn steady_blocks_that_agree_are_valid() {
    let cell = cell_of(5, |_, _| 1.0);
    assert_eq!((cell.verdict.as_str(), cell.reasons.len(), cell.warmup_cut), ("valid", 0, 0), "{:?}", cell.reasons);
    for metric in ["mean", "p50", "p90", "p95", "p99", "throughput_per_s"] {
        assert!(cell.ci95[metric].is_some() && !cell.no_interval.contains_key(metric), "{metric}");
    }
    assert_eq!((cell.ci95["p999"], cell.no_interval["p999"].as_str()), (None, "few_beyond"));
}

#[test]
fn a_warm_up_is_cut_from_the_figures_and_told() {
    let warm = |cell: &CellRecord, at: f64| if cell.block == 2 && at < 0.12 { 1.5 } else { 1.0 };
    let (cell, steady) = (cell_of(5, warm), cell_of(5, |_, _| 1.0));
    assert_eq!(cell.verdict, "valid", "{:?}", cell.reasons);
    assert_eq!((cell.count, cell.success_rate), (5_000, Some(1.0)), "a sample that is cut is no sample that is lost");
    assert!((110..=130).contains(&cell.warmup_cut), "{}", cell.warmup_cut);
    let expected = format!("Warm-up lasted about {} of 1000 samples of block 2, ", cell.warmup_cut);
    assert!(cell.reasons.len() == 1 && cell.reasons[0].starts_with(&expected), "{:?}", cell.reasons);
    let off = cell.mean.unwrap() / steady.mean.unwrap() - 1.0;
    assert!(off.abs() < 0.002, "the slow samples are still in the mean: {off}");
}

#[test]
fn a_long_warm_up_is_a_doubt() {
    let cell = cell_of(5, |cell, at| if cell.block == 4 && at < 0.4 { 1.5 } else { 1.0 });
    assert_eq!(cell.verdict, "inconclusive");
    assert!(cell.reasons[0].starts_with("Block 4 spent 40 % of its samples on warming up"), "{:?}", cell.reasons);
    assert!(cell.reasons[1].starts_with("Warm-up lasted about 400 of 1000 samples of block 4"), "{:?}", cell.reasons);
}

#[test]
fn a_drift_inside_a_block_is_a_doubt() {
    let rising = cell_of(5, |cell, at| if cell.block == 3 { 1.0 + 0.15 * at } else { 1.0 });
    assert_doubt(&rising, "Block 3 drifted: its samples got 1");
    assert_doubt(&rising, "slower from the first to the last");
    let falling = cell_of(5, |cell, at| if cell.block == 1 { 1.0 - 0.15 * at } else { 1.0 });
    assert_doubt(&falling, "Block 1 drifted");
    assert_doubt(&falling, "faster from the first to the last");
}

#[test]
fn a_level_shift_inside_a_block_is_a_doubt() {
    let cell = cell_of(5, |cell, at| if cell.block == 5 && at >= 0.7 { 1.15 } else { 1.0 });
    assert_doubt(&cell, "The level of block 5 shifted: after about 700 samples they were 1");
}

#[test]
fn a_block_that_wanders_is_a_doubt() {
    let wave = |at: f64| 1.0 + 0.2 * (std::f64::consts::TAU * 2.0 * at).sin();
    let cell = cell_of(5, |cell, at| if cell.block == 2 { wave(at) } else { 1.0 });
    assert_eq!(cell.verdict, "inconclusive", "{:?}", cell.reasons);
    assert!(cell.reasons[0].starts_with("Block 2 wandered up and down in long waves"), "{:?}", cell.reasons);
}

#[test]
fn a_slow_start_of_a_block_that_is_not_steady_later_is_not_cut() {
    let cell = cell_of(5, |cell, at| match at {
        _ if cell.block != 2 => 1.0,
        _ if at < 0.12 => 1.5,
        _ if at < 0.7 => 1.0,
        _ => 1.15,
    });
    assert_eq!((cell.verdict.as_str(), cell.warmup_cut), ("inconclusive", 0), "{:?}", cell.reasons);
    assert!(cell.reasons.len() == 1 && cell.reasons[0].contains("lock 2 "), "{:?}", cell.reasons);
}

/// TCP takes a tenth of a connection, in its warm-up as after it.
#[test]
fn the_parts_of_a_connection_are_those_of_samples_in_the_figures() {
    let folder = TempDir::new().unwrap();
    let mut manifest = run_folder::manifest(3);
    manifest.workloads = vec![run_folder::workload("connect", "connect", 1, SAMPLES as u32)];
    run_folder::plan_cells(&mut manifest, 3);
    run_folder::write(folder.path(), &mut manifest, |cell| {
        let mut uniform = uniform(u64::from(cell.block));
        let slow = |number: usize| if number < 100 { 2.0 } else { 1.0 };
        let durations: Vec<i64> =
            (0..SAMPLES).map(|number| 10 * (10_000.0 * slow(number) * (1.0 + 0.1 * uniform())) as i64).collect();
        let mut samples = run_folder::samples(&durations);
        samples.tcp_ns = durations.iter().map(|duration| Some(duration / 10)).collect();
        Some(samples)
    });
    let cell = results::compute(folder.path()).unwrap().cells.remove(0);
    let tcp = &cell.parts["tcp"];
    assert!(cell.warmup_cut >= 300, "{}", cell.warmup_cut);
    assert_eq!(tcp.count, cell.count - cell.warmup_cut);
    assert!((10.0 * tcp.mean.unwrap() / cell.mean.unwrap() - 1.0).abs() < 1e-9, "{tcp:?} {:?}", cell.mean);

    crate::report_of(folder.path());
    let page = std::fs::read_to_string(folder.path().join("report.html")).unwrap();
    let (_, data) = page.split_once("id=\"data\">").unwrap();
    let data: serde_json::Value = serde_json::from_str(data.split_once("</script>").unwrap().0).unwrap();
    let rest = &data["ways"][0]["bars"][0]["parts"][2]["mean"];
    assert!((rest.as_f64().unwrap() / (cell.mean.unwrap() - tcp.mean.unwrap()) - 1.0).abs() < 1e-9, "{rest}");
}

#[test]
fn a_block_that_failed_and_cannot_be_read_is_missed_once() {
    let folder = TempDir::new().unwrap();
    let mut manifest = run_folder::manifest(4);
    run_folder::write(folder.path(), &mut manifest, |cell| Some(run_folder::samples(&steady(cell))));
    let lost = &mut manifest.cells[1];
    lost.status = CellStatus::Failed;
    std::fs::write(folder.path().join(&lost.samples), "torn").unwrap();
    run_folder::save(folder.path(), &manifest);
    let cell = results::compute(folder.path()).unwrap().cells.remove(0);
    assert!(!cell.reasons.iter().any(|reason| reason.starts_with("Only ")), "three are whole: {:?}", cell.reasons);
}

#[test]
fn blocks_that_disagree_are_a_doubt() {
    let cell = cell_of(5, |cell, _| if cell.block == 4 { 1.25 } else { 1.0 });
    assert_doubt(&cell, "Blocks disagree: block 4 was 2");
    assert_doubt(&cell, "% of the variance between blocks comes with their starts: more blocks would help");
    let starts_differ = ["p90", "p95", "p99"].iter().all(|metric| cell.no_interval[*metric] == "starts_differ");
    assert!(starts_differ, "{:?}", cell.no_interval);
}

#[test]
fn blocks_that_differ_by_a_few_per_cent_are_none() {
    let cell = cell_of(5, |cell, _| 1.0 + 0.015 * f64::from(cell.block));
    assert_eq!((cell.verdict.as_str(), cell.reasons.len()), ("valid", 0), "{:?}", cell.reasons);
}

/// Two speeds in runs of a hundred.
#[test]
fn samples_that_follow_each_other_are_too_few_for_the_tail() {
    let cell = cell_of_durations(5, |cell| {
        let mut uniform = uniform(u64::from(cell.block));
        let turn = 20 * cell.block as usize;
        let slow = |number: usize| if ((number + turn) / 100).is_multiple_of(2) { 1.04 } else { 1.0 };
        (0..SAMPLES).map(|number| (100_000.0 * slow(number) * (1.0 + 0.01 * uniform())) as i64).collect()
    });
    assert_doubt(&cell, "Samples follow each other: 5000 are worth ");
    assert_doubt(&cell, "independent ones, too few for the interval of p99.");
    assert_eq!(cell.no_interval["p99"], "few_effective_beyond");
}

/// The series is that of all clients together: the file has one after the other.
#[test]
fn samples_of_several_clients_are_looked_at_in_the_order_of_their_starts() {
    let folder = TempDir::new().unwrap();
    let mut manifest = run_folder::manifest(3);
    manifest.cells.iter_mut().for_each(|cell| cell.expected = 2 * SAMPLES as u64);
    run_folder::write(folder.path(), &mut manifest, |cell| {
        let mut uniform = uniform(u64::from(cell.block));
        // The second client is slower, all the time: in the order of the file, a level shift.
        let mut client = |slower: f64| -> Vec<i64> {
            (0..SAMPLES).map(|_| (100_000.0 * slower * (1.0 + 0.1 * uniform())) as i64).collect()
        };
        let (fast, slow) = (client(1.0), client(1.3));
        let mut samples = run_folder::samples(&[fast, slow].concat());
        for number in 0..SAMPLES {
            let (first, second) = (number, number + SAMPLES);
            let shift = samples.start_ns[first] + 500 - samples.start_ns[second];
            samples.start_ns[second] += shift;
            samples.end_ns[second] += shift;
        }
        Some(samples)
    });
    let cell = results::compute(folder.path()).unwrap().cells.remove(0);
    assert_eq!((cell.verdict.as_str(), cell.reasons.len()), ("valid", 0), "{:?}", cell.reasons);
}
