//! The figures that have an interval.

use std::fmt;

/// A figure that has an interval and can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// Arithmetic mean of the durations, ns.
    Mean,
    /// Median, ns.
    P50,
    /// 90th percentile, ns.
    P90,
    /// 95th percentile, ns.
    P95,
    /// 99th percentile, ns.
    P99,
    /// 99.9th percentile, ns.
    P999,
    /// Attempts a second.
    ThroughputPerS,
}

impl Metric {
    /// Every metric, in the order of results.json.
    pub const ALL: [Self; 7] =
        [Self::Mean, Self::P50, Self::P90, Self::P95, Self::P99, Self::P999, Self::ThroughputPerS];

    /// The percentiles among them, ascending.
    pub const PERCENTILES: [Self; 5] = [Self::P50, Self::P90, Self::P95, Self::P99, Self::P999];

    /// The name in results.json.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::P999 => "p999",
            Self::ThroughputPerS => "throughput_per_s",
        }
    }

    pub(super) fn definition(self) -> Definition {
        match self {
            Self::Mean => Definition::Mean,
            Self::P50 => Definition::Quantile(Quantile { permille: 500 }),
            Self::P90 => Definition::Quantile(Quantile { permille: 900 }),
            Self::P95 => Definition::Quantile(Quantile { permille: 950 }),
            Self::P99 => Definition::Quantile(Quantile { permille: 990 }),
            Self::P999 => Definition::Quantile(Quantile { permille: 999 }),
            Self::ThroughputPerS => Definition::Throughput,
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a metric follows from blocks.
#[derive(Debug, Clone, Copy)]
pub(super) enum Definition {
    Mean,
    Quantile(Quantile),
    Throughput,
}

/// A quantile of at least one half, in thousandths: what lies beyond is then exact, too.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quantile {
    permille: u32,
}

impl Quantile {
    /// As a share of the samples. The division of two exact numbers is the double nearest to it, as a literal is.
    pub(super) fn share(self) -> f64 {
        f64::from(self.permille) / 1_000.0
    }

    /// Share of the samples beyond.
    pub(super) fn beyond(self) -> f64 {
        f64::from(1_000 - self.permille) / 1_000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_is_stored_at_its_own_place() {
        for (place, metric) in Metric::ALL.into_iter().enumerate() {
            assert_eq!(metric as usize, place, "{metric}");
        }
    }
}
