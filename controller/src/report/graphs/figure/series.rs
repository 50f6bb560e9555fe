//! Bars, or lines, in colours that a legend names.

use kuva::plot::legend::{LegendEntry, LegendShape};
use kuva::plot::scatter::MarkerShape;
use kuva::plot::{BarPlot, LegendPosition, LinePlot, ScatterPlot};
use kuva::render::annotations::TextAnnotation;
use kuva::render::layout::{Layout, TickFormat};
use kuva::render::plots::Plot;
use kuva::render::render::{Scene, render_multiple};

use super::super::super::number::significant;
use super::{Caption, Drawn, LETTER, Point, TEXT, drawn, longest, whiskers};

/// Okabe & Ito, "Color Universal Design", 2008, without yellow (too pale on a light page) and black (that of the text).
const COLOURS: [&str; 6] = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"];
const MARKERS: [MarkerShape; 4] =
    [MarkerShape::Circle, MarkerShape::Square, MarkerShape::Triangle, MarkerShape::Diamond];
/// Of the largest bar, above which its label still finds room.
const HEADROOM: f64 = 1.14;
/// Share of a category's width that its bars or points take.
const SPREAD: f64 = 0.8;
/// Beyond this ratio of the largest to the smallest value a linear axis hides the small ones.
const LOG_RATIO: f64 = 20.0;

/// What is drawn.
pub(in super::super) struct Figure {
    pub(in super::super) title: String,
    /// Workload, client model and topology.
    pub(in super::super) about: String,
    /// What is drawn, apart from whiskers.
    pub(in super::super) marks: &'static str,
    pub(in super::super) x_label: String,
    pub(in super::super) y_label: String,
    pub(in super::super) shape: Shape,
    pub(in super::super) categories: Vec<String>,
    pub(in super::super) series: Vec<Series>,
}

/// How values are shown.
pub(in super::super) enum Shape {
    /// From 0, with the value written above.
    Bars,
    /// From 0, one series above the other.
    Stacked,
    /// A line over the categories, on a logarithmic axis where the values span far.
    Lines,
}

/// One colour of the legend.
pub(in super::super) struct Series {
    pub(in super::super) name: String,
    /// Its place in the palette.
    pub(in super::super) colour: usize,
    /// Its line's dashes and markers, to tell lines of one colour apart.
    pub(in super::super) style: usize,
    /// One for each category.
    pub(in super::super) points: Vec<Option<Point>>,
}

struct Axis {
    from: f64,
    to: f64,
    log: bool,
}

impl Figure {
    pub(in super::super) fn draw(&self) -> Result<Drawn, String> {
        drawn(&match self.shape {
            Shape::Bars => self.bars(),
            Shape::Stacked => self.stacked(),
            Shape::Lines => self.lines(),
        })
    }

    pub(in super::super) fn points(&self) -> impl Iterator<Item = Point> {
        self.series.iter().flat_map(|series| series.points.iter().flatten().copied())
    }

    fn bars(&self) -> Scene {
        let mut bars = BarPlot::new().with_width(SPREAD).with_error_color(TEXT).with_error_cap_width(0.25);
        let mut errors = Vec::new();
        let mut labels = Vec::new();
        let slot = SPREAD / self.series.len().max(1) as f64;
        for (place, category) in self.categories.iter().enumerate() {
            let points: Vec<_> = self.series.iter().map(|it| (it, it.points.get(place).copied().flatten())).collect();
            let values = points.iter().map(|(it, point)| (point.map_or(0.0, |point| point.value), colour(it.colour)));
            bars = bars.with_group(category.as_str(), values.collect::<Vec<_>>());
            for (number, (_, point)) in points.iter().enumerate() {
                let x = place as f64 + 1.0 - SPREAD / 2.0 + slot * (number as f64 + 0.5);
                errors.push(point.map_or((0.0, 0.0), |point| point.whiskers(0.0)));
                let top = point.map_or(0.0, |point| point.top());
                let text = point.map_or_else(|| "none".to_owned(), |point| significant(point.value));
                labels.push((text, x, top));
            }
        }
        if self.points().any(|point| point.interval.is_some()) {
            bars = bars.with_asymmetric_error(errors);
        }
        let highest = labels.iter().map(|(_, _, top)| *top).fold(f64::MIN_POSITIVE, f64::max) * HEADROOM;
        let plots = vec![Plot::Bar(bars)];
        let mut layout = Layout::auto_from_plots(&plots).with_y_axis_min(0.0).with_y_axis_max(highest);
        for (text, x, top) in labels {
            let label = TextAnnotation::new(text, x, top + highest * 0.02).with_color(TEXT).with_font_size(13);
            layout = layout.with_annotation(label);
        }
        let legend = self.series.iter().map(|it| entry(&it.name, it.colour, LegendShape::Rect)).collect();
        render_multiple(plots, self.dress(layout, legend))
    }

    fn stacked(&self) -> Scene {
        let mut bars = BarPlot::new().with_width(SPREAD / 2.0).with_stacked();
        let mut labels = Vec::new();
        for (place, category) in self.categories.iter().enumerate() {
            let value = |it: &Series| it.points.get(place).copied().flatten().map_or(0.0, |point| point.value);
            let values: Vec<_> = self.series.iter().map(|it| (value(it), colour(it.colour))).collect();
            labels.push((place as f64 + 1.0, values.iter().map(|(value, _)| value).sum::<f64>()));
            bars = bars.with_group(category.as_str(), values);
        }
        let plots = vec![Plot::Bar(bars)];
        let highest = labels.iter().map(|(_, top)| *top).fold(f64::MIN_POSITIVE, f64::max) * HEADROOM;
        let mut layout = Layout::auto_from_plots(&plots).with_y_axis_min(0.0).with_y_axis_max(highest);
        for (x, top) in labels {
            let text = if top > 0.0 { significant(top) } else { "none".to_owned() };
            let label = TextAnnotation::new(text, x, top + highest * 0.02).with_color(TEXT).with_font_size(13);
            layout = layout.with_annotation(label);
        }
        let legend = self.series.iter().map(|it| entry(&it.name, it.colour, LegendShape::Rect)).collect();
        render_multiple(plots, self.dress(layout, legend))
    }

    fn lines(&self) -> Scene {
        let Axis { from, to, log } = self.axis();
        let mut plots = Vec::new();
        let slot = SPREAD / 2.0 / self.series.len().max(1) as f64;
        for (number, series) in self.series.iter().enumerate() {
            // Side by side, so that whiskers do not hide each other.
            let shift = slot * (number as f64 + 0.5) - SPREAD / 4.0;
            let points: Vec<_> =
                series.points.iter().enumerate().filter_map(|(x, it)| Some((x as f64 + 1.0 + shift, (*it)?))).collect();
            let places: Vec<_> = points.iter().map(|(x, point)| (*x, point.value)).collect();
            let line =
                LinePlot::new().with_data(places.clone()).with_color(colour(series.colour)).with_stroke_width(1.8);
            plots.push(Plot::Line(if series.style == 0 { line } else { line.with_dashed() }));
            let mut marks = ScatterPlot::new()
                .with_data(places)
                .with_color(colour(series.colour))
                .with_size(4.5)
                .with_marker(marker(series.style));
            if points.iter().any(|(_, point)| point.interval.is_some()) {
                marks = marks.with_y_err_asymmetric(points.iter().map(|(_, point)| point.whiskers(from)));
            }
            plots.push(Plot::Scatter(marks));
        }
        let layout = Layout::new((0.5, self.categories.len() as f64 + 0.5), (from, to))
            .with_x_categories(self.categories.clone())
            .with_y_axis_min(from)
            .with_y_axis_max(to);
        let layout = if log { layout.with_log_y() } else { layout };
        let shape = |it: &Series| LegendShape::Marker(marker(it.style));
        let legend = self.series.iter().map(|it| entry(&it.name, it.colour, shape(it))).collect();
        render_multiple(plots, self.dress(layout, legend))
    }

    /// Of lines. On a logarithmic one an interval that reaches below 0 ends at the axis, and so does not stretch it.
    fn axis(&self) -> Axis {
        let highest = self.points().map(Point::top).fold(f64::MIN_POSITIVE, f64::max);
        let bottoms = self.points().flat_map(|it| [it.value, it.interval.map_or(it.value, |[low, _]| low)]);
        let lowest = bottoms.filter(|bottom| *bottom > 0.0).fold(highest, f64::min);
        let values = || self.points().map(|it| it.value);
        let spread = values().fold(0.0, f64::max) / values().fold(f64::INFINITY, f64::min);
        if spread > LOG_RATIO {
            let lowest_value = values().fold(f64::INFINITY, f64::min);
            Axis { from: lowest.max(lowest_value / 3.0) / 1.3, to: highest * 1.3, log: true }
        } else {
            Axis { from: 0.0, to: highest * 1.1, log: false }
        }
    }

    /// How wide it is to be, and whether the names of its categories have to be turned to fit.
    fn room(&self) -> (f64, bool) {
        let marks = (self.categories.len() * self.series.len()) as f64;
        let legend = 70.0 + LETTER * longest(self.series.iter().map(|it| it.name.as_str()));
        let names =
            self.categories.len() as f64 * (LETTER * longest(self.categories.iter().map(String::as_str)) + 20.0);
        let room = match self.shape {
            Shape::Bars => (60.0 * marks).clamp(480.0, 1100.0),
            Shape::Stacked => (110.0 * self.categories.len() as f64).clamp(480.0, 1100.0),
            Shape::Lines => (420.0 + 12.0 * marks).clamp(560.0, 900.0),
        };
        let plot = room.max(names.min(1100.0));
        (90.0 + plot + legend, names > plot)
    }

    fn dress(&self, layout: Layout, legend: Vec<LegendEntry>) -> Layout {
        let known = self.points().any(|point| point.interval.is_some());
        let of_whiskers = match self.shape {
            Shape::Stacked => String::new(),
            Shape::Bars | Shape::Lines => format!("; {}", whiskers(known)),
        };
        let (width, turned) = self.room();
        let layout = if turned { layout.with_x_tick_rotate(-30.0) } else { layout };
        let about = format!("{}\n{}{of_whiskers}", self.about, self.marks);
        let caption = Caption { title: &self.title, about, x_label: &self.x_label, y_label: &self.y_label };
        caption
            .put_on(layout, width, 480.0)
            .with_y_tick_format(TickFormat::Auto)
            .with_legend_entries(legend)
            .with_legend_position(LegendPosition::OutsideRightTop)
    }
}

impl Point {
    /// How far the interval reaches down, at most to where the axis begins, and up.
    fn whiskers(self, axis_from: f64) -> (f64, f64) {
        let [low, high] = self.interval.unwrap_or([self.value; 2]);
        ((self.value - low.max(axis_from)).max(0.0), (high - self.value).max(0.0))
    }

    fn top(self) -> f64 {
        self.interval.map_or(self.value, |[_, high]| high.max(self.value))
    }
}

fn entry(name: &str, place: usize, shape: LegendShape) -> LegendEntry {
    LegendEntry { label: name.to_owned(), color: colour(place).to_owned(), shape, dasharray: None }
}

fn colour(place: usize) -> &'static str {
    COLOURS[place % COLOURS.len()]
}

fn marker(style: usize) -> MarkerShape {
    MARKERS[style % MARKERS.len()]
}
