//! How far a cell fell short of the precision that was asked for.

use rpycbench_measure::statistics::{NoInterval, Precision, Shortfall};

use super::Evidence;

pub(super) fn doubt(evidence: &Evidence<'_>) -> Option<String> {
    let wanted = evidence.source.manifest.precision?.wanted;
    let (metric, after) = (wanted.metric(), format!("after {} blocks", evidence.blocks));
    let asked = format!("± {} was asked for", percent(wanted.half_width()));
    Some(match wanted.shortfall(evidence.cell)? {
        Shortfall::TooWide { half_width, .. } => {
            format!("{metric} is known to ± {} {after}, {asked}.", percent(above(half_width, &wanted)))
        }
        Shortfall::NotPositive => format!("{metric} is 0 {after}, of which no width is a share: {asked}."),
        Shortfall::NoInterval(why) => format!("{metric} has no interval {after}, as {}; {asked}.", words(why)),
    })
}

/// Two digits after the point at most, and never as narrow as what it misses.
fn above(half_width: f64, wanted: &Precision) -> f64 {
    let rounded = (1_000.0 * half_width).round() / 1_000.0;
    if rounded > wanted.half_width() { rounded } else { half_width }
}

fn percent(share: f64) -> String {
    // Ten digits: 0.07 × 100 is not 7 to the last bit.
    format!("{} %", (share * 1e10).round() / 1e8)
}

/// The rule by which there is none.
fn words(why: NoInterval) -> &'static str {
    match why {
        NoInterval::NoSamples => "there are no samples",
        NoInterval::OneBlock => "only one block has any",
        NoInterval::FewBlocks => "too few blocks have samples for a percentile beyond the median",
        NoInterval::FewBeyond => "too few samples are beyond it",
        NoInterval::FewEffectiveBeyond { .. } => {
            "samples follow each other, and too few independent ones are beyond it"
        }
        NoInterval::StartsDiffer { .. } => "blocks differ as much as samples do",
        NoInterval::Unbounded => "one of its ends cannot be told",
    }
}
