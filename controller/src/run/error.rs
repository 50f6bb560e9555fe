//! Why a run could not begin, or could not go on.

use std::path::PathBuf;

use crate::home::HomeError;
use crate::local_agent::LocalAgentError;
use crate::session::SessionError;
use crate::store::FolderError;
use crate::store::table::TableError;

/// A run that could not begin, or could not go on. What there was is kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// The disk.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The disk, while samples were written.
    #[error(transparent)]
    Samples(#[from] TableError),
    /// This host's agent.
    #[error(transparent)]
    LocalAgent(#[from] LocalAgentError),
    /// An agent.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// What this controller knows.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// Identities.
    #[error(transparent)]
    Certificates(#[from] rpycbench_certs::CertError),
    /// The agent of a host in the plan is not known.
    #[error(
        "host {host}: no agent is enrolled at {address}: print a code there with `rpycbench-agent enrol-code`, then \
         `rpycbench-controller enrol {address} --code CODE`"
    )]
    NotEnrolled {
        /// The host's name in the plan.
        host: String,
        /// Its agent.
        address: String,
    },
    /// The agent of a host in the plan shall not be used.
    #[error(
        "host {host}: its agent {name} was banned on {since}; `rpycbench-controller enrol {address} --code CODE` with a new code lifts that"
    )]
    Banned {
        /// The host's name in the plan.
        host: String,
        /// The agent's own name.
        name: String,
        /// Where it is.
        address: String,
        /// UTC, RFC 3339.
        since: String,
    },
    /// A host confines servers and drivers less than the plan asks for.
    #[error(
        "host {host}: its confinement is {found:?} and the plan asks for {wanted:?}; not possible there: {missing}; \
         `rpycbench-agent doctor` on it says how to mend that, or lower confinement in [study]"
    )]
    Confinement {
        /// The host's name in the plan.
        host: String,
        /// The level it has.
        found: &'static str,
        /// The level asked for.
        wanted: &'static str,
        /// Which measures, and why.
        missing: String,
    },
    /// A host could not get ready.
    #[error("host {host}: {reason}")]
    Prepare {
        /// The host's name in the plan.
        host: String,
        /// Why.
        reason: String,
    },
    /// A host is not where the plan says, as far as servers and drivers are concerned.
    #[error("host {host}: {reason}")]
    Network {
        /// The host's name in the plan.
        host: String,
        /// Why.
        reason: String,
    },
    /// The disk failed after cells had been kept.
    #[error("{source}; the cells before it are kept in {}; free some space there or name another folder in --out, then run again", .folder.display())]
    Cut {
        /// What went wrong.
        source: Box<Self>,
        /// The run folder.
        folder: PathBuf,
    },
    /// Told to end before the first cell.
    #[error("interrupted before the first cell; nothing was measured")]
    Interrupted,
}
