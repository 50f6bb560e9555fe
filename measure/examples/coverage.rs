//! How often intervals hold the truth, and how often cells that do not differ look as if they did:
//! `measure/src/statistics/coverage.md`, which the documentation of `statistics` contains.

#![expect(clippy::print_stdout, reason = "a table is what it is for")]

#[path = "../tests/simulated/mod.rs"]
mod simulated;
#[path = "../tests/simulated/truth.rs"]
mod truth;

use rpycbench_measure::statistics::{BlockSamples, Cell, Metric, compare};
use simulated::{Shape, Simulation};

const CELLS: u32 = 4_000;
const METRICS: [Metric; 6] = [Metric::Mean, Metric::P50, Metric::P90, Metric::P95, Metric::P99, Metric::P999];
const PLANS: [(usize, usize); 6] = [(5, 1_000), (10, 1_000), (4, 1_000), (3, 1_000), (5, 100), (3, 100)];

const HEAD: &str = "| blocks | samples | mean | p50 | p90 | p95 | p99 | p999 |\n|---|---|---|---|---|---|---|---|";

fn main() {
    let log_normal = |sigma, rho, start| Shape::LogNormal { sigma, rho, start };
    let shapes = [
        ("independent, σ = 0.3", log_normal(0.3, 0.0, 0.0)),
        ("independent, σ = 1", log_normal(1.0, 0.0, 0.0)),
        ("Pareto, α = 3", Shape::Pareto { alpha: 3.0 }),
        ("AR(1), ρ = 0.5", log_normal(0.3, 0.5, 0.0)),
        ("AR(1), ρ = 0.9", log_normal(0.3, 0.9, 0.0)),
        ("starts differ a sixth", log_normal(0.3, 0.0, 0.05)),
        ("starts differ a third", log_normal(0.3, 0.0, 0.1)),
        ("starts differ as much", log_normal(0.3, 0.0, 0.3)),
    ];
    coverage(&shapes);
    false_differences(&shapes);
}

fn coverage(shapes: &[(&str, Shape)]) {
    println!("Share of {CELLS} cells whose interval holds the truth, of those that have one:\n");
    println!("{HEAD}");
    for (blocks, size) in PLANS {
        for (name, shape) in shapes {
            let mut simulation = Simulation::new(*shape, 1);
            let mut shares = METRICS.map(|_| Shares::default());
            for _ in 0..CELLS {
                let cell = cell(simulation.blocks(blocks, size));
                for (metric, shares) in METRICS.into_iter().zip(&mut shares) {
                    let truth = simulation.truth(metric);
                    shares.add(cell.interval(metric).map(|it| it.contains(truth)));
                }
            }
            println!("| {blocks} × {size} | {name} | {} |", shares.map(|it| it.show()).join(" | "));
        }
    }
}

fn false_differences(shapes: &[(&str, Shape)]) {
    println!(
        "\nShare of {CELLS} pairs of cells that do not differ and look as if they did, of those that have an interval:\n"
    );
    println!("{HEAD}");
    for (pairs, (blocks, size)) in [("pairs", (5, 1_000)), ("pairs", (10, 1_000)), ("apart", (5, 1_000))] {
        for (name, shape) in shapes {
            let mut simulation = Simulation::new(*shape, 2);
            let mut shares = METRICS.map(|_| Shares::default());
            for _ in 0..CELLS {
                let starts: Vec<f64> = (0..blocks).map(|_| simulation.start()).collect();
                // In pairs, both share half of what their blocks differ by, and the order of their blocks.
                let mut block = |start: &f64| {
                    let own = simulation.start();
                    simulation.block(size, if pairs == "pairs" { (start + own) / 2.0_f64.sqrt() } else { own })
                };
                let of = cell(starts.iter().map(&mut block).collect());
                let mut other: Vec<_> = starts.iter().map(&mut block).collect();
                if pairs == "apart" {
                    other.pop();
                }
                let against = cell(other);
                for (metric, shares) in METRICS.into_iter().zip(&mut shares) {
                    let found = compare(&of, &against, metric).filter(|it| it.difference_ci95.is_some());
                    shares.add(found.map(|it| it.distinguishable));
                }
            }
            let blocks = if pairs == "pairs" { format!("{blocks} in pairs") } else { "5 and 4".to_owned() };
            println!("| {blocks} × {size} | {name} | {} |", shares.map(|it| it.show()).join(" | "));
        }
    }
}

#[derive(Default)]
struct Shares {
    hits: u32,
    given: u32,
}

impl Shares {
    fn add(&mut self, found: Option<bool>) {
        self.given += u32::from(found.is_some());
        self.hits += u32::from(found == Some(true));
    }

    /// The share of those given; in brackets, how many were not. Of few that were given, nothing is said.
    fn show(&self) -> String {
        let missing = 100 * (CELLS - self.given) / CELLS;
        match (self.given, missing) {
            (given, _) if given < CELLS / 10 => "none".to_owned(),
            (given, 0) => format!("{:.3}", f64::from(self.hits) / f64::from(given)),
            (given, missing) => format!("{:.3} ({missing} % none)", f64::from(self.hits) / f64::from(given)),
        }
    }
}

fn cell(blocks: Vec<Vec<i64>>) -> Cell {
    Cell::new(blocks.into_iter().map(|block| BlockSamples::new(block, 0, 1)).collect())
}
