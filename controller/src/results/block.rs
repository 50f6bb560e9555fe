//! A block's samples in the order of their starts: what they are worth, and from when on.

use rpycbench_measure::course::Course;
use rpycbench_measure::statistics::BlockSamples;

use super::verdict::Span;
use crate::store::samples::BlockColumns;

/// What a block delivered.
#[derive(Default)]
pub(crate) struct Block {
    /// Without its warm-up.
    pub(crate) samples: BlockSamples,
    /// When its samples were taken; none without one.
    pub(super) span: Option<Span>,
    /// None without a sample.
    pub(super) course: Option<Course>,
    /// When the first sample started that is in the figures of durations.
    pub(super) steady_from_ns: i64,
}

impl Block {
    pub(crate) fn of(columns: &BlockColumns) -> Self {
        let (starts, series) = series(columns);
        let failed = columns.ok.iter().filter(|ok| !**ok).count() as u64;
        let span = columns.start_ns.iter().min().zip(columns.end_ns.iter().max());
        let took = span.map_or(0, |(first, last)| last.saturating_sub(*first));
        let course = Course::of(&series);
        let cut = course.warm_up().map_or(0, |it| it.samples);
        Self {
            samples: BlockSamples::without_start(series, cut, failed, took),
            span: span.map(|(first, last)| *first..=*last),
            course: Some(course),
            steady_from_ns: starts.get(cut).copied().unwrap_or(i64::MIN),
        }
    }
}

/// Starts and durations of the successful samples in the order of their starts, those of all clients together.
fn series(columns: &BlockColumns) -> (Vec<i64>, Vec<i64>) {
    let times = columns.start_ns.iter().zip(&columns.end_ns).zip(&columns.ok);
    let times = times.filter(|(_, ok)| **ok).map(|((start, end), _)| (*start, end.saturating_sub(*start)));
    let mut times: Vec<(i64, i64)> = times.collect();
    // Stable: samples that start at once stay in the order in which they came.
    times.sort_by_key(|(start, _)| *start);
    times.into_iter().unzip()
}
