//! What a run tells while it goes on: bars on a terminal, plain lines elsewhere, or JSON events on stdout.

mod bars;
mod lines;

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use bars::Bars;

/// Something happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum RunEvent {
    /// The folder is made, nothing else.
    RunStarted {
        /// The run's id.
        run_id: String,
        /// The study.
        study: String,
        /// Cells to run.
        cells: usize,
        /// The run folder.
        folder: PathBuf,
    },
    /// Every agent is there and belongs to the run.
    Connected {
        /// How many.
        agents: usize,
        /// How long it took to reach them.
        seconds: f64,
    },
    /// A host's Python environment is being made.
    Preparing {
        /// The host.
        host: String,
        /// The step.
        what: String,
        /// Steps done.
        done: u32,
        /// Steps in all.
        total: u32,
    },
    /// A host's Python environment is there.
    Prepared {
        /// The host.
        host: String,
        /// Version of Python.
        python: String,
        /// False where it was there already.
        built: bool,
        /// How long it took.
        seconds: f64,
    },
    /// A cell is not known as precisely as the plan asks: another block runs, and there are more cells than before.
    BlockAdded {
        /// Its number.
        block: u32,
        /// Its cells.
        cells: usize,
        /// Cells in all, these included.
        of: usize,
        /// The precision asked for.
        wanted: String,
        /// The cells that are not so precise.
        imprecise: Vec<String>,
    },
    /// A cell begins.
    CellStarted {
        /// Its name.
        cell: String,
        /// Its place in the order, from 1.
        number: usize,
        /// Cells in all.
        of: usize,
        /// How long it is expected to take.
        expected_s: f64,
        /// How long all that is left is expected to take, this one included.
        left_s: f64,
    },
    /// A cell goes on.
    CellProgress {
        /// Its name.
        cell: String,
        /// What it is doing: `starting`, `driving`, `stopping`.
        phase: &'static str,
        /// Samples taken.
        done: u64,
        /// Samples asked for.
        total: u64,
        /// Samples that failed.
        failed: u64,
        /// Median so far.
        p50_ns: Option<u64>,
        /// 99th percentile so far.
        p99_ns: Option<u64>,
        /// Since it began.
        elapsed_s: f64,
    },
    /// A cell is over.
    CellFinished {
        /// Its name.
        cell: String,
        /// Its place in the order, from 1.
        number: usize,
        /// Cells in all.
        of: usize,
        /// How it ended.
        status: crate::store::manifest::CellStatus,
        /// Why it is not complete, or empty.
        reason: String,
        /// Samples stored.
        samples: u64,
        /// Samples that failed.
        failed: u64,
        /// Median, of the samples that did not fail; from a histogram of three digits.
        p50_ns: Option<u64>,
        /// 99th percentile, likewise.
        p99_ns: Option<u64>,
        /// How long it took.
        seconds: f64,
    },
    /// Something a reader should know.
    Warning {
        /// One sentence.
        message: String,
    },
    /// Everything is written.
    RunFinished {
        /// Whether every cell is complete.
        complete: bool,
        /// The run folder.
        folder: PathBuf,
        /// The report to read.
        report: PathBuf,
        /// Since the run started.
        seconds: f64,
    },
}

/// Where events go.
pub(crate) enum Reporter {
    /// stderr is a terminal.
    Bars(Bars),
    /// stderr is a file or a pipe.
    Lines,
    /// JSON on stdout, one object a line.
    Json,
    /// Nowhere.
    Quiet,
}

impl Reporter {
    /// The one that fits the flags and stderr.
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        use std::io::IsTerminal;
        match (json, quiet, std::io::stderr().is_terminal()) {
            (true, _, _) => Self::Json,
            (_, true, _) => Self::Quiet,
            (_, _, true) => Self::Bars(Bars::default()),
            (_, _, false) => Self::Lines,
        }
    }

    /// Tells of an event.
    pub(crate) fn tell(&mut self, event: &RunEvent) {
        match self {
            Self::Bars(bars) => bars.tell(event),
            Self::Lines => lines::tell(event),
            Self::Json => {
                use std::io::Write;
                let mut stdout = std::io::stdout().lock();
                // A reader that went away does not end the run.
                drop(serde_json::to_writer(&mut stdout, event));
                drop(stdout.write_all(b"\n"));
                drop(stdout.flush());
            }
            Self::Quiet => {}
        }
    }
}

/// A latency in the unit that reads best.
pub(crate) fn latency(ns: Option<u64>) -> String {
    match ns {
        None => "-".to_owned(),
        Some(ns) if ns < 1_000_000 => format!("{:.1} µs", ns as f64 / 1e3),
        Some(ns) if ns < 1_000_000_000 => format!("{:.2} ms", ns as f64 / 1e6),
        Some(ns) => format!("{:.2} s", ns as f64 / 1e9),
    }
}

/// A span of time as a person says it.
pub(crate) fn span(seconds: f64) -> String {
    let whole = Duration::from_secs_f64(seconds.max(0.0)).as_secs();
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}
