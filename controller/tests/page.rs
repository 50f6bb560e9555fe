//! `report.html` in a real browser.

#![expect(clippy::unwrap_used, reason = "a test may unwrap: a panic is how it fails")]
#![expect(clippy::print_stdout, reason = "stdout is where a test says that it was skipped, and what it has measured")]

#[path = "page/browser.rs"]
mod browser;
#[path = "report/run_folder.rs"]
#[expect(dead_code, reason = "shared with the tests of report.md, which need all of it")]
mod run_folder;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use browser::Browser;
use rpycbench_controller::compare::trend::{self, Trend};
use rpycbench_controller::compare::{self, Axis, Run, Wanted};
use rpycbench_controller::store::manifest::{CellStatus, Manifest};
use rpycbench_controller::{report, results};
use run_folder::{lifelike, plan_cells, save, server, study, workload, write};
use serde_json::json;
use tempfile::TempDir;

/// Of a page whose samples are a million, in bytes.
const LARGEST: u64 = 6_000_000;

/// What is wrong with the charts of a page, in words; empty where nothing is.
const WRONG_CHARTS: &str = r"
(() => {
    const wrong = [];
    for (const figure of document.querySelectorAll('figure.chart')) {
        const name = figure.textContent.slice(0, 60);
        const marks = figure.querySelectorAll('.plot path, .plot circle, .plot rect');
        if (figure.dataset.drawn !== 'yes') wrong.push(`${name}: not drawn`);
        if (marks.length === 0) wrong.push(`${name}: nothing in it`);
        for (const mark of figure.querySelectorAll('.plot svg *')) {
            for (const { name: attribute, value } of mark.attributes) {
                if (/NaN|Infinity|undefined|null/.test(value)) wrong.push(`${name}: ${attribute}=${value}`);
            }
        }
        const picture = figure.querySelector('.plot > svg[role=img]');
        if (!picture?.getAttribute('aria-label')) wrong.push(`${name}: no name for who cannot see it`);
    }
    return wrong;
})()";

/// The published study on two hosts, as it might have gone.
fn two_hosts() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let mut manifest = study(3, true);
    manifest.reference = Some("published-study".to_owned());
    manifest.pings = vec![run_folder::ping("localhost", 20_000.0), run_folder::ping("lan", 120_000.0)];
    write(folder.path(), &mut manifest, |cell| Some(lifelike(cell, cell.expected as usize)));
    let page = page_of(folder.path());
    (folder, page)
}

fn page_of(folder: &Path) -> PathBuf {
    let results = results::compute(folder).unwrap();
    report::write_page(folder, &results).unwrap()
}

/// Draws every chart without a complaint, and asks for nothing but itself.
#[track_caller]
fn is_sound(browser: &mut Browser, page: &Path) {
    browser.open(page);
    assert_eq!(browser.value(WRONG_CHARTS), json!([]));
    assert!(browser.complaints().is_empty(), "{:#?}", browser.complaints());
    let own = format!("file://{}", page.display());
    let others: Vec<_> = browser.requests().into_iter().filter(|url| *url != own && *url != "about:blank").collect();
    assert!(others.is_empty(), "{others:?}");
}

#[test]
fn every_chart_is_drawn_and_nothing_leaves_the_page() {
    let Some(mut browser) = Browser::start() else { return };
    let (_folder, page) = two_hosts();
    is_sound(&mut browser, &page);
    // Two for each workload's distribution, a panel for each of its six cells, one of topologies, six of servers, a bar chart
    // of connections, three of load.
    assert_eq!(browser.value("document.querySelectorAll('figure.chart').length"), json!(3 * 2 + 3 * 6 + 1 + 6 + 1 + 3));
    let paint =
        "performance.getEntriesByType('paint').map((it) => `${it.name} ${it.startTime.toFixed(0)} ms`).join(', ')";
    println!("{}, {} bytes", browser.value(paint), fs::metadata(&page).unwrap().len());
}

#[test]
fn pages_of_comparisons_and_trends_are_as_sound_as_those_of_runs() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = TempDir::new().unwrap();
    let runs = ["a", "b"].map(|name| {
        let path = folder.path().join(name);
        let mut manifest = study(4, true);
        manifest.started = format!("2026-01-02T03:04:0{}Z", name.len());
        write(&path, &mut manifest, |cell| Some(lifelike(cell, 400)));
        Run::open(&path).unwrap()
    });
    let page = folder.path().join("compare.html");
    let document = compare::compare(&runs[0], &runs[1], &Axis::Runs, &Wanted::default()).unwrap();
    fs::write(&page, compare::html(&document).unwrap()).unwrap();
    is_sound(&mut browser, &page);
    assert_eq!(browser.value("document.querySelectorAll('figure.chart').length"), json!(1));
    assert_eq!(browser.value("document.querySelectorAll('#changes tbody tr').length"), json!(18 * 7));
    let page = folder.path().join("trend.html");
    fs::write(&page, trend::html(&Trend::of(folder.path()).unwrap()).unwrap()).unwrap();
    browser.open(&page);
    assert!(browser.complaints().is_empty(), "{:#?}", browser.complaints());
    assert_eq!(browser.value("document.querySelectorAll('figure.chart circle').length"), json!(18 * 2 * 2));
    let outside =
        "[...document.querySelectorAll('.plot svg')].filter((it) => it.getBBox().x < 0 || it.getBBox().y < 0).length";
    assert_eq!(browser.value(outside), json!(0));
    browser.size(360, 740);
    browser.open(&page);
    assert_eq!(browser.value("document.documentElement.scrollWidth"), json!(360));
    let tall = browser.value("document.querySelector('.plot svg text').getBoundingClientRect().height");
    assert!(tall.as_f64().unwrap() >= 8.0, "its words can be read on a phone, too: {tall}");
}

#[test]
fn colours_follow_the_system_until_a_reader_chooses_and_the_choice_is_remembered() {
    let Some(mut browser) = Browser::start() else { return };
    let (_folder, page) = two_hosts();
    let paper = "getComputedStyle(document.body).backgroundColor";
    browser.media("screen", "light");
    browser.open(&page);
    let light = browser.value(paper);
    browser.media("screen", "dark");
    let dark = browser.value(paper);
    assert_ne!(light, dark);
    browser.value("document.querySelector('[data-theme-choice=light]').click()");
    assert_eq!(browser.value(paper), light);
    browser.open(&page);
    assert_eq!(browser.value(paper), light, "after the page was opened again");
    browser.media("print", "dark");
    assert_eq!(browser.value(paper), json!("rgb(255, 255, 255)"), "paper is white");
    assert_eq!(browser.value("getComputedStyle(document.querySelector('.tools')).display"), json!("none"));
}

#[test]
fn a_heading_sorts_its_table_upwards_then_downwards_with_mouse_and_keyboard() {
    let Some(mut browser) = Browser::start() else { return };
    let (_folder, page) = two_hosts();
    browser.open(&page);
    browser.value(
        "window.table = document.querySelector('#cells table'); \
         window.means = () => [...table.tBodies[0].rows].map((row) => Number(row.cells[4].dataset.v)); \
         window.heading = table.tHead.rows[0].cells[4]; heading.querySelector('button').click()",
    );
    let ascends = "means().length === 18 && means().every((mean, at, all) => at === 0 || all[at - 1] <= mean)";
    assert_eq!(browser.value(ascends), json!(true), "{}", browser.value("means()"));
    assert_eq!(browser.value("heading.getAttribute('aria-sort')"), json!("ascending"));
    browser.value("heading.querySelector('button').focus()");
    browser.key("Enter", "Enter", 13);
    let descends = "means().every((mean, at, all) => at === 0 || all[at - 1] >= mean)";
    assert_eq!(browser.value(descends), json!(true), "{}", browser.value("means()"));
    assert_eq!(browser.value("heading.getAttribute('aria-sort')"), json!("descending"));
    browser.value(
        "window.field = table.closest('.table').querySelector('input'); field.value = 'lan http'; field.dispatchEvent(new Event('input'))",
    );
    assert_eq!(browser.value("[...table.tBodies[0].rows].filter((row) => !row.hidden).length"), json!(3));
}

#[test]
fn a_chart_is_looked_at_closer_by_dragging_and_by_keys_and_says_its_values() {
    let Some(mut browser) = Browser::start() else { return };
    let (_folder, page) = two_hosts();
    browser.open(&page);
    browser.value(
        "window.chart = document.querySelector('[data-chart=spectrum]'); \
         window.ticks = () => [...chart.querySelectorAll('.words text')].map((it) => it.textContent).join(' ')",
    );
    let whole = browser.value("ticks()");
    browser.drag("[data-chart=spectrum] .plot", 0.5, 0.7);
    assert_eq!(browser.value("chart.hasAttribute('data-zoomed')"), json!(true));
    assert_ne!(browser.value("ticks()"), whole);
    browser.value("chart.querySelector('[aria-label=\"Show all\"]').click()");
    assert_eq!(browser.value("ticks()"), whole);

    browser.value("chart.querySelector('.plot').focus()");
    browser.key("+", "Equal", 187);
    assert_eq!(browser.value("chart.hasAttribute('data-zoomed')"), json!(true));
    browser.key("0", "Digit0", 48);
    assert_eq!(browser.value("ticks()"), whole);
    browser.key("ArrowRight", "ArrowRight", 39);
    let read = browser.value("chart.querySelector('.readout.on').textContent");
    assert!(read.as_str().unwrap().starts_with("p0rpyc-threaded, localhost"), "{read}");
    assert_eq!(browser.value("chart.querySelectorAll('.readout div').length"), json!(6));

    let lines = "chart.querySelectorAll('.plot .inside > g').length";
    assert_eq!(browser.value(lines), json!(6));
    browser.value("chart.querySelector('.legend button').click()");
    assert_eq!(browser.value(lines), json!(5));
    assert_eq!(browser.value("chart.querySelector('.legend button').getAttribute('aria-pressed')"), json!("false"));
    assert_eq!(browser.value(WRONG_CHARTS), json!([]));
}

#[test]
fn every_figure_that_a_chart_says_is_that_of_the_results() {
    let Some(mut browser) = Browser::start() else { return };
    let (folder, page) = two_hosts();
    browser.open(&page);
    browser.value(
        "window.data = JSON.parse(document.getElementById('data').textContent); \
         window.at = (line, q) => line.durations[data.quantiles.findIndex((it) => Math.abs(it - q) < 1e-9)]",
    );
    let results = results::compute(folder.path()).unwrap();
    let mut compared = 0;
    for cell in &results.cells {
        let line = format!(
            "data.distributions.find((it) => it.workload === '{}').lines.find((it) => it.look.name === '{}, {}')",
            cell.workload, cell.server, cell.topology
        );
        assert_eq!(browser.value(&format!("{line}.max")), json!(cell.max));
        for (q, figure) in [(0.0, cell.min.map(|it| it as f64)), (0.5, cell.p50), (0.9, cell.p90), (0.99, cell.p99)] {
            let shown = browser.value(&format!("at({line}, {q})")).as_f64().unwrap();
            assert!((shown - figure.unwrap()).abs() <= 0.5, "{line} at {q}: {shown}, not {figure:?}");
            compared += 1;
        }
    }
    assert_eq!(compared, 18 * 4);
}

#[test]
fn a_warm_up_that_was_cut_is_in_the_time_line_shaded_and_in_no_distribution() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = TempDir::new().unwrap();
    let mut manifest = run_folder::manifest(5);
    manifest.cells.iter_mut().for_each(|cell| cell.expected = 1_000);
    write(folder.path(), &mut manifest, |cell| {
        let slow = |call: usize| if cell.block == 2 && call < 120 { 5 } else { 1 };
        let scatter = |call: usize| (call * 7_919 % 1_009) as i64;
        Some(run_folder::samples(
            &(0..1_000).map(|call| slow(call) * (100_000 + 10 * scatter(call))).collect::<Vec<_>>(),
        ))
    });
    let cut = results::compute(folder.path()).unwrap().cells[0].warmup_cut;
    assert!(cut > 100, "{cut}");
    is_sound(&mut browser, &page_of(folder.path()));
    browser.value("window.line = JSON.parse(document.getElementById('data').textContent).distributions[0].lines[0]");
    assert_eq!(browser.value("line.count"), json!(5_000 - cut));
    assert!(browser.value("line.max").as_i64().unwrap() < 500_000, "the slow samples are in the distribution");
    assert!(browser.value("Math.max(...line.blocks[1].max)").as_i64().unwrap() >= 500_000, "and not in the time line");
    assert_eq!(browser.value("document.querySelectorAll('#time .shaded').length"), json!(1));
}

/// What the cells of a page's tables say, and the parts of those that say several things.
fn table_cells(page: &str) -> BTreeSet<String> {
    let cells = page.split("<td").chain(page.split("<th"));
    let inner = cells.filter_map(|cell| cell.split_once("</t")?.0.split_once('>')).map(|(_, inner)| inner);
    let text_of = |inner: &str| -> String {
        inner.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text)).collect()
    };
    let mut said = BTreeSet::new();
    for text in inner.map(|inner| text_of(inner).replace("&#x2f;", "/")) {
        said.extend(text.split(", ").chain(text.split(" ").take(1)).map(|part| part.trim().to_owned()));
        said.insert(text.replace(',', ""));
        said.insert(text);
    }
    said
}

#[test]
fn what_report_md_has_in_a_table_is_in_a_table_of_the_page() {
    let (two, _) = two_hosts();
    let three = TempDir::new().unwrap();
    write(three.path(), &mut run_folder::three_hosts(3), |cell| Some(lifelike(cell, cell.expected as usize)));
    for folder in [two, three] {
        let results = results::compute(folder.path()).unwrap();
        let text = fs::read_to_string(report::write(folder.path(), &results).unwrap()).unwrap();
        let page = table_cells(&fs::read_to_string(page_of(folder.path())).unwrap());
        let lines: Vec<_> = text.lines().collect();
        // Headings are other words there.
        let rows = lines.windows(2).filter(|it| it[0].starts_with("| ") && !it[1].starts_with("|--")).map(|it| it[0]);
        let cells = rows.flat_map(|row| row.split('|').map(|cell| cell.trim_matches([' ', '*'])));
        let cells: Vec<_> = cells.filter(|cell| !cell.is_empty()).collect();
        // That a mean cannot be told from zero stands in a column of its own.
        let is_there =
            |cell: &String| page.contains(cell) || page.contains(cell.trim_end_matches(", cannot be told from zero"));
        let missing: Vec<_> = cells.iter().map(|cell| cell.replace('\\', "")).filter(|cell| !is_there(cell)).collect();
        assert!(cells.len() > 500, "{}", cells.len());
        assert!(missing.is_empty(), "{missing:#?}");
    }
}

#[test]
fn no_page_is_wider_than_a_phone() {
    let Some(mut browser) = Browser::start() else { return };
    let (_folder, page) = two_hosts();
    browser.size(360, 740);
    browser.open(&page);
    assert_eq!(browser.value("document.documentElement.scrollWidth"), json!(360));
    browser.value("window.box = document.querySelector('#cells .scroll'); box.scrollLeft = 200");
    assert_eq!(browser.value("box.scrollLeft"), json!(200), "a table that is wider is moved in its own frame");
    assert_eq!(browser.value(WRONG_CHARTS), json!([]));
}

#[test]
fn tables_and_summary_are_there_without_a_script_and_charts_are_said_not_to_be() {
    let Some(mut browser) = Browser::start() else { return };
    let (_folder, page) = two_hosts();
    browser.open_without_script(&page);
    let seen = browser.value("document.querySelector('main').innerText");
    let seen = seen.as_str().unwrap();
    for words in
        ["Charts and sorting need JavaScript", "rpyc-threaded takes", "Times of every cell", "Every comparison"]
    {
        assert!(seen.contains(words), "{words} is missing:\n{seen}");
    }
    assert_eq!(browser.value("document.querySelectorAll('#cells tbody tr').length"), json!(3 * 18));
    let empty = "[...document.querySelectorAll('figure.chart, .switch')].filter((it) => it.offsetHeight > 0).length";
    assert_eq!(browser.value(empty), json!(0), "an empty frame says nothing");
}

#[test]
fn r25_what_means_ill_is_shown_and_not_obeyed() {
    const EVIL: &str =
        "</script><script>window.taken = 1</script><img src=x onerror='window.taken = 2'><!-- \u{1b}[31m\u{202e}";
    const SHOWN: &str =
        "</script><script>window.taken = 1</script><img src=x onerror='window.taken = 2'><!-- \\u{1b}[31m\\u{202e}";
    let Some(mut browser) = Browser::start() else { return };
    let folder = TempDir::new().unwrap();
    let mut manifest = study(3, true);
    manifest.cells.iter_mut().filter(|cell| cell.block == 2).for_each(|cell| cell.reason = EVIL.to_owned());
    manifest.description = EVIL.to_owned();
    manifest.warnings = vec![EVIL.to_owned()];
    manifest.version = EVIL.to_owned();
    for host in manifest.hosts.values_mut() {
        for text in [
            &mut host.hostname,
            &mut host.cpu_model,
            &mut host.python,
            &mut host.agent,
            &mut host.os,
            &mut host.confinement,
        ] {
            *text = EVIL.to_owned();
        }
        host.packages.insert(EVIL.to_owned(), EVIL.to_owned());
    }
    manifest.links = vec![run_folder::link("lan", "turin", "drives", EVIL)];
    write(folder.path(), &mut manifest, |cell| (cell.block != 2).then(|| lifelike(cell, cell.expected as usize)));
    fs::write(folder.path().join("plan.toml"), EVIL).unwrap();
    let page = page_of(folder.path());
    is_sound(&mut browser, &page);
    assert_eq!(browser.value("window.taken ?? null"), json!(null));
    assert_eq!(browser.value("document.querySelectorAll('img').length + document.scripts.length"), json!(2));
    let shown = browser.value("document.body.textContent");
    let times = shown.as_str().unwrap().matches(SHOWN).count();
    // Description, warning, version, plan; of two hosts six texts and a library's name and version; the link; a verdict of
    // each of 18 cells, which says it, and each of them where it is missing.
    assert_eq!(times, 4 + 2 * 8 + 1 + 18 + 18, "{shown}");
}

/// The page of a study of so many blocks is sound, and has these words in it.
#[track_caller]
fn says(browser: &mut Browser, words: &str, blocks: u32, measure: impl FnOnce(&mut Manifest, &Path)) {
    let folder = TempDir::new().unwrap();
    let mut manifest = study(blocks, true);
    measure(&mut manifest, folder.path());
    let page = page_of(folder.path());
    is_sound(browser, &page);
    let seen = browser.value("document.querySelector('main').textContent");
    assert!(seen.as_str().unwrap().contains(words), "{words} is not in {seen}");
}

#[test]
fn a_run_with_little_in_it_draws_what_there_is_and_says_what_there_is_not() {
    let Some(mut browser) = Browser::start() else { return };
    let of_calls = |durations: &'static [i64]| {
        move |manifest: &mut Manifest, folder: &Path| {
            manifest.cells.iter_mut().for_each(|cell| cell.expected = durations.len() as u64);
            write(folder, manifest, |_| Some(run_folder::samples(durations)));
        }
    };
    let charts = "document.querySelectorAll('figure.chart').length";
    says(&mut browser, "Not drawn: no sample of workload latency is here", 3, |manifest, folder| {
        write(folder, manifest, |_| None);
    });
    assert_eq!(browser.value(charts), json!(0));
    says(&mut browser, "Not drawn: no sample of workload latency succeeded", 3, of_calls(&[-1_000; 4]));
    assert_eq!(browser.value(charts), json!(7), "throughput, of which failures are a part, can be compared");
    says(&mut browser, "ms, no interval", 1, of_calls(&[5_000]));
    says(&mut browser, "Nothing speaks against any of the 18 cells", 3, of_calls(&[5_000; 100]));
    says(&mut browser, "Nothing speaks against any of the 18 cells", 3, of_calls(&[0; 3]));
    says(&mut browser, "The run is not complete", 3, |manifest, folder| {
        write(folder, manifest, |cell| (cell.id % 2 == 0).then(|| lifelike(cell, cell.expected as usize)));
        manifest.cells.iter_mut().filter(|cell| cell.id % 2 == 1).for_each(|cell| cell.status = CellStatus::Failed);
        save(folder, manifest);
    });
    // A slice of failures alone has a cross, and can be read.
    says(&mut browser, "samples failed", 3, |manifest, folder| {
        let durations: Vec<i64> = (0..100).map(|call| if call < 40 { -1_000 } else { 1_000 + call }).collect();
        write(folder, manifest, |_| Some(run_folder::samples(&durations)));
    });
    assert_ne!(browser.value("document.querySelectorAll('#time .failure').length"), json!(0));
    browser.value("document.querySelector('#time .plot').focus()");
    browser.key("ArrowRight", "ArrowRight", 39);
    let read = browser.value("document.querySelector('#time .readout.on').textContent");
    let read = read.as_str().unwrap();
    assert!(read.contains(" 0 good calls") && read.contains("failed"), "{read}");
}

#[test]
fn a_million_samples_make_a_page_of_less_than_six_megabytes_that_draws_every_chart() {
    let Some(mut browser) = Browser::start() else { return };
    let folder = TempDir::new().unwrap();
    let mut manifest = study(0, false);
    manifest.servers = (0..20).map(|number| server(&format!("server-{number}"), "rpyc", "threaded")).collect();
    manifest.workloads =
        [1, 4, 16].map(|clients| workload(&format!("of-{clients}"), "closed", clients, 3_334)).to_vec();
    plan_cells(&mut manifest, 5);
    manifest.cells.iter_mut().for_each(|cell| cell.expected = 3_334);
    write(folder.path(), &mut manifest, |cell| Some(lifelike(cell, 3_334)));
    assert!(manifest.cells.iter().map(|cell| cell.stored).sum::<u64>() > 1_000_000);
    let page = page_of(folder.path());
    let size = fs::metadata(&page).unwrap().len();
    assert!(size < LARGEST, "{size} bytes");
    is_sound(&mut browser, &page);
    let paint =
        "performance.getEntriesByType('paint').map((it) => `${it.name} ${it.startTime.toFixed(0)} ms`).join(', ')";
    println!("{}, {size} bytes of {} cells", browser.value(paint), manifest.cells.len());
    // Twenty cells of a workload: one is chosen, and twelve lines are on.
    let legend = browser.value("document.querySelector('[data-chart=cdf] .legend .note').textContent");
    assert_eq!(legend, json!("8 of 20 are off at first."));
    browser.value(
        "window.choose = document.querySelector('#time select'); choose.value = '19'; \
         choose.dispatchEvent(new Event('change'))",
    );
    assert_eq!(browser.value("document.querySelector('#time figure .title').textContent"), json!("server-19"));
    assert_eq!(browser.value(WRONG_CHARTS), json!([]));
}
