//! Values of pairs as a field of colours, the values written in.

use std::sync::Arc;

use kuva::plot::{ColorMap, Heatmap};
use kuva::render::annotations::TextAnnotation;
use kuva::render::layout::Layout;
use kuva::render::plots::Plot;
use kuva::render::render::render_multiple;

use super::super::super::number::significant;
use super::{Caption, Drawn, LETTER, Point, drawn, longest};

/// From the smallest value of a panel to its largest: the drawing library writes in dark letters, which can be read on both.
const PALE: [f64; 3] = [235.0, 243.0, 250.0];
const DEEP: [f64; 3] = [86.0, 180.0, 233.0];
/// A scale spans at least from the smallest value to this many times it: what differs by chance shall not look far apart.
const LEAST_SPAN: f64 = 1.5;
const NOT_MEASURED: &str = "#EEEEEE";
/// Pixels of a cell.
const LEAST_WIDTH: f64 = 84.0;
const HEIGHT: f64 = 54.0;

/// Fields of colours side by side, one for each panel, with the same rows and columns.
pub(in super::super) struct HeatMap {
    pub(in super::super) title: String,
    /// Workload and client model.
    pub(in super::super) about: String,
    pub(in super::super) x_label: String,
    pub(in super::super) y_label: String,
    /// From the top.
    pub(in super::super) rows: Vec<String>,
    pub(in super::super) columns: Vec<String>,
    pub(in super::super) panels: Vec<Panel>,
}

/// One field, with a scale of its own.
pub(in super::super) struct Panel {
    pub(in super::super) name: String,
    /// By row, then by column.
    pub(in super::super) values: Vec<Vec<Option<Point>>>,
}

impl HeatMap {
    pub(in super::super) fn draw(&self) -> Result<Drawn, String> {
        let (rows, columns) = (self.rows.len(), self.columns.len());
        let (mut plots, mut labels, mut names) = (Vec::new(), Vec::new(), Vec::new());
        for (number, panel) in self.panels.iter().enumerate() {
            // A column is left free between panels.
            let left = 0.5 + (number * (columns + 1)) as f64;
            if number > 0 {
                names.push(String::new());
            }
            names.extend(self.columns.iter().cloned());
            plots.push(Plot::Heatmap(panel.field(left, columns)));
            let centre = left + columns as f64 / 2.0;
            labels.push(text(panel.name.clone(), centre, rows as f64 + 0.75).with_font_size(15));
            labels.extend(panel.texts(left, rows));
        }
        let mut layout = Layout::new((0.5, names.len() as f64 + 0.5), (0.5, rows as f64 + 1.0))
            .with_x_categories(names.clone())
            .with_y_categories(self.rows.iter().rev().cloned().collect());
        layout.show_grid = false;
        for label in labels {
            layout = layout.with_annotation(label);
        }
        let cell = LEAST_WIDTH.max(LETTER * longest(self.columns.iter().map(String::as_str)) + 16.0);
        let width = 110.0 + LETTER * longest(self.rows.iter().map(String::as_str)) + cell * names.len() as f64;
        let about = format!("{}\nin each cell: mean, and half its 95 % interval; –: not measured", self.about);
        let caption = Caption { title: &self.title, about, x_label: &self.x_label, y_label: &self.y_label };
        drawn(&render_multiple(plots, caption.put_on(layout, width.max(640.0), 190.0 + HEIGHT * (rows as f64 + 0.5))))
    }

    pub(in super::super) fn points(&self) -> impl Iterator<Item = Point> {
        self.panels.iter().flat_map(|panel| panel.values.iter().flatten().flatten().copied())
    }
}

impl Panel {
    fn field(&self, left: f64, columns: usize) -> Heatmap {
        // Rows count from the bottom. What was not measured has no place on the scale.
        let value = |point: &Option<Point>| point.map_or(f64::NAN, |point| point.value);
        let values = || self.values.iter().flatten().flatten().map(|point| point.value);
        let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
        let span = (high - low) / (high - low).max(low * (LEAST_SPAN - 1.0));
        let data = self.values.iter().rev().map(|row| row.iter().map(value).collect::<Vec<_>>());
        Heatmap::new()
            .with_data(data)
            // The library gives the place between the smallest and the largest value.
            .with_color_map(ColorMap::Custom(Arc::new(move |place| colour(place * span))))
            .with_x_range(left, left + columns as f64)
            .with_cell_size(0.97)
    }

    fn texts(&self, left: f64, rows: usize) -> Vec<TextAnnotation> {
        let mut texts = Vec::new();
        for (row, points) in self.values.iter().enumerate() {
            for (column, point) in points.iter().enumerate() {
                let (x, y) = (left + column as f64 + 0.5, (rows - row) as f64);
                let Some(Point { value, interval }) = *point else {
                    texts.push(text("–".to_owned(), x, y));
                    continue;
                };
                let half = interval.map(|[low, high]| format!("± {}", significant((high - low) / 2.0)));
                let (above, below) = if half.is_some() { (y + 0.08, y - 0.24) } else { (y, y) };
                texts.push(text(significant(value), x, above).with_font_size(15));
                texts.extend(half.map(|half| text(half, x, below).with_font_size(11)));
            }
        }
        texts
    }
}

fn text(words: String, x: f64, y: f64) -> TextAnnotation {
    TextAnnotation::new(words, x, y)
}

/// Of a place between 0 and 1; what is not a number was not measured.
fn colour(place: f64) -> String {
    if place.is_nan() {
        return NOT_MEASURED.to_owned();
    }
    let mix = |channel: usize| (PALE[channel] + (DEEP[channel] - PALE[channel]) * place.clamp(0.0, 1.0)).round();
    format!("rgb({},{},{})", mix(0), mix(1), mix(2))
}
