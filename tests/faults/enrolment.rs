//! Either side of an enrolment, killed at any moment of it.

use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::Signal;
use rpycbench_tests::Sandbox;
use rpycbench_tests::installed::Installed;
use rpycbench_tests::kills::{Chance, rounds};

/// An enrolment takes less.
const MOMENTS: Duration = Duration::from_millis(45);

/// The code lets in until an enrolment has come to its end. Where it had, and its controller did not live to hear of it, the
/// agent says that no code is out, and another code does.
#[test]
fn s3_an_enrolment_whose_controller_or_agent_is_killed_at_any_moment_can_be_done_again() {
    let (mut chance, again) = Chance::new("s3");
    println!("{again}");
    for round in 1..=rounds() * 4 {
        let sandbox = Sandbox::new();
        let mut hurin = Installed::start(&sandbox, "hurin", "127.0.0.2");
        let code = hurin.code("hurin");
        let enrol = ["enrol", &hurin.address.clone(), "--code", &code];
        let mut controller = sandbox.controller(&enrol);
        let mut controller =
            controller.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the controller starts");
        let moment = chance.moment(MOMENTS);
        let of_the_agent = chance.shuffled(vec![true, false])[0];
        if of_the_agent {
            hurin.signal(Signal::SIGKILL);
            hurin.start_again();
        } else {
            drop(controller.kill());
        }
        let status = controller.wait().expect("it ends");
        let known = sandbox.call(&["agents"]).stdout.contains("hurin");
        let mut outcome = sandbox.call(&enrol);
        println!(
            "s3, round {round}: agent {of_the_agent} after {moment:.1?}: {status}, known {known}, then {outcome:?}"
        );
        if outcome.code != Some(0) {
            assert!(outcome.stderr.contains("no enrolment code is out"), "{outcome:?}");
            assert!(hurin.identity().holder().is_ok(), "the code has done its work");
            outcome = sandbox.call(&["enrol", &hurin.address, "--code", &hurin.code("hurin")]);
        }
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        let described = sandbox.call(&["agents", "describe", "hurin"]);
        assert_eq!(described.code, Some(0), "{described:?}");
    }
}
