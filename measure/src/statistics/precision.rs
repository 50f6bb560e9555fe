//! How narrow an interval is wanted: `p99 ± 5%`.

use std::fmt;
use std::str::FromStr;

use super::cell::Cell;
use super::interval::Interval;
use super::metric::Metric;
use super::percentile::NoInterval;

/// A figure and how precisely it is wanted: half of the width of its 95 % interval over the figure itself.
///
/// ```
/// use rpycbench_measure::statistics::Precision;
///
/// let wanted: Precision = "p99 ± 5%".parse()?;
/// assert_eq!(wanted, "p99 +- 5 %".parse()?);
/// assert_eq!(wanted.to_string(), "p99 ± 5 %");
/// # Ok::<(), rpycbench_measure::statistics::PrecisionError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Precision {
    metric: Metric,
    half_width: f64,
}

/// Why a text is no [`Precision`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrecisionError {
    /// There is no sign between figure and width.
    #[error("`{0}` is no precision: write a figure, ± or +-, and a width in per cent, like \"p99 ± 5%\"")]
    Shape(String),
    /// There is no such figure.
    #[error("`{found}` is no figure: use one of {}", names())]
    Metric {
        /// What stands before the sign.
        found: String,
    },
    /// The width is not a number of per cent.
    #[error("`{found}` is no width: write per cent, more than 0 and less than 100, like \"5%\"")]
    Width {
        /// What stands after the sign.
        found: String,
    },
}

/// What is missing to a [`Precision`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shortfall {
    /// There is no interval to judge by.
    NoInterval(NoInterval),
    /// The figure is not positive: no width is a share of it.
    NotPositive,
    /// The interval is too wide.
    TooWide {
        /// Half of its width over the figure.
        half_width: f64,
        /// What was wanted.
        wanted: f64,
    },
}

impl Precision {
    /// The figure.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// The half-width wanted, as a share of the figure: 0.05 for 5 %.
    pub fn half_width(&self) -> f64 {
        self.half_width
    }

    /// Whether the cell knows the figure that precisely.
    pub fn is_met(&self, cell: &Cell) -> bool {
        self.shortfall(cell).is_none()
    }

    /// What the cell is missing; none where the precision is met.
    pub fn shortfall(&self, cell: &Cell) -> Option<Shortfall> {
        let interval = match cell.try_interval(self.metric) {
            Ok(interval) => interval,
            Err(lacking) => return Some(Shortfall::NoInterval(lacking)),
        };
        match cell.value(self.metric).and_then(|value| relative_half_width(value, interval)) {
            None => Some(Shortfall::NotPositive),
            Some(half_width) if half_width <= self.half_width => None,
            Some(half_width) => Some(Shortfall::TooWide { half_width, wanted: self.half_width }),
        }
    }
}

impl Cell {
    /// Half of the width of a figure's interval over the figure: 0.05 for ± 5 %. None without an interval, or where the
    /// figure is not positive.
    pub fn relative_half_width(&self, metric: Metric) -> Option<f64> {
        relative_half_width(self.value(metric)?, self.interval(metric)?)
    }
}

fn relative_half_width(value: f64, interval: Interval) -> Option<f64> {
    (value > 0.0).then(|| interval.half_width() / value)
}

impl FromStr for Precision {
    type Err = PrecisionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('±').or_else(|| text.split_once("+-"));
        let (metric, width) = parts.ok_or_else(|| PrecisionError::Shape(text.to_owned()))?;
        let (metric, width) = (metric.trim(), width.trim());
        let named = Metric::ALL.into_iter().find(|it| it.name() == metric);
        let metric = named.ok_or_else(|| PrecisionError::Metric { found: metric.to_owned() })?;
        let percent = width.strip_suffix('%').and_then(|number| number.trim_end().parse::<f64>().ok());
        let percent = percent.filter(|percent| *percent > 0.0 && *percent < 100.0);
        let percent = percent.ok_or_else(|| PrecisionError::Width { found: width.to_owned() })?;
        Ok(Self { metric, half_width: percent / 100.0 })
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Ten digits: 0.07 × 100 is not 7 to the last bit.
        let percent = (self.half_width * 1e10).round() / 1e8;
        write!(f, "{} ± {percent} %", self.metric)
    }
}

fn names() -> String {
    Metric::ALL.map(Metric::name).join(", ")
}
