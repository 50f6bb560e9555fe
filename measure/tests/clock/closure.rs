//! Bounds between many hosts.

use proptest::prelude::*;
use proptest::sample::Index;
use rpycbench_measure::clock::{DifferenceMatrix, Interval, NegativeCycle, tighten};

proptest! {
    /// Bounds around true clocks: still true, none wider, and none that another two could make tighter.
    #[test]
    fn bounds_get_tight_and_stay_true(
        clocks in prop::collection::vec(-1_000_000_000_000_i64..1_000_000_000_000, 1..9),
        known in prop::collection::vec((any::<Index>(), any::<Index>(), slack(), slack()), 0..40),
    ) {
        let mut matrix = DifferenceMatrix::new(clocks.len());
        for (i, j, below, above) in known {
            let (i, j) = (i.index(clocks.len()), j.index(clocks.len()));
            let truth = clocks[j] - clocks[i];
            let difference = Interval { low: below.map(|it| truth - it), high: above.map(|it| truth + it) };
            matrix.bound(i, j, difference).expect("these hosts exist");
        }
        let before = matrix.clone();
        tighten(&mut matrix).expect("a clock satisfies them");
        let hosts = 0..matrix.hosts();
        for (i, j) in hosts.clone().flat_map(|i| hosts.clone().map(move |j| (i, j))) {
            let difference = matrix.difference(i, j);
            prop_assert!(difference.contains(clocks[j] - clocks[i]));
            prop_assert_eq!(difference.intersection(before.difference(i, j)), difference);
            for k in hosts.clone() {
                let (first, second) = (matrix.difference(i, k).high, matrix.difference(k, j).high);
                let via = first.zip(second).map(|(first, second)| first + second);
                prop_assert!(via.is_none_or(|via| difference.high.is_some_and(|high| high <= via)));
            }
        }
    }

    /// Of any bounds, a circle is reported that is one, or clocks exist that satisfy them all.
    #[test]
    fn a_contradiction_names_a_circle_that_is_one(
        hosts in 1_usize..7,
        known in prop::collection::vec((any::<Index>(), any::<Index>(), -50_i64..100), 0..25),
    ) {
        let mut matrix = DifferenceMatrix::new(hosts);
        for (i, j, high) in known {
            let difference = Interval { low: None, high: Some(high) };
            matrix.bound(i.index(hosts), j.index(hosts), difference).expect("these hosts exist");
        }
        let before = matrix.clone();
        match tighten(&mut matrix) {
            Err(NegativeCycle { hosts, by_ns }) => {
                let next = hosts.iter().cycle().skip(1);
                let around = hosts.iter().zip(next).map(|(&i, &j)| before.difference(i, j).high.expect("bounded"));
                prop_assert_eq!(around.sum::<i64>(), -by_ns);
                prop_assert!(by_ns > 0);
                let mut once = hosts.clone();
                once.sort_unstable();
                once.dedup();
                prop_assert_eq!(once.len(), hosts.len());
                prop_assert_eq!(matrix, before, "as it was");
            }
            // How far each clock is from an imaginary one that bounds all of them by 0.
            Ok(()) => {
                let matrix = &matrix;
                let limits = |j: usize| (0..hosts).filter_map(move |i| matrix.difference(i, j).high);
                let clock = |j: usize| limits(j).fold(0, i64::min);
                for (i, j) in (0..hosts).flat_map(|i| (0..hosts).map(move |j| (i, j))) {
                    prop_assert!(before.difference(i, j).contains(clock(j) - clock(i)));
                }
            }
        }
    }

    /// The only circle there is goes through all hosts, in any order of their numbers.
    #[test]
    fn a_contradiction_of_all_hosts_names_all(hosts in Just((0..6).collect::<Vec<_>>()).prop_shuffle()) {
        let mut matrix = DifferenceMatrix::new(hosts.len());
        let around = |from: usize| hosts.iter().copied().cycle().skip(from).take(hosts.len());
        for (i, j) in around(0).zip(around(1)) {
            let high = if i == 0 { -6 } else { 1 };
            matrix.bound(i, j, Interval { low: None, high: Some(high) }).expect("these hosts exist");
        }
        let circle = tighten(&mut matrix).expect_err("5 - 6 is less than 0");
        prop_assert_eq!(circle.by_ns, 1);
        let first = hosts.iter().position(|host| circle.hosts.first() == Some(host)).expect("one of them");
        prop_assert_eq!(circle.hosts, around(first).collect::<Vec<_>>());
    }
}

#[test]
fn a_detour_can_be_tighter() {
    let mut matrix = DifferenceMatrix::new(3);
    for (i, j, difference) in [(0, 1, [-50, 50]), (0, 2, [-3, 5]), (2, 1, [10, 20])] {
        matrix.bound(i, j, Interval::new(difference[0], difference[1])).expect("these hosts exist");
    }
    tighten(&mut matrix).expect("no contradiction");
    assert_eq!(matrix.difference(0, 1), Interval::new(7, 25));
    assert_eq!(matrix.difference(1, 0), Interval::new(-25, -7));
    assert_eq!(matrix.difference(0, 3), Interval::UNKNOWN);
    let error = matrix.bound(0, 3, Interval::UNKNOWN).expect_err("there are three").to_string();
    assert_eq!(error, "no host 3 among 3");
}

#[test]
fn the_ends_of_the_range_do_not_overflow() {
    let matrix = |bounds: &[(usize, usize, i64)]| {
        let mut matrix = DifferenceMatrix::new(3);
        for &(i, j, high) in bounds {
            matrix.bound(i, j, Interval { low: None, high: Some(high) }).expect("these hosts exist");
        }
        let tightened = tighten(&mut matrix).map_err(|error| error.to_string());
        tightened.map(|()| matrix.difference(0, 2).high)
    };
    assert_eq!(matrix(&[(0, 1, i64::MAX), (1, 2, i64::MAX)]), Ok(None));
    assert_eq!(matrix(&[(0, 1, i64::MIN), (1, 2, i64::MIN)]), Ok(Some(i64::MIN)));
    let error = "bounds of the clocks of hosts [1, 0] contradict each other by 1 ns";
    assert_eq!(matrix(&[(0, 1, i64::MAX), (1, 0, i64::MIN)]), Err(error.to_owned()));
    let error = "bounds of the clocks of hosts [2] contradict each other by 5 ns";
    assert_eq!(matrix(&[(2, 2, -5)]), Err(error.to_owned()));
}

fn slack() -> impl Strategy<Value = Option<i64>> {
    prop_oneof![2 => (0_i64..1_000_000).prop_map(Some), 1 => Just(None)]
}
