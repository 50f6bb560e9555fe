//! What controllers may ask of this host: decided by its administrator, read by the agent, written by neither agent nor
//! controller.
//!
//! 1. [`source`] knows where the limits come from and reads them again at the start of every run. It fails closed: with a
//!    file that is gone, that others may write, or that has a mistake, no run begins.
//! 2. [`file`](mod@file) makes of the text limits that cannot be wrong.
//! 3. [`rules`] answers what is asked: yes, or a [`Denial`] that names the rule, its value and what was asked. It is asked
//!    before anything is started.

mod amount;
mod file;
mod rate;
mod rules;
mod source;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;
use rpycbench_measure::ServerKind;

pub use amount::{Amount, Rate};
pub use file::Mistake;
pub use rate::Pace;
pub use source::{DEFAULT_FILE, LimitsError, LimitsSource};

/// A rule's value, and the text it was written as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule<T> {
    /// What it allows.
    pub value: T,
    /// As in the file.
    pub text: String,
}

/// Ports that a server may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ports {
    /// One that the system chooses.
    System,
    /// From the first to the last, both allowed.
    Range(u16, u16),
}

/// Where limits were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file.
    File(PathBuf),
    /// The agent's own, where there is no file.
    BuiltIn,
    /// Those of an agent that the controller has started itself, as the same user on the same host.
    OwnUser,
}

/// All limits of an agent. A key of the file each, in its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Where they are from.
    pub origin: Origin,
    /// Kinds of servers that may run.
    pub servers: Rule<Vec<ServerKind>>,
    /// Addresses that servers may bind.
    pub serve_on: Rule<Vec<IpNet>>,
    /// Ports that servers may take.
    pub ports: Rule<Vec<Ports>>,
    /// Where agents may be that consent to load.
    pub drive_at_agents: Rule<Vec<IpNet>>,
    /// Where load may go without consent.
    pub drive_at_others: Rule<Vec<IpNet>>,
    /// Connections of a cell at the same time.
    pub max_clients: Rule<Amount<u64>>,
    /// Calls or connections of a cell, warm-up included.
    pub max_requests: Rule<Amount<u64>>,
    /// Calls or connections of a cell in a time.
    pub max_rate: Rule<Amount<Rate>>,
    /// Bytes of all processes of a role together.
    pub max_memory: Rule<Amount<u64>>,
    /// Processes of a role.
    pub max_processes: Rule<Amount<u64>>,
    /// How long a run has the agent.
    pub max_run: Rule<Amount<Duration>>,
    /// Bytes of samples that are kept for a run until the controller has them.
    pub max_spool: Rule<Amount<u64>>,
}

/// A request that a rule forbids. Nothing was started for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("denied by {}: {asked}", self.rule())]
pub struct Denial {
    rule: &'static str,
    value: String,
    origin: Origin,
    asked: String,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, " in {}", path.display()),
            Self::BuiltIn => write!(f, ", built in where there is no {DEFAULT_FILE}"),
            Self::OwnUser => write!(f, ", built in for an agent that the controller starts itself"),
        }
    }
}

impl Denial {
    /// The rule, its value and where it is written.
    pub fn rule(&self) -> String {
        let Self { rule, value, origin, .. } = self;
        format!("{rule} = {value}{origin}")
    }
}

impl Limits {
    fn denial<T>(&self, name: &'static str, rule: &Rule<T>, asked: impl Into<String>) -> Denial {
        Denial { rule: name, value: rule.text.clone(), origin: self.origin.clone(), asked: asked.into() }
    }

    /// Every key with its value, as in a file.
    pub fn keys(&self) -> Vec<(&'static str, &str)> {
        vec![
            ("servers", &self.servers.text),
            ("serve_on", &self.serve_on.text),
            ("ports", &self.ports.text),
            ("drive_at_agents", &self.drive_at_agents.text),
            ("drive_at_others", &self.drive_at_others.text),
            ("max_clients", &self.max_clients.text),
            ("max_requests", &self.max_requests.text),
            ("max_rate", &self.max_rate.text),
            ("max_memory", &self.max_memory.text),
            ("max_processes", &self.max_processes.text),
            ("max_run", &self.max_run.text),
            ("max_spool", &self.max_spool.text),
        ]
    }
}
