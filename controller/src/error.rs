//! Everything that can end a command, and the exit code each means.

use std::path::PathBuf;

use crate::compare::CompareError;
use crate::compare::trend::TrendError;
use crate::enrol::EnrolError;
use crate::export::ExportError;
use crate::home::HomeError;
use crate::plan::PlanError;
use crate::report::ReportError;
use crate::results::ResultsError;
use crate::run::RunError;
use crate::session::SessionError;

/// The exit codes of the contract.
pub(crate) mod code {
    pub(crate) const INTERNAL: u8 = 1;
    pub(crate) const USAGE: u8 = 2;
    pub(crate) const TRIPPED: u8 = 3;
    pub(crate) const INCOMPLETE: u8 = 4;
    pub(crate) const AGENT: u8 = 5;
}

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Results(#[from] ResultsError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error(transparent)]
    Compare(#[from] CompareError),
    #[error(transparent)]
    Trend(#[from] TrendError),
    #[error("a gate has tripped: {}", listed(.0))]
    Tripped(Vec<String>),
    #[error("a gate could not be judged: {}", listed(.0))]
    Unjudged(Vec<String>),
    #[error(transparent)]
    Telemetry(#[from] rpycbench_process::telemetry::TelemetryError),
    #[error(transparent)]
    Enrol(#[from] EnrolError),
    #[error(transparent)]
    Contact(#[from] SessionError),
    #[error(transparent)]
    Home(#[from] HomeError),
    #[error("cannot start threads: {0}")]
    Runtime(std::io::Error),
    #[error("cannot listen for signals: {0}")]
    Signals(std::io::Error),
    #[error("{}", incomplete(*.missing, *.of, .first, .folder))]
    Incomplete { missing: usize, of: usize, first: String, folder: PathBuf },
    #[error("ended at once by a second signal; the cells that were over are kept")]
    Aborted,
}

/// The first of them: all are in what was told before.
fn listed(found: &[String]) -> String {
    match found {
        [] => String::new(),
        [one] => one.clone(),
        [first, others @ ..] => format!("{first}, and {} more", others.len()),
    }
}

fn incomplete(missing: usize, of: usize, first: &str, folder: &std::path::Path) -> String {
    let folder = folder.display();
    format!("run incomplete: {missing} of {of} cells are not complete, first {first}; the rest is kept in {folder}")
}

impl Error {
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Plan(_) | Self::Usage(_) | Self::Compare(_) | Self::Trend(_) | Self::Telemetry(_) => code::USAGE,
            Self::Tripped(_) => code::TRIPPED,
            Self::Run(error) => run_code(error),
            Self::Contact(error) => session_code(error),
            Self::Enrol(EnrolError::Code(_)) | Self::Home(HomeError::Unknown { .. }) => code::USAGE,
            Self::Enrol(EnrolError::Home(_) | EnrolError::Certificates(_)) | Self::Home(_) => code::INTERNAL,
            Self::Enrol(_) => code::AGENT,
            Self::Results(_) | Self::Report(_) | Self::Export(_) | Self::Runtime(_) | Self::Signals(_) => {
                code::INTERNAL
            }
            Self::Incomplete { .. } | Self::Unjudged(_) | Self::Aborted => code::INCOMPLETE,
        }
    }
}

fn run_code(error: &RunError) -> u8 {
    match error {
        RunError::NotEnrolled { .. }
        | RunError::Banned { .. }
        | RunError::Network { .. }
        | RunError::Confinement { .. } => code::AGENT,
        RunError::Session(error) => session_code(error),
        RunError::Certificates(_) => code::INTERNAL,
        RunError::Home(_) | RunError::Folder(_) | RunError::LocalAgent(_) | RunError::Prepare { .. } => code::INTERNAL,
        RunError::Samples(_) | RunError::Cut { .. } | RunError::Interrupted => code::INCOMPLETE,
    }
}

fn session_code(error: &SessionError) -> u8 {
    match error {
        SessionError::Unreachable { .. }
        | SessionError::NotOurs { .. }
        | SessionError::Refused { .. }
        | SessionError::Protocol { .. } => code::AGENT,
        SessionError::Identity(_) => code::INTERNAL,
    }
}
