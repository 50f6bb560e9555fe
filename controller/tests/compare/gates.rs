//! Gates, as CI sees them.

use rpycbench_controller::compare::Wanted;
use rpycbench_controller::compare::document::Outcome;
use rpycbench_controller::compare::gate::Gate;

use crate::{RPYC, compared, controller, run_with};

fn outcomes(gate: &str, factor: f64) -> Vec<Outcome> {
    let [base, new] = [run_with(1, |_| (), |_| 1.0), run_with(2, |_| (), move |_| factor)];
    let wanted = Wanted { gates: vec![gate.parse().unwrap()], only: Some(RPYC.to_owned()), ..Wanted::default() };
    let document = compared(&base, &new, &wanted).unwrap();
    document.gates[0].cells.iter().map(|cell| cell.outcome).collect()
}

#[test]
fn a_gate_trips_where_the_change_is_sure_to_be_larger_and_only_there() {
    for (gate, factor, expected) in [
        ("p50 > 5%", 1.10, Outcome::Tripped),
        ("p50 > 5%", 1.05, Outcome::Unsure),
        ("p50 > 5%", 1.02, Outcome::Passed),
        ("p50 > 5%", 0.80, Outcome::Passed),
        ("p50 < -5%", 0.90, Outcome::Tripped),
        ("p50 < -5%", 1.10, Outcome::Passed),
        // 30 µs of 300.
        ("mean > 20us", 1.10, Outcome::Tripped),
        ("mean>0.02 ms", 1.10, Outcome::Tripped),
        ("mean > 40us", 1.10, Outcome::Passed),
        ("throughput < -5%", 1.10, Outcome::Tripped),
        ("throughput < -100/s", 1.10, Outcome::Tripped),
        ("throughput > 5%", 1.10, Outcome::Passed),
        // Three samples of 3000 lie beyond it.
        ("p99.9 > 5%", 1.10, Outcome::Unjudged),
    ] {
        assert_eq!(outcomes(gate, factor), [expected], "{gate} at {factor}");
    }
}

#[test]
fn what_is_no_gate_says_what_is_wrong_and_what_to_write() {
    for (text, expected) in [
        ("p99", "\"p99\" has no sign: "),
        ("p98 > 5%", "\"p98\" is no figure: "),
        ("p99 > 5", "\"5\" has no unit that p99 has: "),
        ("p99 > 5/s", "\"5/s\" has no unit that p99 has: "),
        ("throughput < 5ms", "\"5ms\" has no unit that throughput has: "),
        ("p99 > five %", "\"five %\" does not begin with a number: "),
        ("p99 > NaN%", "\"NaN%\" does not begin with a number: "),
        ("p99 >> 5%", "\"> 5%\" does not begin with a number: "),
        ("p99 > ", "\"\" does not begin with a number: "),
        (">", "\"\" is no figure: "),
        ("p99 > é", "\"é\" does not begin with a number: "),
    ] {
        let error = text.parse::<Gate>().unwrap_err().to_string();
        assert!(error.starts_with(expected) && error.contains("\"p99 > 5%\""), "{text}: {error}");
        let output = controller(&["compare", "a", "b", "--gate", text]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
    }
}

#[test]
fn exit_codes_are_those_that_ci_needs() {
    let slow = |cell: &rpycbench_controller::store::manifest::CellRecord| {
        if cell.topology == "localhost" && cell.server == "rpyc-threaded" { 1.2 } else { 1.0 }
    };
    let [base, new] = [run_with(1, |_| (), |_| 1.0), run_with(2, |_| (), slow)];
    let less = run_with(3, |it| it.cells.retain(|cell| cell.topology != "lan"), |_| 1.0);
    let [base, new, less] = [&base, &new, &less].map(|folder| folder.path().to_str().unwrap());
    let code = |args: &[&str]| {
        let output = controller(&[&["compare"], args].concat());
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(code(&[base, new]), (Some(0), String::new()));
    assert_eq!(code(&[base, new, "--gate", "p50 > 50%"]), (Some(0), String::new()));
    let (tripped, says) = code(&[base, new, "--gate", "p50 > 50%", "--gate", "p50 > 5%"]);
    assert!(
        tripped == Some(3) && says.contains(&format!("a gate has tripped: p50 > 5% in {RPYC} (change: +2")),
        "{says}"
    );
    let (unjudged, says) = code(&[base, new, "--gate", "p999 > 5%"]);
    assert!(
        unjudged == Some(4) && says.contains("no interval (base: few beyond; new: few beyond)), and 3 more"),
        "{says}"
    );
    // What has tripped is sure, whatever else is not.
    assert_eq!(code(&[base, new, "--gate", "p999 > 5%", "--gate", "p50 > 5%"]).0, Some(3));
    // A cell that is gone is missed; one that is new has nothing to be held against.
    let (missing, says) = code(&[base, less, "--gate", "p50 > 5%"]);
    assert!(missing == Some(4) && says.contains("the new side does not have it"), "{says}");
    assert_eq!(code(&[less, base, "--gate", "p50 > 5%"]).0, Some(0));
    assert_eq!(code(&[base, less, "--gate", "p50 > 5%", "--only", "localhost/*"]).0, Some(0));
}

#[test]
fn an_invalid_cell_neither_trips_nor_passes_a_gate() {
    let base = run_with(1, |_| (), |_| 1.0);
    for factor in [1.0, 2.0] {
        let new = run_with(2, |_| (), move |_| factor);
        let mut manifest = rpycbench_controller::results::manifest(new.path()).unwrap();
        manifest.cells[0].expected += 1;
        crate::run_folder::save(new.path(), &manifest);
        let gates = vec!["p50 > 5%".parse().unwrap()];
        let document = compared(&base, &new, &Wanted { gates, ..Wanted::default() }).unwrap();
        let invalid = document.gates[0].cells.iter().filter(|cell| cell.outcome == Outcome::Unjudged);
        let invalid: Vec<_> = invalid.collect();
        assert_eq!(invalid.len(), 1, "{invalid:?}");
        assert!(invalid[0].why.starts_with("the new side is invalid: Block 1 is not whole"), "{invalid:?}");
    }
}
