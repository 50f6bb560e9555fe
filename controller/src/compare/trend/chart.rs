//! A cell's p50 and p99 through the runs, as the numbers of a picture that needs no script.

use serde::Serialize;

use super::{Point, Series};
use crate::report::number::significant;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 200.0;
/// Left of the axis, for its figures.
const LEFT: f64 = 62.0;
const RIGHT: f64 = 44.0;
const EDGE: f64 = 14.0;

/// All in pixels, from the upper left corner.
#[derive(Serialize)]
pub(super) struct Chart {
    width: f64,
    height: f64,
    left: f64,
    right: f64,
    ticks: Vec<Tick>,
    lines: Vec<Line>,
}

#[derive(Serialize)]
struct Tick {
    y: f64,
    text: String,
}

#[derive(Serialize)]
struct Line {
    name: &'static str,
    /// Of an SVG polyline.
    path: String,
    last: f64,
    dots: Vec<Dot>,
}

#[derive(Serialize)]
struct Dot {
    x: f64,
    y: f64,
    /// The ends of its interval.
    whisker: Option<[f64; 2]>,
    valid: bool,
    run: usize,
}

/// None where there is nothing to draw.
pub(super) fn of(series: &Series) -> Option<Chart> {
    let figures: [(&str, Figure); 2] = [("p50", |it| (it.p50, it.p50_ci95)), ("p99", |it| (it.p99, it.p99_ci95))];
    let points = || series.points.iter().flatten();
    let values = figures
        .iter()
        .flat_map(|(_, figure)| points().map(figure))
        .flat_map(|(value, interval)| value.into_iter().chain(interval.into_iter().flatten()));
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), it| (low.min(it), high.max(it)));
    if !(low.is_finite() && high.is_finite()) {
        return None;
    }
    // Equal values lie in the middle.
    let room = if high > low { (high - low) * 0.05 } else { high.abs() * 0.05 + 1.0 };
    let (low, high) = (low - room, high + room);
    let y = |value: f64| EDGE + (high - value) / (high - low) * (HEIGHT - 2.0 * EDGE);
    let runs = series.points.len();
    let x = |run: usize| LEFT + (run as f64 + 0.5) / runs as f64 * (WIDTH - LEFT - RIGHT);
    let lines = figures.into_iter().filter_map(|(name, figure)| line(series, name, figure, &x, &y)).collect();
    let ticks = [0.1, 0.5, 0.9].map(|share| {
        let value = low + share * (high - low);
        Tick { y: y(value), text: significant(value / 1e6) }
    });
    Some(Chart { width: WIDTH, height: HEIGHT, left: LEFT, right: WIDTH - RIGHT, ticks: ticks.into(), lines })
}

/// Of a point, with its interval.
type Figure = fn(&Point) -> (Option<f64>, Option<[f64; 2]>);

fn line(
    series: &Series,
    name: &'static str,
    figure: Figure,
    x: &impl Fn(usize) -> f64,
    y: &impl Fn(f64) -> f64,
) -> Option<Line> {
    let dots = series.points.iter().enumerate().filter_map(|(run, point)| {
        let point = point.as_ref()?;
        let (value, interval) = figure(point);
        Some(Dot {
            x: x(run),
            y: y(value?),
            whisker: interval.map(|ends| ends.map(y)),
            valid: point.verdict == "valid",
            run,
        })
    });
    let dots: Vec<Dot> = dots.collect();
    let path: Vec<String> = dots.iter().map(|dot| format!("{:.1},{:.1}", dot.x, dot.y)).collect();
    Some(Line { name, last: dots.last()?.y, path: path.join(" "), dots })
}
