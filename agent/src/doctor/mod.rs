//! What this host can and cannot do for a measurement, and how to mend it.
//!
//! 1. Every check is a pure function from what was read (the text of a file of `/proc` or `/sys`, a number) to
//!    [`Finding`]s; its reader beside it only reads. What cannot be read is said so or left out, never guessed.
//! 2. Nothing is changed, nothing is sent: looking at a host is always safe.
//! 3. [`Level::Bad`] is kept for what makes a run fail or its figures worthless.

mod clock;
mod confinement;
mod cpus;
mod frequency;
mod limits;
mod load;
mod memory;
mod network;
mod python;
mod state;

use std::fmt::Write;
use std::path::Path;

use crate::limits::LimitsSource;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    Ok,
    /// Runs succeed, but figures scatter or a kind of run is not possible.
    Warn,
    /// A run fails, or what it says cannot be used.
    Bad,
}

impl Level {
    /// The word it is shown as.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

/// What one check has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at, in one word or two.
    pub area: &'static str,
    /// How much it matters.
    pub level: Level,
    /// What is there, with its numbers.
    pub found: String,
    /// The next step; empty where there is none.
    pub advice: String,
}

impl Finding {
    fn ok(area: &'static str, found: impl Into<String>) -> Self {
        Self { area, level: Level::Ok, found: found.into(), advice: String::new() }
    }

    fn warn(area: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { area, level: Level::Warn, found: found.into(), advice: advice.into() }
    }

    fn bad(area: &'static str, found: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { area, level: Level::Bad, found: found.into(), advice: advice.into() }
    }
}

/// Looks at this host, with `state` as the folder for environments and limits from there. Takes about a second: it watches the CPUs that long.
pub fn examine(state: &Path, limits: &LimitsSource) -> Vec<Finding> {
    [
        python::examine(state),
        state::examine(state),
        confinement::examine(state, limits),
        cpus::examine(),
        frequency::examine(),
        load::examine(),
        clock::examine(),
        memory::examine(),
        network::examine(),
        limits::examine(limits),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The worst level among the findings.
pub fn worst(findings: &[Finding]) -> Level {
    findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok)
}

/// One line a finding, in columns, and a line that sums up. ASCII only, whatever process or machine names contain.
pub fn render(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.area.len()).max().unwrap_or_default();
    let mut text = String::new();
    for Finding { area, level, found, advice } in findings {
        let next = if advice.is_empty() { String::new() } else { format!("; {}", plain(advice)) };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:<4}  {area:<width$}  {}{next}", level.word(), plain(found));
    }
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    let _ = writeln!(text, "{} ok, {} warn, {} bad", count(Level::Ok), count(Level::Warn), count(Level::Bad));
    text
}

/// The text with everything replaced that a terminal could take for more than a letter.
fn plain(text: &str) -> String {
    text.chars().map(|char| if char == ' ' || char.is_ascii_graphic() { char } else { '?' }).collect()
}

/// The file's text without white space around it, if it can be read.
fn read(path: impl AsRef<Path>) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_finding_is_one_line_in_columns() {
        let findings = [
            Finding::ok("clock", "tsc"),
            Finding::warn("open files", "256", "raise it"),
            Finding::bad("python", "none", "install it"),
        ];
        let wanted = "ok    clock       tsc\n\
                      warn  open files  256; raise it\n\
                      bad   python      none; install it\n\
                      1 ok, 1 warn, 1 bad\n";
        assert_eq!(render(&findings), wanted);
        assert_eq!(worst(&findings), Level::Bad);
        assert_eq!(worst(&findings[..2]), Level::Warn);
        assert_eq!(worst(&[]), Level::Ok);
    }

    #[test]
    fn names_found_on_a_host_cannot_steer_a_terminal() {
        let text = render(&[Finding::ok("load", "busy: \u{1b}[2Jevil\nok  fake")]);
        assert!(text.starts_with("ok    load  busy: ?[2Jevil?ok  fake\n"), "{text:?}");
        assert!(text.is_ascii());
    }

    #[test]
    fn this_host_can_be_examined_and_every_trouble_has_a_next_step() {
        let state = tempfile::tempdir().unwrap();
        let findings = examine(state.path(), &LimitsSource::OwnUser);
        assert!(findings.len() > 12, "{findings:?}");
        for finding in &findings {
            assert!(!finding.found.is_empty(), "{finding:?}");
            assert_eq!(finding.level == Level::Ok, finding.advice.is_empty(), "{finding:?}");
        }
        assert_eq!(std::fs::read_dir(state.path()).unwrap().count(), 0, "looking leaves nothing behind");
    }
}
