//! What is known of when a call was served from the calls before and after it.

use super::{Calls, Outcome};

/// Calls whose pairs are sure, in two orders.
pub(super) struct Neighbours {
    /// By their end: that, and the latest answer up to there.
    ended: Vec<(i64, i64)>,
    /// By their start, the last first: that, and the earliest request from there on.
    began: Vec<(i64, i64)>,
}

impl Neighbours {
    pub(super) fn new(calls: &Calls<'_>, outcomes: &[Outcome]) -> Self {
        let sure = || outcomes.iter().enumerate().filter_map(|(sample, it)| Some((sample, it.as_ref().ok()?)));
        let mut ended: Vec<_> = sure().map(|(sample, it)| (calls.end_ns[sample], it.answered_ns)).collect();
        let mut began: Vec<_> = sure().map(|(sample, it)| (calls.start_ns[sample], it.received_ns)).collect();
        ended.sort_unstable();
        began.sort_unstable_by(|one, other| other.cmp(one));
        let mut latest = i64::MIN;
        for (_, answered) in &mut ended {
            latest = latest.max(*answered);
            *answered = latest;
        }
        let mut earliest = i64::MAX;
        for (_, received) in &mut began {
            earliest = earliest.min(*received);
            *received = earliest;
        }
        Self { ended, began }
    }

    /// Between which instants of the server a call was served.
    pub(super) fn of(&self, start_ns: i64, end_ns: i64) -> (i64, i64) {
        let ended = self.ended.partition_point(|&(end, _)| end <= start_ns);
        let began = self.began.partition_point(|&(start, _)| start >= end_ns);
        let after = ended.checked_sub(1).map_or(i64::MIN, |last| self.ended[last].1);
        let before = began.checked_sub(1).map_or(i64::MAX, |last| self.began[last].1);
        (after, before)
    }
}
