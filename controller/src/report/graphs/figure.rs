//! A figure in, SVG and PNG out: the only module that knows the drawing library.

use kuva::backend::png::PngBackend;
use kuva::backend::svg::SvgBackend;
use kuva::plot::legend::{LegendEntry, LegendShape};
use kuva::plot::scatter::MarkerShape;
use kuva::plot::{BarPlot, LegendPosition, LinePlot, ScatterPlot};
use kuva::render::annotations::TextAnnotation;
use kuva::render::layout::{Layout, TickFormat};
use kuva::render::plots::Plot;
use kuva::render::render::{Scene, render_multiple};
use kuva::render::theme::Theme;

use super::super::number::significant;

/// Okabe & Ito, "Color Universal Design", 2008, without yellow (too pale on a light page) and black (that of the text).
const COLOURS: [&str; 6] = ["#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"];
const MARKERS: [MarkerShape; 4] =
    [MarkerShape::Circle, MarkerShape::Square, MarkerShape::Triangle, MarkerShape::Diamond];
const TEXT: &str = "#1A1A1A";
/// Of the largest bar, above which its label still finds room.
const HEADROOM: f64 = 1.14;
/// Share of a category's width that its bars or points take.
const SPREAD: f64 = 0.8;
/// Beyond this ratio of the largest to the smallest value a linear axis hides the small ones.
const LOG_RATIO: f64 = 20.0;
/// Pixels of a PNG for each of the figure's own.
const PNG_SCALE: f32 = 2.0;

/// What is drawn.
pub(super) struct Figure {
    pub(super) title: String,
    /// Workload, client model, topology and what the marks mean.
    pub(super) subtitle: String,
    pub(super) x_label: String,
    pub(super) y_label: String,
    pub(super) shape: Shape,
    pub(super) categories: Vec<String>,
    pub(super) series: Vec<Series>,
}

/// How values are shown.
pub(super) enum Shape {
    /// From 0, with the value written above.
    Bars,
    /// A line over the categories, on a logarithmic axis where the values span far.
    Lines,
}

/// One colour of the legend.
pub(super) struct Series {
    pub(super) name: String,
    /// Its place in the palette.
    pub(super) colour: usize,
    /// Its line's dashes and markers, to tell lines of one colour apart.
    pub(super) style: usize,
    /// One for each category.
    pub(super) points: Vec<Option<Point>>,
}

/// A value with its interval.
#[derive(Clone, Copy)]
pub(super) struct Point {
    pub(super) value: f64,
    pub(super) interval: Option<[f64; 2]>,
}

/// A figure in both of its forms.
pub(super) struct Drawn {
    pub(super) svg: String,
    pub(super) png: Vec<u8>,
}

impl Figure {
    pub(super) fn draw(&self) -> Result<Drawn, String> {
        let scene = match self.shape {
            Shape::Bars => self.bars(),
            Shape::Lines => self.lines(),
        };
        let png = PngBackend::new().with_scale(PNG_SCALE).render_scene(&scene)?;
        Ok(Drawn { svg: scalable(&SvgBackend::default().render_scene(&scene)), png })
    }

    fn points(&self) -> impl Iterator<Item = Point> {
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
                errors.push(point.map_or((0.0, 0.0), Point::whiskers));
                let top = point.map_or(0.0, |point| point.value + point.whiskers().1);
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

    fn lines(&self) -> Scene {
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
                marks = marks.with_y_err_asymmetric(points.iter().map(|(_, point)| point.whiskers()));
            }
            plots.push(Plot::Scatter(marks));
        }
        let ends = || self.points().flat_map(|it| [it.value - it.whiskers().0, it.value + it.whiskers().1]);
        let highest = ends().fold(f64::MIN_POSITIVE, f64::max);
        let lowest = ends().filter(|end| *end > 0.0).fold(highest, f64::min);
        let log = highest > LOG_RATIO * lowest;
        let from = if log { lowest / 1.3 } else { 0.0 };
        let layout = Layout::new((0.5, self.categories.len() as f64 + 0.5), (from, highest * 1.1))
            .with_x_categories(self.categories.clone())
            .with_y_axis_min(from)
            .with_y_axis_max(highest * 1.1);
        let layout = if log { layout.with_log_y() } else { layout };
        let shape = |it: &Series| LegendShape::Marker(marker(it.style));
        let legend = self.series.iter().map(|it| entry(&it.name, it.colour, shape(it))).collect();
        render_multiple(plots, self.dress(layout, legend))
    }

    /// What every figure has in common.
    fn dress(&self, layout: Layout, legend: Vec<LegendEntry>) -> Layout {
        let theme = Theme {
            text_color: TEXT.into(),
            axis_color: TEXT.into(),
            tick_color: TEXT.into(),
            grid_color: "#DDDDDD".into(),
            legend_border: "#BBBBBB".into(),
            ..Theme::light()
        };
        let width = (340.0 + 60.0 * (self.categories.len() * self.series.len()) as f64).clamp(720.0, 1400.0);
        layout
            .with_theme(theme)
            .with_width(width)
            .with_height(480.0)
            .with_title(&self.title)
            .with_title_size(20)
            .with_subtitle(&self.subtitle)
            .with_subtitle_size(13)
            .with_subtitle_wrap(100)
            .with_x_label(&self.x_label)
            .with_y_label(&self.y_label)
            .with_label_size(15)
            .with_tick_size(13)
            .with_body_size(13)
            .with_y_tick_format(TickFormat::Auto)
            .with_legend_entries(legend)
            .with_legend_position(LegendPosition::OutsideRightTop)
    }
}

impl Point {
    /// How far the interval reaches down and up.
    fn whiskers(self) -> (f64, f64) {
        let [low, high] = self.interval.unwrap_or([self.value; 2]);
        // A duration below 0 cannot be: the whisker ends at the axis.
        ((self.value - low.max(0.0)).max(0.0), (high - self.value).max(0.0))
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

/// Without a `viewBox` a page that gives the figure less room than its pixels would cut it off.
fn scalable(svg: &str) -> String {
    let number = |name: &str| {
        let (_, rest) = svg.split_once(&format!(" {name}=\""))?;
        rest.split_once('"').map(|(number, _)| number.to_owned())
    };
    match (number("width"), number("height")) {
        (Some(width), Some(height)) if !svg.contains("viewBox") => {
            svg.replacen("<svg ", &format!("<svg viewBox=\"0 0 {width} {height}\" "), 1)
        }
        _ => svg.to_owned(),
    }
}
