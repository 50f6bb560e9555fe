//! Plain lines on stderr, for logs: one for each step that is over, none for those that go on.

use std::io::Write;

use super::{RunEvent, latency, span};
use crate::plain::plain;
use crate::store::manifest::CellStatus;

/// Writes the line of an event, if it has one.
pub(super) fn tell(event: &RunEvent) {
    if let Some(line) = line(event) {
        // stderr may be closed; the run goes on all the same.
        drop(writeln!(std::io::stderr(), "{line}"));
    }
}

/// The line that stays of an event, if any; shared with the bars.
pub(super) fn line(event: &RunEvent) -> Option<String> {
    words(event).map(|line| plain(&line))
}

fn words(event: &RunEvent) -> Option<String> {
    Some(match event {
        RunEvent::RunStarted { study, cells, folder, .. } => {
            format!("{study}: {cells} cells into {}", folder.display())
        }
        RunEvent::Preparing { host, what, done, total } => format!("{host}: python environment {done}/{total}: {what}"),
        RunEvent::Prepared { host, python, built, seconds } => {
            let made = if *built { format!("built in {}", span(*seconds)) } else { "ready".to_owned() };
            format!("{host}: python {python} environment {made}")
        }
        RunEvent::Connected { agents: 1, .. } | RunEvent::CellStarted { .. } | RunEvent::CellProgress { .. } => {
            return None;
        }
        RunEvent::Connected { agents, seconds } => format!("{agents} agents connected in {}", span(*seconds)),
        RunEvent::CellFinished {
            cell,
            number,
            of,
            status: CellStatus::Complete,
            samples,
            failed,
            p50_ns,
            p99_ns,
            seconds,
            ..
        } => {
            let failed = if *failed > 0 { format!(", {failed} failed") } else { String::new() };
            let (p50, p99) = (latency(*p50_ns), latency(*p99_ns));
            format!("[{number}/{of}] {cell}: {samples} samples{failed}, p50 {p50}, p99 {p99}, {}", span(*seconds))
        }
        RunEvent::CellFinished { cell, number, of, reason, samples, .. } => {
            format!("[{number}/{of}] {cell}: NOT COMPLETE ({samples} samples kept): {reason}")
        }
        RunEvent::BlockAdded { block, of, wanted, imprecise, .. } => {
            let (count, first) = (imprecise.len(), imprecise.first().map_or("", String::as_str));
            let which = if count == 1 { first.to_owned() } else { format!("{count} cells, {first} first") };
            format!("block {block} is added, {of} cells in all: {wanted} does not hold yet for {which}")
        }
        RunEvent::Warning { message } => format!("warning: {message}"),
        RunEvent::RunFinished { complete, seconds, .. } => {
            let how = if *complete { "complete" } else { "INCOMPLETE" };
            format!("run {how} after {}", span(*seconds))
        }
    })
}
