//! How often the bounds that follow from probes hold the truth, where that is known.

use rpycbench_controller::store::probes::ProbeRow;
use rpycbench_measure::clock::{Assumptions, Constraints, Exchange, Mapping};

/// What became of readings of an agent's clock that were converted to the controller's time.
#[derive(Debug, Default)]
pub struct Coverage {
    /// Readings.
    pub converted: usize,
    /// Those whose true time is not within the bound.
    pub outside: usize,
    /// Those without a bound from both sides.
    pub unbounded: usize,
    /// Half widths of the bound, ns, sorted.
    pub bounds: Vec<i64>,
    /// Half widths of the estimate, ns, sorted.
    pub hull_bounds: Vec<i64>,
    /// How far the estimate's middle is from the truth, ns, sorted.
    pub hull_errors: Vec<i64>,
}

impl Coverage {
    /// Of readings spread evenly over the time of the probes, by a clock that is in truth ahead by so much.
    ///
    /// # Panics
    /// When there are no probes, or they are none of a clock.
    pub fn of(rows: &[ProbeRow], ahead_ns: i64, readings: usize) -> Self {
        let mut constraints = Constraints::default();
        let exchanges = rows.iter().filter_map(|row| {
            let [t2, t3, t4] = row.answer_ns?;
            Some(Exchange::from_truncated(row.t1_ns, t2, t3, t4))
        });
        let exchanges: Vec<_> = exchanges.collect();
        for &exchange in &exchanges {
            constraints.push_exchange(exchange).expect("stamps in order");
        }
        let (first, last) = (exchanges.first().expect("probes").t2, exchanges.last().expect("probes").t3);
        let mapping = Mapping::new(&constraints, &[], Assumptions::default());
        let mut coverage = Self { converted: readings, ..Self::default() };
        for reading in 0..readings as i128 {
            let at = i128::from(first) + i128::from(last - first) * reading / readings as i128;
            let y = i64::try_from(at).expect("between two readings");
            coverage.add(&mapping, y, y - ahead_ns);
        }
        for values in [&mut coverage.bounds, &mut coverage.hull_bounds, &mut coverage.hull_errors] {
            values.sort_unstable();
        }
        coverage
    }

    fn add(&mut self, mapping: &Mapping, y: i64, truth: i64) {
        let converted = mapping.convert(y);
        self.outside += usize::from(!converted.interval.contains(truth));
        match converted.interval.width() {
            Some(width) => self.bounds.push(width / 2),
            None => self.unbounded += 1,
        }
        let hull = converted.hull.map(|hull| hull.intersection(converted.interval));
        if let Some((width, middle)) = hull.and_then(|hull| hull.width().zip(hull.mid())) {
            self.hull_bounds.push(width / 2);
            self.hull_errors.push((middle - truth).abs());
        }
    }
}

/// The value below which that share of sorted ones lies, in µs.
pub fn quantile_us(sorted: &[i64], share: f64) -> f64 {
    let place = (sorted.len() as f64 * share) as usize;
    sorted.get(place.min(sorted.len().saturating_sub(1))).map_or(f64::NAN, |&ns| ns as f64 / 1e3)
}
