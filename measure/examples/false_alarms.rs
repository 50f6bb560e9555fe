//! How often the checks of a block fire on steady series, and how often on series that are not:
//! `measure/src/course/false_alarms.md`, which the documentation of `course` contains.

#![expect(clippy::print_stdout, reason = "a table is what it is for")]

#[path = "../tests/simulated/mod.rs"]
mod simulated;

use rpycbench_measure::course::{Course, disagreement};
use simulated::{Shape, Simulation};

const CELLS: u32 = 2_000;
const SIZES: [usize; 4] = [100, 500, 1_000, 10_000];

fn main() {
    steady();
    unsteady();
}

fn steady() {
    println!(
        "| 5 steady blocks of | samples | warm-up | drift, shift, waves | blocks disagree |\n|---|---|---|---|---|"
    );
    for size in SIZES {
        for (name, shape) in [
            ("independent, σ = 0.3", log_normal(0.3, 0.0)),
            ("independent, σ = 1", log_normal(1.0, 0.0)),
            ("AR(1), ρ = 0.5", log_normal(0.3, 0.5)),
            ("AR(1), ρ = 0.9", log_normal(0.3, 0.9)),
            ("Pareto, α = 3", Shape::Pareto { alpha: 3.0 }),
        ] {
            let mut simulation = Simulation::new(shape, 1);
            let mut found = [0_u32; 3];
            for _ in 0..CELLS {
                let courses: Vec<Course> = simulation.blocks(5, size).iter().map(|block| Course::of(block)).collect();
                let all: Vec<_> = courses.iter().map(Some).collect();
                found[0] += u32::from(courses.iter().any(|it| it.warm_up().is_some()));
                found[1] += u32::from(courses.iter().any(|it| it.change().is_some()));
                found[2] += u32::from(disagreement(&all).is_some());
            }
            let [warm_up, change, apart] = found.map(|it| 100.0 * f64::from(it) / f64::from(CELLS));
            println!("| {size} | {name} | {warm_up:.2} % | {change:.2} % | {apart:.2} % |");
        }
    }
}

fn unsteady() {
    println!("\n| a block of | σ | that is | warm-up | drift, shift, waves |\n|---|---|---|---|---|");
    for size in SIZES {
        for sigma in [0.1, 0.3] {
            for (name, factor) in UNSTEADY {
                let mut simulation = Simulation::new(log_normal(sigma, 0.0), 1);
                let mut found = [0_u32; 2];
                for _ in 0..CELLS {
                    let block = simulation.block(size, 0.0);
                    let at = |number: usize| factor(number as f64 / size as f64);
                    let block: Vec<i64> =
                        block.iter().enumerate().map(|(number, ns)| (*ns as f64 * at(number)) as i64).collect();
                    let course = Course::of(&block);
                    found[0] += u32::from(course.warm_up().is_some());
                    found[1] += u32::from(course.change().is_some());
                }
                let [warm_up, change] = found.map(|it| 100.0 * f64::from(it) / f64::from(CELLS));
                println!("| {size} | {sigma} | {name} | {warm_up:.0} % | {change:.0} % |");
            }
        }
    }
}

/// What each sample is multiplied with, by its place in the block.
type Factor = fn(f64) -> f64;

const UNSTEADY: [(&str, Factor); 4] = [
    ("1.5 times as slow for its first eighth", |at| if at < 0.125 { 1.5 } else { 1.0 }),
    ("3 times as slow at first, less and less for a tenth", |at| 1.0 + 2.0 * (-30.0 * at).exp()),
    ("10 % slower in its second half", |at| if at < 0.5 { 1.0 } else { 1.1 }),
    ("20 % slower at its end, by a drift", |at| 1.0 + 0.2 * at),
];

fn log_normal(sigma: f64, rho: f64) -> Shape {
    Shape::LogNormal { sigma, rho, start: 0.0 }
}
