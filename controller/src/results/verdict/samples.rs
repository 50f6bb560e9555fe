//! What the samples themselves tell of their worth.

use rpycbench_measure::course::{Change, Course, WarmUp, disagreement};
use rpycbench_measure::statistics::{Cell, Metric, NoInterval};

/// A warm-up of more than this share of a block says that the plan's own is too short: what is left may not be what the
/// plan asked for.
const WARM_UP_SHARE_MAX: f64 = 0.25;

/// What makes the figures doubtful, a sentence each. `courses` has one place a block.
pub(super) fn doubts(cell: &Cell, courses: &[Option<Course>]) -> Vec<String> {
    let of_blocks = blocks(courses).flat_map(|(block, course)| [long_warm_up(block, course), change(block, course)]);
    of_blocks.flatten().chain(disagreeing(courses)).chain(too_dependent(cell)).collect()
}

/// What was cut, a sentence a block: no doubt, but to be known.
pub(super) fn cuts(courses: &[Option<Course>]) -> Vec<String> {
    let cut = |(block, course): (usize, &Course)| {
        let WarmUp { samples, of, slower } = course.warm_up()?;
        let slower = percent(slower);
        Some(format!(
            "Warm-up lasted about {samples} of {of} samples of block {block}, {slower} slower than the rest (MSER-5): they \
             are cut from all figures of durations."
        ))
    };
    blocks(courses).filter_map(cut).collect()
}

/// Those with samples, by number.
fn blocks(courses: &[Option<Course>]) -> impl Iterator<Item = (usize, &Course)> {
    courses.iter().enumerate().filter_map(|(place, course)| Some((place + 1, course.as_ref()?)))
}

fn long_warm_up(block: usize, course: &Course) -> Option<String> {
    let WarmUp { samples, of, .. } = course.warm_up()?;
    let share = samples as f64 / of as f64;
    (share > WARM_UP_SHARE_MAX).then(|| {
        let share = percent(share);
        format!("Block {block} spent {share} of its samples on warming up: give the workload a longer warmup.")
    })
}

fn change(block: usize, course: &Course) -> Option<String> {
    Some(match course.change()? {
        Change::Drift { slower } => {
            let change = slower_or_faster(slower);
            format!("Block {block} drifted: its samples got {change} from the first to the last.")
        }
        Change::Shift { after, slower } => {
            let change = slower_or_faster(slower);
            format!("The level of block {block} shifted: after about {after} samples they were {change}.")
        }
        Change::Wandering { known_to } => {
            let known_to = percent(known_to);
            format!("Block {block} wandered up and down in long waves: its level is known to ± {known_to} only.")
        }
    })
}

fn disagreeing(courses: &[Option<Course>]) -> Option<String> {
    let courses: Vec<_> = courses.iter().map(Option::as_ref).collect();
    let found = disagreement(&courses)?;
    Some(format!(
        "Blocks disagree: block {} was {} slower than block {}. {} of the variance between blocks comes with their \
         starts: more blocks would help, longer ones would not.",
        found.slowest + 1,
        percent(found.apart),
        found.fastest + 1,
        percent(found.from_restarts)
    ))
}

fn too_dependent(cell: &Cell) -> Option<String> {
    let lacks = |metric: &Metric| matches!(cell.try_interval(*metric), Err(NoInterval::FewEffectiveBeyond { .. }));
    let metrics: Vec<&str> = Metric::PERCENTILES.into_iter().filter(lacks).map(Metric::name).collect();
    let summary = cell.summary();
    (!metrics.is_empty()).then(|| {
        format!(
            "Samples follow each other: {} are worth {:.0} independent ones, too few for the interval of {}.",
            summary.count - summary.failed - summary.warmup_cut,
            cell.effective_size(),
            metrics.join(", ")
        )
    })
}

fn slower_or_faster(slower: f64) -> String {
    if slower < 0.0 { format!("{} faster", percent(-slower)) } else { format!("{} slower", percent(slower)) }
}

/// Of findings that are at least some per cent; never 100 % of what is less.
fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent < 100.0 { format!("{:.0} %", percent.floor()) } else { format!("{percent:.0} %") }
}
