//! How sure each of many comparisons must be, such that what is told apart among them is mostly true.
//!
//! **Method.** The step-up procedure at a false discovery rate of 5 %: of m comparisons r are told apart, where r is the
//! largest number such that at least r intervals of confidence 1 − 5 % · r / m exclude equality. All intervals are shown
//! at that confidence, which is never below 95 % and, where nothing is told apart, 1 − 5 % / m.
//!
//! **What it promises.** Of the comparisons that are told apart, 5 % at most are expected to be none. Where nothing differs at
//! all, one of twenty families of comparisons is expected to have any that is told apart, however many there are. Of the
//! intervals of those told apart, 5 % at most are expected to miss. It holds for comparisons that are independent or depend
//! positively on each other, as the figures of a cell do.
//!
//! **Source.** Benjamini & Hochberg, "Controlling the False Discovery Rate", Journal of the Royal Statistical Society B
//! 57(1), 1995; for the intervals Benjamini & Yekutieli, "False Discovery Rate–Adjusted Multiple Confidence Intervals for
//! Selected Parameters", Journal of the American Statistical Association 100, 2005. An interval of confidence 1 − p just
//! touches equality where p is the p-value, so that no p-values are needed, and what is told apart always agrees with the
//! intervals that are shown.

use super::interval::Confidence;

/// Of what is told apart, so much is expected to be none.
pub const FALSE_DISCOVERY_RATE: f64 = 0.05;

/// The confidence for so many comparisons; `told_apart` counts those that are told apart at a confidence.
pub fn confidence(comparisons: usize, told_apart: impl Fn(Confidence) -> usize) -> Confidence {
    let allowing = |discoveries: usize| {
        let share = FALSE_DISCOVERY_RATE * discoveries as f64 / comparisons as f64;
        Confidence::missing(share).unwrap_or(Confidence::P95)
    };
    let mut discoveries = comparisons;
    loop {
        let confidence = allowing(discoveries.max(1));
        let found = told_apart(confidence);
        if found >= discoveries {
            return confidence;
        }
        // The stricter the confidence, the fewer are found: no number between the two can do.
        discoveries = found;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Benjamini & Hochberg's own example: 15 p-values, of which the first four are discoveries.
    const P_VALUES: [f64; 15] = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590,
        1.0,
    ];

    fn found(p_values: &[f64]) -> (usize, f64) {
        let at = |confidence: Confidence| {
            let missing = 1.0 - confidence.share();
            p_values.iter().filter(|p| **p <= missing + 1e-12).count()
        };
        let confidence = confidence(p_values.len(), at);
        (at(confidence), 1.0 - confidence.share())
    }

    #[test]
    fn the_example_of_the_paper_has_four_discoveries() {
        let (discoveries, missing) = found(&P_VALUES);
        assert_eq!(discoveries, 4);
        assert!((missing - 0.05 * 4.0 / 15.0).abs() < 1e-12, "{missing}");
    }

    #[test]
    fn where_nothing_differs_intervals_are_those_of_bonferroni_and_where_all_does_of_95_per_cent() {
        let (none, strict) = found(&[0.9; 10]);
        assert!(none == 0 && (strict - 0.005).abs() < 1e-12, "{none} {strict}");
        let (all, usual) = found(&[1e-9; 10]);
        assert!(all == 10 && (usual - 0.05).abs() < 1e-12, "{all} {usual}");
        assert_eq!(confidence(0, |_| 0), Confidence::P95);
    }

    proptest! {
        /// The textbook's way: the last of the sorted p-values that is below its share of the rate.
        #[test]
        fn discoveries_are_those_of_sorted_p_values(mut p_values in prop::collection::vec(0.0001..1.0_f64, 1..60), power in 1..6) {
            p_values.iter_mut().for_each(|p| *p = p.powi(power));
            p_values.sort_by(f64::total_cmp);
            let count = p_values.len() as f64;
            let places = p_values.iter().enumerate();
            let last = places.filter(|(place, p)| **p <= 0.05 * (*place as f64 + 1.0) / count).map(|(place, _)| place + 1).max();
            prop_assert_eq!(found(&p_values).0, last.unwrap_or(0));
        }
    }
}
