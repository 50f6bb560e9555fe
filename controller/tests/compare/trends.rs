//! A folder of runs.

use std::fs;

use rpycbench_controller::compare::trend::{self, Trend};
use rpycbench_controller::store::manifest::{CellStatus, Manifest};
use tempfile::TempDir;

use crate::{controller, write_run};

fn started(at: &str) -> impl FnOnce(&mut Manifest) {
    let at = at.to_owned();
    move |manifest| manifest.started = at
}

#[test]
fn a_run_on_another_machine_is_said_to_be_one() {
    let folder = TempDir::new().unwrap();
    let newer = |manifest: &mut Manifest| {
        manifest.started = "2026-01-02T00:00:00Z".to_owned();
        manifest.hosts.get_mut("turin").unwrap().kernel = "7.0-*new*".to_owned();
    };
    write_run(&folder.path().join("before"), 1, started("2026-01-01T00:00:00Z"), |_| 1.0);
    write_run(&folder.path().join("after"), 2, newer, |_| 1.2);
    let trend = Trend::of(folder.path()).unwrap();
    let text = trend::markdown(&trend).unwrap();
    let told: Vec<&str> = text.lines().filter(|line| line.contains("the run before it being the base")).collect();
    let [told] = told.as_slice() else { panic!("{text}") };
    assert!(
        told.starts_with("- after, ")
            && told.contains("Host turin: kernel ")
            && told.contains("7.0-\\*new\\* in the new"),
        "{told}"
    );
    assert!(trend::html(&trend).unwrap().contains("Host turin: kernel "));
}

/// Named such that the order of names is not that of the starts.
fn four_runs() -> TempDir {
    let folder = TempDir::new().unwrap();
    let run = |name: &str| folder.path().join(name);
    write_run(&run("d"), 1, started("2026-01-01T00:00:00Z"), |_| 1.0);
    write_run(&run("c"), 2, started("2026-01-02T00:00:00Z"), |_| 1.0);
    let broken = |manifest: &mut Manifest| {
        manifest.started = "2026-01-03T00:00:00Z".to_owned();
        manifest.cells.retain(|cell| cell.topology == "localhost");
    };
    write_run(&run("b"), 3, broken, |_| 3.0);
    let mut manifest = rpycbench_controller::results::manifest(&run("b")).unwrap();
    for cell in &mut manifest.cells {
        (cell.status, cell.reason) = (CellStatus::Failed, "<b>it</b> was lost".to_owned());
    }
    crate::run_folder::save(&run("b"), &manifest);
    write_run(&run("a"), 4, started("2026-01-04T00:00:00Z"), |cell| if cell.topology == "lan" { 1.0 } else { 1.1 });
    folder
}

#[test]
fn cells_are_told_in_the_order_of_the_runs_starts_each_against_the_last_that_was_not_invalid() {
    let folder = four_runs();
    let text = trend::markdown(&Trend::of(folder.path()).unwrap()).unwrap();
    let of_runs: Vec<&str> = text.lines().filter(|line| line.contains(" | 0.1.0 | ")).collect();
    assert_eq!(of_runs.iter().map(|line| &line[2..3]).collect::<String>(), "dcba", "{text}");
    assert!(of_runs[2].ends_with("| 10 | 10 | 2 |"), "incomplete and invalid: {}", of_runs[2]);
    let cell = text.split("### ").find(|part| part.starts_with("localhost/rpyc-threaded")).unwrap();
    let row = |run: &str| cell.lines().find(|line| line.starts_with(&format!("| {run} "))).unwrap();
    assert!(
        row("d").contains("| 0.300 (0.") && row("d").ends_with("| valid | nothing before it to compare with |"),
        "{cell}"
    );
    assert!(row("c").ends_with("| no difference can be told |"), "{cell}");
    assert!(row("b").contains("| invalid | Block 1 failed: \\<b\\>it\\</b\\> was lost"), "{cell}");
    assert!(row("a").contains("| p50 change: +9") || row("a").contains("| p50 change: +10"), "{cell}");
    assert!(
        text.contains("- a: localhost/rpyc-threaded/latency/python, p50 change: +")
            && text.contains(" slower than in c\n"),
        "{text}"
    );
    let lan = text.split("### ").find(|part| part.starts_with("lan/rpyc-threaded")).unwrap();
    assert!(lan.contains("| b | – | – | – | not in the run |"), "{lan}");
    assert!(!text.contains("- a: lan/"), "{text}");
}

#[test]
fn every_study_has_a_section_and_what_is_no_run_is_named() {
    let folder = four_runs();
    write_run(&folder.path().join("other"), 5, |it| it.study = "another".to_owned(), |_| 1.0);
    fs::create_dir(folder.path().join("empty")).unwrap();
    fs::write(folder.path().join("notes.txt"), "x").unwrap();
    std::os::unix::fs::symlink("a", folder.path().join("latest")).unwrap();
    write_run(&folder.path().join("newer"), 6, |it| it.schema = 9, |_| 1.0);
    write_run(&folder.path().join("timeless"), 6, |it| it.started = "yesterday".to_owned(), |_| 1.0);
    let output = controller(&["trend", folder.path().to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    let text = fs::read_to_string(folder.path().join("trend.md")).unwrap();
    for expected in [
        "\n## another\n",
        "\n## rpyc-vs-http\n",
        "- empty: has no run.json\n",
        "- notes.txt: is no folder\n",
        "- latest: is a link\n",
        "- timeless: its run.json says it was started at \"yesterday\"\n",
    ] {
        assert!(text.contains(expected), "{expected} is missing:\n{text}");
    }
    assert!(text.contains("- newer: ") && text.contains("has schema 9, newer than the 1"), "{text}");
    let page = fs::read_to_string(folder.path().join("trend.html")).unwrap();
    assert_eq!(page.matches("<figure class=\"chart\">").count(), 8, "four cells of each study");
    assert!(page.contains("&lt;b&gt;it&lt;&#x2f;b&gt; was lost") && !page.contains("<b>it"), "free text is escaped");
    // What it has made itself is not taken for something else.
    controller(&["trend", folder.path().to_str().unwrap(), "--format", "md"]);
    assert_eq!(fs::read_to_string(folder.path().join("trend.md")).unwrap(), text);
}

#[test]
fn a_cell_that_was_measured_in_another_way_is_not_compared() {
    let folder = TempDir::new().unwrap();
    write_run(&folder.path().join("a"), 1, started("2026-01-01T00:00:00Z"), |_| 1.0);
    let others = |manifest: &mut Manifest| {
        manifest.started = "2026-01-02T00:00:00Z".to_owned();
        manifest.workloads[0].clients = 7;
    };
    write_run(&folder.path().join("b"), 2, others, |_| 2.0);
    let text = trend::markdown(&Trend::of(folder.path()).unwrap()).unwrap();
    assert!(text.contains("| not comparable with a: number of clients 1 there, 7 here |"), "{text}");
    assert!(text.contains("No change can be told."), "{text}");
}

#[test]
fn a_folder_without_a_run_is_refused_with_what_it_lacks() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("x")).unwrap();
    for (path, expected) in [
        (folder.path().to_owned(), "holds no run that can be read (x: has no run.json)"),
        (folder.path().join("y"), "cannot read"),
    ] {
        let output = controller(&["trend", path.to_str().unwrap()]);
        let says = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && says.contains(expected) && says.lines().count() == 1, "{says}");
    }
}
