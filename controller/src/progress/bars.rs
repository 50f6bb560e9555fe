//! Bars on a terminal: one for the whole run, one for each thing that is going on in it.

use std::collections::HashMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::lines::line;
use super::{RunEvent, latency, span};
use crate::plain::plain;

/// Often enough to see that it is alive.
const TICK: Duration = Duration::from_millis(500);

/// Draws bars.
#[derive(Default)]
pub(crate) struct Bars {
    all: MultiProgress,
    run: Option<ProgressBar>,
    /// By host while environments are made, then by cell.
    now: HashMap<String, ProgressBar>,
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
                self.run_bar(*of as u64).set_message(format!("about {} left", span(*left_s)));
                let bar = self.now(cell, "  {wide_msg}", 0);
                bar.set_message(format!("{cell}: starting, expected {}", span(*expected_s)));
            }
            RunEvent::CellProgress { cell, phase, done, total, failed, p50_ns, p99_ns, elapsed_s } => {
                let bar = self.now(cell, "  {bar:24} {pos}/{len} {wide_msg}", *total);
                bar.set_position(*done);
                let failed = if *failed > 0 { format!(", {failed} failed") } else { String::new() };
                let (p50, p99) = (latency(*p50_ns), latency(*p99_ns));
                bar.set_message(format!("{cell}: {phase} {}, p50 {p50}, p99 {p99}{failed}", span(*elapsed_s)));
            }
            RunEvent::Prepared { host: over, .. } | RunEvent::CellFinished { cell: over, .. } => {
                if let Some(bar) = self.now.remove(over) {
                    bar.finish_and_clear();
                }
                if let (RunEvent::CellFinished { .. }, Some(bar)) = (event, &self.run) {
                    bar.inc(1);
                }
                self.settle(event);
            }
            _ => self.settle(event),
        }
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
