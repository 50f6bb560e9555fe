//! Figures in, SVG and PNG out: the only module that knows the drawing library.

mod heat_map;
mod series;

use kuva::backend::png::PngBackend;
use kuva::backend::svg::SvgBackend;
use kuva::render::layout::Layout;
use kuva::render::render::Scene;
use kuva::render::theme::Theme;

pub(super) use heat_map::{HeatMap, Panel};
pub(super) use series::{Figure, Series, Shape};

const TEXT: &str = "#1A1A1A";
/// Width of a letter, rather too much, at the size of names.
const LETTER: f64 = 8.5;
/// Pixels of a PNG for each of the figure's own.
const PNG_SCALE: f32 = 2.0;
/// A picture of more pixels is drawn smaller: it takes four bytes of memory for each, and no screen shows them. The SVG beside it
/// has no such limit.
const MOST_PIXELS: f64 = 6e6;

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

/// The words around a figure.
struct Caption<'a> {
    title: &'a str,
    /// Its lines stand below the title.
    about: String,
    x_label: &'a str,
    y_label: &'a str,
}

impl Caption<'_> {
    /// What every figure has in common; sizes in pixels.
    fn put_on(&self, layout: Layout, width: f64, height: f64) -> Layout {
        let theme = Theme {
            text_color: TEXT.into(),
            axis_color: TEXT.into(),
            tick_color: TEXT.into(),
            grid_color: "#DDDDDD".into(),
            legend_border: "#BBBBBB".into(),
            ..Theme::light()
        };
        layout
            .with_theme(theme)
            .with_width(width)
            .with_height(height)
            .with_title(self.title)
            .with_title_size(20)
            .with_subtitle(&self.about)
            .with_subtitle_size(13)
            .with_subtitle_wrap(120)
            .with_x_label(self.x_label)
            .with_y_label(self.y_label)
            .with_label_size(15)
            .with_tick_size(13)
            .with_body_size(13)
    }
}

fn whiskers(known: bool) -> &'static str {
    if known { "whiskers: 95 % interval over blocks" } else { "no intervals: fewer than two blocks" }
}

fn drawn(scene: &Scene) -> Result<Drawn, String> {
    let fitting = (MOST_PIXELS / (scene.width * scene.height)).sqrt() as f32;
    let png = PngBackend::new().with_scale(PNG_SCALE.min(fitting)).render_scene(scene)?;
    Ok(Drawn { svg: repeatable(&scalable(&SvgBackend::default().render_scene(scene))), png })
}

fn longest<'a>(names: impl Iterator<Item = &'a str>) -> f64 {
    names.map(|name| name.chars().count()).max().unwrap_or(0) as f64
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

/// The library numbers its clip paths through the life of the process: counted anew, a figure is the same each time.
fn repeatable(svg: &str) -> String {
    const NAME: &str = "kuva-clip-";
    let mut parts = svg.split(NAME);
    let mut repeatable = parts.next().unwrap_or_default().to_owned();
    let mut seen: Vec<&str> = Vec::new();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = part.split_at(digits);
        let place = seen.iter().position(|it| *it == number).unwrap_or_else(|| {
            seen.push(number);
            seen.len() - 1
        });
        repeatable.push_str(&format!("{NAME}{}{rest}", place + 1));
    }
    repeatable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_of_fifty_hosts_takes_no_more_memory_than_a_screen() {
        let pixels = |width: f64, height: f64| {
            let png = drawn(&Scene::new(width, height)).expect("a picture").png;
            // The header: width and height, four bytes each.
            let number = |at: usize| u64::from(u32::from_be_bytes(png[at..at + 4].try_into().expect("four bytes")));
            number(16) * number(20)
        };
        assert!(pixels(8_000.0, 4_000.0) <= 6_100_000);
        assert_eq!(pixels(800.0, 500.0), 1_600 * 1_000, "a usual one is drawn at twice its size");
    }
}
