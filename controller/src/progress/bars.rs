//! Bars on a terminal: one for the whole run, one for each thing that is going on in it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::lines::line;
use super::{RunEvent, latency, span};
use crate::plain::plain;

/// Often enough to see that it is alive.
const TICK: Duration = Duration::from_millis(500);

/// More than any run takes.
const LONGEST_S: f64 = 1e7;

/// Draws bars.
#[derive(Default)]
pub(crate) struct Bars {
    all: MultiProgress,
    run: Option<ProgressBar>,
    /// When the run is expected to end.
    ends: Option<Instant>,
    /// By host while environments are made, then by cell.
    now: HashMap<String, ProgressBar>,
    /// When the first samples of a cell were told of, and how many they were.
    driven: HashMap<String, (Instant, u64)>,
}

impl Bars {
    pub(super) fn tell(&mut self, event: &RunEvent) {
        match event {
            RunEvent::Preparing { host, what, done, total } => {
                let template = "python environment {bar:24} {pos}/{len} {elapsed} {wide_msg}";
                let bar = self.now(host, template, u64::from(*total));
                bar.set_position(u64::from(*done));
                bar.set_message(plain(&format!("{host}: {what}")));
            }
            RunEvent::BlockAdded { of, .. } => {
                self.run_bar(*of as u64).set_length(*of as u64);
                self.settle(event);
            }
            RunEvent::CellStarted { cell, of, expected_s, left_s, .. } => {
                self.ends = Some(Instant::now() + Duration::from_secs_f64(left_s.clamp(0.0, LONGEST_S)));
                self.run_bar(*of as u64);
                self.say_what_is_left();
                let bar = self.now(cell, "  {wide_msg}", 0);
                bar.set_message(format!("{cell}: starting, expected {}", span(*expected_s)));
            }
            RunEvent::CellProgress { cell, phase, done, total, failed, p50_ns, p99_ns, elapsed_s } => {
                self.now(cell, "  {bar:24} {pos}/{len} {wide_msg}", *total).set_position(*done);
                let failed = if *failed > 0 { format!(", {failed} failed") } else { String::new() };
                let (p50, p99) = (latency(*p50_ns), latency(*p99_ns));
                let message = format!("p50 {p50}, p99 {p99}{failed}");
                let rate = self.rate(cell, *done);
                let bar = self.now(cell, "  {bar:24} {pos}/{len} {wide_msg}", *total);
                bar.set_message(format!("{cell}: {phase} {}, {rate}{message}", span(*elapsed_s)));
                self.say_what_is_left();
            }
            RunEvent::Prepared { host: over, .. } | RunEvent::CellFinished { cell: over, .. } => {
                if let Some(bar) = self.now.remove(over) {
                    bar.finish_and_clear();
                }
                self.driven.remove(over);
                if let (RunEvent::CellFinished { .. }, Some(bar)) = (event, &self.run) {
                    bar.inc(1);
                }
                self.settle(event);
            }
            _ => self.settle(event),
        }
    }

    /// Samples a second of a cell since its first ones were told of, if any have come since.
    fn rate(&mut self, cell: &str, done: u64) -> String {
        let Some(&(since, before)) = self.driven.get(cell) else {
            if done > 0 {
                self.driven.insert(cell.to_owned(), (Instant::now(), done));
            }
            return String::new();
        };
        let (seconds, more) = (since.elapsed().as_secs_f64(), done.saturating_sub(before));
        if more == 0 || seconds <= 0.0 { String::new() } else { format!("{:.0}/s, ", more as f64 / seconds) }
    }

    fn say_what_is_left(&self) {
        let (Some(bar), Some(ends)) = (&self.run, self.ends) else { return };
        let left = ends.saturating_duration_since(Instant::now());
        bar.set_message(format!("about {} left", span(left.as_secs_f64())));
    }

    /// An event that leaves a line behind.
    fn settle(&mut self, event: &RunEvent) {
        if let Some(text) = line(event) {
            // The terminal may have gone; the run goes on all the same.
            drop(self.all.println(text));
        }
        if matches!(event, RunEvent::RunFinished { .. })
            && let Some(bar) = self.run.take()
        {
            bar.finish_and_clear();
        }
    }

    fn run_bar(&mut self, length: u64) -> &ProgressBar {
        let all = &self.all;
        self.run.get_or_insert_with(|| {
            let bar = ProgressBar::new(length).with_style(style("{bar:32} {pos}/{len} cells, {elapsed} gone, {msg}"));
            let bar = all.insert(0, bar);
            bar.enable_steady_tick(TICK);
            bar
        })
    }

    /// The bar of something that is going on, in this style.
    fn now(&mut self, what: &str, template: &'static str, length: u64) -> &ProgressBar {
        let all = &self.all;
        let bar = self.now.entry(what.to_owned()).or_insert_with(|| all.add(ProgressBar::new(length)));
        bar.set_style(style(template));
        bar.set_length(length);
        bar
    }
}

fn style(template: &'static str) -> ProgressStyle {
    // The templates are this module's own; one that does not parse would only look plain.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
