//! A server that is measured twice.

use rpycbench_tests::Sandbox;
use rpycbench_tests::sandbox::plan;

#[test]
fn a_plan_that_asks_for_it_has_its_first_server_once_more_and_a_noise_floor() {
    let sandbox = Sandbox::new();
    let calls = "[[workloads]]\nname = \"calls\"\nkind = \"closed\"\nrequests = 100\n";
    let plan = plan(&["rpyc-threaded", "flask-threaded"], calls).replacen("blocks = 1\n", "blocks = 3\naa = true\n", 1);
    let outcome = sandbox.run(&plan, &[]);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let run = sandbox.json("run.json");
    assert_eq!(run["cells"].as_array().map(Vec::len), Some(9), "{run}");
    assert_eq!(run["servers"][2]["twin_of"], "rpyc-threaded", "{run}");
    let results = sandbox.json("results.json");
    let mean = results["comparisons"].as_array().expect("comparisons").iter();
    let mean = mean.filter(|it| it["kind"] == "aa" && it["metric"] == "mean").collect::<Vec<_>>();
    let [mean] = mean.as_slice() else { panic!("{results}") };
    assert_eq!((&mean["of"], &mean["against"]), (&"rpyc-threaded-again".into(), &"rpyc-threaded".into()));
    assert!(mean["smallest_difference"].as_f64() > Some(0.0), "{mean}");
    let report = std::fs::read_to_string(sandbox.latest().join("report.md")).expect("a report");
    assert!(report.contains("## Noise Floor") && report.contains("| calls | localhost | mean |"), "{report}");
}
