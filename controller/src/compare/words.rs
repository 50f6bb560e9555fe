//! A change in words.

use super::document::{MetricChange, Verdict};
use crate::report::number::signed;

/// In the manner of criterion: `change: +1.83 % [+1.20, +2.50] slower`.
pub(crate) fn sentence(change: &MetricChange) -> String {
    let (value, unit, interval) = scaled(change);
    let word = match change.verdict {
        Verdict::Slower => "slower",
        Verdict::Faster => "faster",
        Verdict::Untold => "no difference can be told",
        Verdict::NoInterval => {
            return format!("change: {}{unit}, no interval ({})", signed(value), change.no_interval.join("; "));
        }
    };
    let ends = interval.map(|[low, high]| format!(" [{}, {}]", signed(low), signed(high))).unwrap_or_default();
    format!("change: {}{unit}{ends} {word}", signed(value))
}

/// In per cent where there is a ratio to tell, and in the unit of the figure where there is none.
fn scaled(change: &MetricChange) -> (f64, &'static str, Option<[f64; 2]>) {
    let percent = |ratio: f64| (ratio - 1.0) * 100.0;
    match (change.ratio, change.ratio_interval) {
        (Some(ratio), Some(interval)) => (percent(ratio), " %", Some(interval.map(percent))),
        (Some(ratio), None) if change.difference_interval.is_none() => (percent(ratio), " %", None),
        _ if change.unit == "ns" => {
            (change.difference / 1e6, " ms", change.difference_interval.map(|ends| ends.map(|end| end / 1e6)))
        }
        _ => (change.difference, " calls/s", change.difference_interval),
    }
}
