//! Bars on a terminal: one for the whole run, one for what is going on in it.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::lines::line;
use super::{RunEvent, latency, span};

/// Often enough to see that it is alive.
const TICK: Duration = Duration::from_millis(500);

/// Draws bars.
#[derive(Default)]
pub(crate) struct Bars {
    all: MultiProgress,
    run: Option<ProgressBar>,
    now: Option<ProgressBar>,
    number: usize,
    of: usize,
}

impl Bars {
    pub(super) fn tell(&mut self, event: &RunEvent) {
        match event {
            RunEvent::Preparing { host, what, done, total } => {
                let bar = self.now("python environment {bar:24} {pos}/{len} {elapsed} {wide_msg}", u64::from(*total));
                bar.set_position(u64::from(*done));
                bar.set_message(format!("{host}: {what}"));
            }
            RunEvent::CellStarted { cell, number, of, expected_s, left_s } => {
                (self.number, self.of) = (*number, *of);
                self.run_bar(*of as u64, (*number - 1) as u64, format!("about {} left", span(*left_s)));
                self.now = None;
                let bar = self.now("  {wide_msg}", 0);
                bar.set_message(format!("{cell}: starting, expected {}", span(*expected_s)));
            }
            RunEvent::CellProgress { cell, phase, done, total, failed, p50_ns, p99_ns, elapsed_s } => {
                let bar = self.now("  {bar:24} {pos}/{len} {wide_msg}", *total);
                bar.set_position(*done);
                let failed = if *failed > 0 { format!(", {failed} failed") } else { String::new() };
                let (p50, p99) = (latency(*p50_ns), latency(*p99_ns));
                bar.set_message(format!("{cell}: {phase} {}, p50 {p50}, p99 {p99}{failed}", span(*elapsed_s)));
            }
            _ => self.settle(event),
        }
    }

    /// An event that leaves a line behind.
    fn settle(&mut self, event: &RunEvent) {
        if let Some(bar) = self.now.take() {
            bar.finish_and_clear();
        }
        if let Some(text) = line(event, self.number, self.of) {
            // The terminal may have gone; the run goes on all the same.
            drop(self.all.println(text));
        }
        if matches!(event, RunEvent::RunFinished { .. })
            && let Some(bar) = self.run.take()
        {
            bar.finish_and_clear();
        }
    }

    fn run_bar(&mut self, length: u64, position: u64, message: String) {
        let bar = self.run.get_or_insert_with(|| {
            self.all.insert(
                0,
                ProgressBar::new(length).with_style(style("{bar:32} {pos}/{len} cells, {elapsed} gone, {msg}")),
            )
        });
        bar.enable_steady_tick(TICK);
        bar.set_position(position);
        bar.set_message(message);
    }

    /// The bar of what is going on, in this style.
    fn now(&mut self, template: &'static str, length: u64) -> &ProgressBar {
        let all = &self.all;
        let bar = self.now.get_or_insert_with(|| all.add(ProgressBar::new(length)));
        bar.set_style(style(template));
        bar.set_length(length);
        bar
    }
}

fn style(template: &'static str) -> ProgressStyle {
    // The templates are this module's own; one that does not parse would only look plain.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
