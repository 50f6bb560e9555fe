//! Hosts whose wall clocks are not one.

use std::path::PathBuf;

use rpycbench_tests::Sandbox;
use rpycbench_tests::installed::Installed;

/// The library that shifts the clock of the program it is loaded into, where it is installed.
fn libfaketime() -> Option<PathBuf> {
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
fn a_host_an_hour_behind_is_measured_and_named() {
    if let Some(warnings) = warnings_of_a_run("-1h") {
        assert!(warnings.contains("the clock of hurin is 1h behind"), "{warnings}");
    }
}

#[test]
fn a_host_an_hour_ahead_is_measured_and_named() {
    if let Some(warnings) = warnings_of_a_run("+1h") {
        assert!(warnings.contains("the clock of hurin is 1h ahead"), "{warnings}");
    }
}
