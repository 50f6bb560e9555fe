//! Hosts whose wall clocks are not one.

use std::path::{Path, PathBuf};
use std::time::Instant;

use rpycbench_controller::store::samples;
use rpycbench_tests::Sandbox;
use rpycbench_tests::going::Going;
use rpycbench_tests::installed::Installed;

/// The library that shifts the clock of the program it is loaded into, where it is installed.
pub(crate) fn libfaketime() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.filter_map(Result::ok);
    folders.map(|folder| folder.path().join("faketime/libfaketime.so.1")).find(|path| path.is_file())
}

/// Enrols an agent whose wall clock is shifted, runs over it, and returns what was warned of.
fn warnings_of_a_run(shift: &str) -> Option<String> {
    let Some(library) = libfaketime() else {
        println!("skipped: no libfaketime here (Debian: faketime)");
        return None;
    };
    let sandbox = Sandbox::new();
    let environment = vec![
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME", shift.to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ];
    let hurin = Installed::start_in(&sandbox, "hurin", "127.0.0.2", environment);
    let code = hurin.code("hurin");
    let outcome = sandbox.call(&["enrol", &hurin.address, "--code", &code]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let plan = format!(
        "[study]\nname = \"clocks\"\nblocks = 1\n[hosts.here]\nlocal = true\n[hosts.hurin]\nagent = \"{}\"\n\
         [[topologies]]\nname = \"lan\"\nclient = \"here\"\nserver = \"hurin\"\n\
         [[servers]]\nname = \"rpyc\"\nkind = \"rpyc\"\nmode = \"threaded\"\n\
         [[workloads]]\nname = \"calls\"\nkind = \"closed\"\nrequests = 20\n",
        hurin.address
    );
    let outcome = sandbox.run(&plan, &[]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    Some(sandbox.json("run.json")["warnings"].to_string())
}

#[test]
fn r16_a_host_an_hour_behind_is_measured_and_named() {
    if let Some(warnings) = warnings_of_a_run("-1h") {
        assert!(warnings.contains("the clock of hurin is 1h behind"), "{warnings}");
    }
}

#[test]
fn r16_a_host_an_hour_ahead_is_measured_and_named() {
    if let Some(warnings) = warnings_of_a_run("+1h") {
        assert!(warnings.contains("the clock of hurin is 1h ahead"), "{warnings}");
    }
}

/// What both programs read the time of day with: shifted by what is in the file, at every look.
pub(crate) fn stepping(library: &Path, file: &Path) -> [(&'static str, String); 4] {
    let library = library.with_file_name("libfaketimeMT.so.1");
    [
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME_TIMESTAMP_FILE", file.display().to_string()),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ]
}

/// Steps the clocks of controller and agent while a load of three seconds goes on.
fn steps_amid_a_run(shift: &str, said: &str) {
    const REQUESTS: usize = 10_000;
    let Some(library) = libfaketime() else { return println!("skipped: no libfaketime here (Debian: faketime)") };
    let sandbox = Sandbox::new();
    let file = sandbox.path().join("clock");
    std::fs::write(&file, "+0").expect("it is the test's own");
    let environment = stepping(&library, &file);
    let hurin = Installed::start_in(&sandbox, "hurin", "127.0.0.2", environment.to_vec());
    let outcome = sandbox.call(&["enrol", &hurin.address, "--code", &hurin.code("hurin")]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let load = format!("[[workloads]]\nname = \"calls\"\nkind = \"closed\"\nrequests = {REQUESTS}\n");
    let plan = rpycbench_tests::sandbox::plan(&["rpyc-threaded"], &load)
        .replace("local = true", &format!("agent = \"{}\"", hurin.address));
    let path = sandbox.plan(&plan).display().to_string();
    let mut controller = sandbox.controller(&["run", &path, "--json"]);
    controller.envs(environment);
    let since = Instant::now();
    let mut going = Going::start(controller);
    going.until_done(1);
    // Aside and renamed: nobody reads a half of it.
    let aside = file.with_extension("aside");
    std::fs::write(&aside, shift).and_then(|()| std::fs::rename(&aside, &file)).expect("it is the test's own");
    let outcome = going.end();
    let took_ns = i64::try_from(since.elapsed().as_nanos()).expect("it is short");
    assert_eq!(outcome.code, Some(0), "{outcome:?}: {}", hurin.log());
    let run = sandbox.json("run.json");
    assert!(run["warnings"].to_string().contains(said), "{}", run["warnings"]);
    let columns = samples::read(&sandbox.latest().join(run["cells"][0]["samples"].as_str().expect("a path")));
    let columns = columns.expect("samples");
    assert_eq!((columns.ok.len(), columns.ok.iter().filter(|ok| **ok).count()), (REQUESTS, REQUESTS));
    // One client makes one call after the other: nothing lies over anything, and all of it within the run.
    let order =
        columns.start_ns.windows(2).zip(&columns.end_ns).all(|(starts, end)| starts[0] < *end && *end <= starts[1]);
    let (first, last) = (columns.start_ns[0], columns.end_ns[REQUESTS - 1]);
    assert!(order && last - first < took_ns, "from {first} to {last} in {took_ns}");
    assert!(!hurin.log().contains("nothing was heard"), "{}", hurin.log());
}

#[test]
fn r16_a_clock_that_is_set_an_hour_ahead_amid_a_run_changes_no_sample_and_no_lease() {
    steps_amid_a_run("+1h", "the controller's clock was set ahead by 1h");
}

#[test]
fn r16_a_clock_that_is_set_an_hour_back_amid_a_run_changes_no_sample_and_no_lease() {
    steps_amid_a_run("-1h", "the controller's clock was set back by 1h");
}
