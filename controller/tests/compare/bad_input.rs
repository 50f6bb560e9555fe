//! Runs that are odd or damaged: a clear error or a correct page, from every command that reads them.

use std::fs;
use std::path::Path;

use rpycbench_controller::store::manifest::{CellStatus, Manifest};
use run_folder::{manifest, samples, save, write};
use tempfile::TempDir;

use crate::{controller, run_folder};

/// The same run twice, the second edited, in one folder.
struct Pair(TempDir);

impl Pair {
    fn of(durations: impl Fn(u32) -> Option<Vec<i64>>, edit: impl Fn(&Path, &mut Manifest)) -> Self {
        let folder = TempDir::new().unwrap();
        for name in ["base", "new"] {
            let path = folder.path().join(name);
            let mut manifest = manifest(3);
            write(&path, &mut manifest, |cell| Some(samples(&durations(cell.block)?)));
            if name == "new" {
                edit(&path, &mut manifest);
                save(&path, &manifest);
            }
        }
        Self(folder)
    }

    /// Exit codes of `compare`, `trend` and every export, all of which say something and none of which panics.
    #[track_caller]
    fn codes(&self) -> [Option<i32>; 3] {
        let path = |name: &str| self.0.path().join(name).display().to_string();
        let commands: [&[&str]; 3] = [
            &["compare", &path("base"), &path("new"), "--format", "md,json,html", "--out", &path(".")],
            &["trend", &path(".")],
            &["report", &path("new"), "--format", "hgrm,csv,json,html,md"],
        ];
        commands.map(|command| {
            let output = controller(command);
            let says = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!says.contains("panicked"), "{command:?}: {says}");
            let is_sound = if output.status.success() { says.is_empty() } else { says.lines().count() == 1 };
            assert!(is_sound, "{command:?}: {says}");
            output.status.code()
        })
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.0.path().join(name)).unwrap()
    }
}

const DONE: [Option<i32>; 3] = [Some(0); 3];

fn four(_: u32) -> Option<Vec<i64>> {
    Some(vec![10_000, 20_000, 30_000, 40_000])
}

#[test]
fn truncated_samples_make_their_cell_invalid_by_name() {
    let pair = Pair::of(four, |folder, manifest| {
        let path = folder.join(&manifest.cells[1].samples);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    });
    assert_eq!(pair.codes(), DONE);
    assert!(pair.text("compare.md").contains("The samples of block 2 are lost"), "{}", pair.text("compare.md"));
    assert!(pair.text("trend.md").contains("The samples of block 2 are lost"), "{}", pair.text("trend.md"));
}

#[test]
fn a_run_of_a_newer_version_is_refused_by_name_and_left_out_of_a_trend() {
    let pair = Pair::of(four, |_, manifest| manifest.schema = 2);
    assert_eq!(pair.codes(), [Some(1), Some(0), Some(1)]);
    assert!(pair.text("trend.md").contains("has schema 2, newer than the 1"), "{}", pair.text("trend.md"));
}

#[test]
fn missing_cells_are_missed() {
    let none = Pair::of(four, |_, manifest| manifest.cells.clear());
    assert_eq!(none.codes(), [Some(2), Some(0), Some(0)]);
    let one = Pair::of(four, |folder, manifest| fs::remove_file(folder.join(&manifest.cells[0].samples)).unwrap());
    assert_eq!(one.codes(), DONE);
    assert!(one.text("compare.md").contains("the new one is **invalid**"), "{}", one.text("compare.md"));
}

#[test]
fn runs_of_failures_one_sample_and_equal_values_are_compared_as_far_as_they_go() {
    let failed = Pair::of(|_| Some(vec![-1_000; 4]), |_, _| ());
    assert_eq!(failed.codes(), DONE);
    assert!(failed.text("compare.md").contains("All 12 samples failed."), "{}", failed.text("compare.md"));
    let one = Pair::of(|block| (block == 1).then(|| vec![5_000]), |_, _| ());
    assert_eq!(one.codes(), DONE);
    assert!(
        one.text("compare.md").contains("no interval (base: one block; new: one block)"),
        "{}",
        one.text("compare.md")
    );
    let equal = Pair::of(|_| Some(vec![7_000; 400]), |_, _| ());
    assert_eq!(equal.codes(), DONE);
    let text = equal.text("compare.md");
    assert!(text.contains("- p50: 0.00700 ms → 0.00700 ms, change: 0 % [0, 0] no difference can be told"), "{text}");
}

#[test]
fn a_number_that_is_none_is_refused_or_not_asked_for() {
    let pair =
        Pair::of(four, |folder, _| fs::write(folder.join("results.json"), "{\"schema\": 1, \"mean\": NaN}").unwrap());
    assert_eq!(pair.codes(), DONE, "results.json is made again, never read");
    let path = pair.0.path().join("new/run.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("\"cells_wall_s\":600.0", "\"cells_wall_s\":NaN")).unwrap();
    assert_eq!(pair.codes(), [Some(1), Some(0), Some(1)]);
    assert!(pair.text("trend.md").contains("- new: cannot understand "), "{}", pair.text("trend.md"));
}

#[test]
fn what_means_ill_is_shown_and_not_obeyed() {
    let evil = "=1+1<script>alert(1)</script>\u{1b}[2J\u{202e}`**x**";
    let pair = Pair::of(four, |_, manifest| {
        manifest.version = evil.to_owned();
        manifest.hosts.get_mut("turin").unwrap().kernel = evil.to_owned();
        (manifest.cells[0].status, manifest.cells[0].reason) = (CellStatus::Failed, evil.to_owned());
    });
    assert_eq!(pair.codes(), DONE);
    for name in ["compare.html", "trend.html", "new/report.html"] {
        let page = pair.text(name);
        assert!(page.contains("alert(1)"), "{name} does not show it");
        assert!(!page.contains("<script>alert") && !page.contains(['\u{1b}', '\u{202e}']), "{name} obeys it");
    }
    for name in ["compare.md", "trend.md"] {
        let text = pair.text(name);
        assert!(text.contains("\\<script\\>") && !text.contains(['\u{1b}', '\u{202e}']), "{name}: {text}");
    }
    let named = Pair::of(four, |_, manifest| manifest.servers[0].name = evil.to_owned());
    assert_eq!(named.codes(), [Some(1), Some(0), Some(1)], "no plan can have such a name");
    assert!(named.text("trend.md").contains("cannot be a name"), "{}", named.text("trend.md"));
}
