//! Limits that a change must not pass, for CI.
//!
//! A gate trips where all of a change's interval is beyond the limit: then the change is sure to be that large. The
//! intervals are those that are shown, at the confidence of the whole comparison; where nothing has changed, one
//! comparison in forty at most trips any gate that looks one way.

use std::fmt;
use std::str::FromStr;

use rpycbench_measure::statistics::Metric;

use super::document::{CellChange, GateCell, GateResult, MetricChange, Outcome, Verdict};
use super::words;

/// A figure, a direction and how much is too much: `p99 > 5%`.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    text: String,
    metric: Metric,
    above: bool,
    limit: Limit,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Limit {
    /// Of the ratio, as a share of the base.
    Share(f64),
    /// Of the difference, in the unit of the metric.
    Absolute(f64),
}

/// Not a gate: what was found, and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{found}: a gate is a figure, \">\" or \"<\", and how much it may change, such as \"p99 > 5%\", \"p50 > 200us\" or \"throughput < -5%\"; {allowed}"
)]
pub struct GateError {
    found: String,
    allowed: &'static str,
}

const FIGURES: &str = "figures are mean, p50, p90, p95, p99, p999 and throughput";
const TIMES: &str = "of times units are %, ns, us, ms and s";
const RATES: &str = "of throughput units are % and /s";

impl FromStr for Gate {
    type Err = GateError;

    fn from_str(text: &str) -> Result<Self, GateError> {
        let wrong = |found: String, allowed| GateError { found, allowed };
        let sign = text.find(['<', '>']);
        let sign = sign.ok_or_else(|| wrong(format!("{text:?} has no sign"), "the sign is > or <"))?;
        let (name, rest) = text.split_at(sign);
        let (name, amount) = (name.trim(), rest.get(1..).unwrap_or_default().trim());
        let metric = match name {
            "throughput" => Some(Metric::ThroughputPerS),
            "p99.9" => Some(Metric::P999),
            _ => Metric::ALL.into_iter().find(|metric| metric.name() == name),
        };
        let metric = metric.ok_or_else(|| wrong(format!("{name:?} is no figure"), FIGURES))?;
        let units = if metric == Metric::ThroughputPerS { RATES } else { TIMES };
        let end = amount.find(|it: char| !(it.is_ascii_digit() || "+-.".contains(it))).unwrap_or(amount.len());
        let (number, unit) = amount.split_at(end);
        let number: f64 =
            number.parse().map_err(|_| wrong(format!("{amount:?} does not begin with a number"), units))?;
        let limit = parse_limit(metric, number, unit.trim());
        let limit = limit.ok_or_else(|| wrong(format!("{amount:?} has no unit that {name} has"), units))?;
        Ok(Self { text: text.trim().to_owned(), metric, above: rest.starts_with('>'), limit })
    }
}

fn parse_limit(metric: Metric, number: f64, unit: &str) -> Option<Limit> {
    let is_rate = metric == Metric::ThroughputPerS;
    match unit {
        "%" => Some(Limit::Share(number / 100.0)),
        "/s" if is_rate => Some(Limit::Absolute(number)),
        _ if is_rate => None,
        "ns" => Some(Limit::Absolute(number)),
        "us" | "µs" | "μs" => Some(Limit::Absolute(number * 1e3)),
        "ms" => Some(Limit::Absolute(number * 1e6)),
        "s" => Some(Limit::Absolute(number * 1e9)),
        _ => None,
    }
}

impl fmt::Display for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Gate {
    pub(super) fn judge(&self, cells: &[CellChange], only_in_base: &[String]) -> GateResult {
        let missing = only_in_base.iter().map(|cell| GateCell {
            cell: cell.clone(),
            outcome: Outcome::Unjudged,
            why: "the new side does not have it".to_owned(),
        });
        let cells = cells.iter().map(|cell| {
            let (outcome, why) = self.judge_cell(cell);
            GateCell { cell: cell.cell.clone(), outcome, why }
        });
        GateResult { gate: self.text.clone(), cells: cells.chain(missing).collect() }
    }

    fn judge_cell(&self, cell: &CellChange) -> (Outcome, String) {
        for (name, side) in [("base", &cell.base), ("new side", &cell.new)] {
            if side.verdict == "invalid" {
                let reason = side.reasons.first().map(String::as_str).unwrap_or_default();
                return (Outcome::Unjudged, format!("the {name} is invalid: {reason}"));
            }
        }
        let change = cell.changes.iter().find(|it| it.metric == self.metric.name());
        let Some(change) = change else { return (Outcome::Unjudged, "a side does not have the figure".to_owned()) };
        let outcome = self.outcome(change);
        let why = match outcome {
            Outcome::Unjudged if change.verdict != Verdict::NoInterval => {
                "there is no interval of the ratio".to_owned()
            }
            _ => words::sentence(change),
        };
        (outcome, why)
    }

    fn outcome(&self, change: &MetricChange) -> Outcome {
        let (interval, limit) = match self.limit {
            Limit::Share(share) => (change.ratio_interval, 1.0 + share),
            Limit::Absolute(limit) => (change.difference_interval, limit),
        };
        let Some([low, high]) = interval else { return Outcome::Unjudged };
        let (near, far) = if self.above { (low - limit, high - limit) } else { (limit - high, limit - low) };
        match () {
            () if near > 0.0 => Outcome::Tripped,
            () if far > 0.0 => Outcome::Unsure,
            () => Outcome::Passed,
        }
    }
}
