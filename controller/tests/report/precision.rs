//! A run that was to go on until its cells were precise.

use rpycbench_controller::results;
use rpycbench_controller::results::schema::CellResult;
use rpycbench_controller::store::manifest::PrecisionRecord;
use tempfile::TempDir;

use crate::run_folder;
use crate::verdicts::{self, SAMPLES};

fn cell_of(wanted: &str, samples: usize) -> CellResult {
    let folder = TempDir::new().unwrap();
    let mut manifest = run_folder::manifest(5);
    manifest.precision = Some(PrecisionRecord { wanted: wanted.parse().unwrap(), blocks: 5, begun: 5, max_blocks: 5 });
    manifest.cells.iter_mut().for_each(|cell| cell.expected = samples as u64);
    run_folder::write(folder.path(), &mut manifest, |cell| {
        let faster = 1.0 + 0.01 * f64::from(cell.block);
        let durations = verdicts::steady(cell).into_iter().take(samples).map(|ns| (ns as f64 * faster) as i64);
        Some(run_folder::samples(&durations.collect::<Vec<_>>()))
    });
    results::compute(folder.path()).unwrap().cells.remove(0)
}

#[test]
fn a_cell_that_is_as_precise_as_was_asked_is_valid() {
    let cell = cell_of("mean ± 5%", SAMPLES);
    assert_eq!((cell.verdict.as_str(), cell.reasons.len()), ("valid", 0), "{:?}", cell.reasons);
}

#[test]
fn a_cell_that_fell_short_says_by_how_much() {
    let cell = cell_of("mean ± 1%", SAMPLES);
    let [low, high] = cell.ci95["mean"].unwrap();
    let percent = ((high - low) / 2.0 / cell.mean.unwrap() * 1_000.0).round() / 10.0;
    assert!(percent > 1.0, "{percent}");
    verdicts::assert_doubt(&cell, &format!("mean is known to ± {percent} % after 5 blocks, ± 1 % was asked for."));
}

#[test]
fn a_cell_without_an_interval_says_by_which_rule() {
    let cell = cell_of("p999 ± 5%", SAMPLES);
    let expected = "p999 has no interval after 5 blocks, as too few samples are beyond it; ± 5 % was asked for.";
    verdicts::assert_doubt(&cell, expected);
}
