//! What other programs read of a run, read by others than ours.

#![expect(clippy::unwrap_used, reason = "a test may unwrap: a panic is how it fails")]
#![expect(clippy::print_stdout, reason = "stdout is where a test says that it was skipped")]

#[path = "report/run_folder.rs"]
#[expect(dead_code, reason = "shared with the tests of report.md, which need all of it")]
mod run_folder;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use proptest::prelude::*;
use rpycbench_controller::export::{self, schema};
use rpycbench_controller::results;
use rpycbench_controller::store::manifest::{CellRecord, CellStatus, Manifest};
use run_folder::{lifelike, manifest, save, study, write};
use serde_json::Value;
use tempfile::TempDir;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// None where the tools of `make check` are not here, which is then said; on CI they must be.
fn python() -> Option<PathBuf> {
    let python = root().join("target/tools/python/bin/python");
    if python.exists() {
        return Some(python);
    }
    assert!(std::env::var_os("CI").is_none(), "no {}: make target/tools/python.made", python.display());
    println!("skipped: no {} (make target/tools/python.made)", python.display());
    None
}

fn export(folder: &Path) -> Vec<PathBuf> {
    let results = results::compute(folder).unwrap();
    results::write(folder, &results).unwrap();
    let mut made = export::csv::write(folder, &results).unwrap();
    made.push(export::histograms::write(folder).unwrap());
    made
}

fn read(python: &Path, folder: &Path) -> Output {
    let script = root().join("tests/readers/exports.py");
    Command::new(python).arg(script).arg(folder).arg(root().join("docs/results.schema.json")).output().unwrap()
}

/// What the reader has compared.
#[track_caller]
fn is_read(folder: &Path) -> Option<Value> {
    let python = python()?;
    let output = read(&python, folder);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

fn run_of(mut manifest: Manifest, measure: impl Fn(&CellRecord) -> Option<Vec<i64>>) -> TempDir {
    let folder = TempDir::new().unwrap();
    write(folder.path(), &mut manifest, |cell| Some(run_folder::samples(&measure(cell)?)));
    folder
}

#[test]
fn figures_of_a_study_are_those_of_every_reader() {
    let folder = TempDir::new().unwrap();
    let mut manifest = study(4, true);
    write(folder.path(), &mut manifest, |cell| Some(lifelike(cell, 777)));
    export(folder.path());
    let Some(compared) = is_read(folder.path()) else { return };
    assert_eq!((&compared["cells"], &compared["samples"]), (&18.into(), &(18 * 4 * 777).into()), "{compared}");
    assert!(compared["fields"].as_u64() > Some(18 * 50), "{compared}");
}

#[test]
fn odd_runs_are_read_as_well() {
    let slow = |cell: &CellRecord| {
        (0..600).map(|n| if n < 60 { 900_000 + n } else { 1_000 * i64::from(cell.block) + n % 7 }).collect()
    };
    let runs = [
        run_of(manifest(1), |_| Some(vec![5_000])),
        run_of(manifest(3), |_| Some(vec![-1_000; 4])),
        run_of(manifest(3), |_| Some(vec![7_000; 400])),
        run_of(manifest(3), |cell| (cell.block != 2).then(|| vec![0, 1, 2, 9_000_000_000_000])),
        run_of(manifest(3), |_| None),
        run_of(manifest(4), |cell| Some(slow(cell))),
    ];
    for folder in &runs {
        export(folder.path());
        is_read(folder.path());
    }
}

#[test]
fn a_run_whose_files_are_damaged_is_exported_as_far_as_it_goes() {
    let folder = TempDir::new().unwrap();
    let mut manifest = manifest(3);
    write(folder.path(), &mut manifest, |cell| Some(lifelike(cell, 50)));
    let path = folder.path().join(&manifest.cells[1].samples);
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    manifest.cells[2].status = CellStatus::Failed;
    // Of what a spreadsheet, a page and a terminal would take for more than text.
    manifest.cells[2].reason = "=cmd|' /C calc'!A0 <script>alert(1)</script> \u{1b}[2J".to_owned();
    save(folder.path(), &manifest);
    export(folder.path());
    let log = fs::read_to_string(folder.path().join("histograms.hlog")).unwrap();
    assert!(log.contains("#localhost/rpyc-threaded/latency/python/b2: samples are lost: "), "{log}");
    assert_eq!(log.lines().filter(|line| line.starts_with("Tag=")).count(), 2, "{log}");
    let cells = fs::read_to_string(folder.path().join("cells.csv")).unwrap();
    assert!(!cells.contains(",=") && !cells.contains("\"="), "{cells}");
    is_read(folder.path());
}

#[test]
fn what_cannot_be_exported_says_why() {
    let broken = |edit: fn(&mut Manifest)| {
        let folder = TempDir::new().unwrap();
        let mut manifest = manifest(1);
        write(folder.path(), &mut manifest, |cell| Some(lifelike(cell, 4)));
        edit(&mut manifest);
        save(folder.path(), &manifest);
        export::histograms::write(folder.path()).unwrap_err().to_string()
    };
    let newer = broken(|manifest| manifest.schema = 2);
    assert!(newer.contains("run.json has schema 2, newer than the 1"), "{newer}");
    let timeless = broken(|manifest| manifest.started = "yesterday".to_owned());
    assert!(timeless.contains("histograms.hlog") && timeless.contains("started at \"yesterday\""), "{timeless}");
}

#[test]
fn the_published_schemas_are_those_of_the_types() {
    for (name, schema) in [("results", schema::results()), ("compare", schema::comparison())] {
        let path = root().join(format!("docs/{name}.schema.json"));
        let published: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        let hint = "cargo run -p rpycbench-controller --example json_schemas";
        assert!(published == *schema.as_value(), "{} is not that of the types: {hint}", path.display());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    /// To the last bit: the reader takes them of the Parquet file.
    #[test]
    fn percentiles_are_those_of_numpy(
        blocks in prop::collection::vec(prop::collection::vec(0..4_000_000_000_000_i64, 1..300), 1..5),
    ) {
        let folder = run_of(manifest(blocks.len() as u32), |cell| blocks.get(cell.block as usize - 1).cloned());
        export(folder.path());
        is_read(folder.path());
    }
}
