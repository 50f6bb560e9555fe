//! Which groups are left over.

use super::*;

fn own() -> String {
    name_of(getpid().as_raw()).expect("/proc").expect("this process")
}

#[test]
fn the_group_of_a_keeper_that_lives_is_not_left_over() {
    assert!(!is_left_over(&own()));
}

#[test]
fn the_group_of_another_process_of_the_same_number_is_left_over() {
    let (rest, namespace) = own().rsplit_once('-').map(|(rest, it)| (rest.to_owned(), it.to_owned())).expect("parts");
    assert!(is_left_over(&format!("{rest}1-{namespace}")), "started at another time");
}

/// There every process seems to have started at another time.
#[test]
fn the_group_of_a_keeper_in_another_time_namespace_is_left_over_only_where_there_is_no_such_process() {
    let keeper = getpid().as_raw();
    assert!(!is_left_over(&format!("{PREFIX}{keeper}-1-1")));
    // Beyond the highest number that the kernel gives.
    assert!(is_left_over(&format!("{PREFIX}4194305-1-1")));
}

#[test]
fn what_is_named_otherwise_is_somebody_elses() {
    for name in ["rpycbench-agent.service", "user.slice", "rpycbench-", ""] {
        assert!(!is_left_over(name), "{name}");
    }
}
