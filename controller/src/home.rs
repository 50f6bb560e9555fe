//! What a controller knows between runs: its authorities and the agents it has enrolled.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rpycbench_certs::{Authority, CertError};
use serde::{Deserialize, Serialize};

use crate::store::{FolderError, write_atomically};

/// The controller's state folder.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    path: PathBuf,
}

/// An agent that was enrolled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownAgent {
    /// Its own name, which its certificate has.
    pub name: String,
    /// `address:port`, as it was enrolled.
    pub address: String,
    /// UTC, RFC 3339.
    pub enrolled: String,
    /// UTC, RFC 3339: until then its certificate is good.
    pub expires: String,
}

/// The state could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HomeError {
    /// A file of it cannot be read.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file of it cannot be written.
    #[error(transparent)]
    Write(#[from] FolderError),
    /// The authorities.
    #[error(transparent)]
    Certificates(#[from] CertError),
}

impl Home {
    /// The state in that folder.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where this host's own agent keeps its environments.
    pub(crate) fn agent_state(&self) -> PathBuf {
        self.path.join("agent")
    }

    /// This controller's authorities, made the first time.
    pub(crate) fn authority(&self) -> Result<Authority, HomeError> {
        let name = uuid::Uuid::now_v7().to_string();
        Ok(Authority::open(&self.path.join("authority"), &name)?)
    }

    /// Every agent that was enrolled, by name.
    pub(crate) fn agents(&self) -> Result<Vec<KnownAgent>, HomeError> {
        let folder = self.folder();
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(HomeError::Read { path: folder, source }),
        };
        let mut agents = Vec::new();
        for entry in entries {
            let path = entry.map_err(|source| HomeError::Read { path: folder.clone(), source })?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                agents.push(read(&path)?);
            }
        }
        agents.sort_by(|one: &KnownAgent, other| one.name.cmp(&other.name));
        Ok(agents)
    }

    /// The agent that was enrolled at that address.
    pub(crate) fn agent_at(&self, address: &str) -> Result<Option<KnownAgent>, HomeError> {
        Ok(self.agents()?.into_iter().find(|agent| agent.address == address))
    }

    /// Remembers an agent; one of the same name is replaced.
    pub(crate) fn remember(&self, agent: &KnownAgent) -> Result<(), HomeError> {
        let folder = self.folder();
        let path = folder.join(format!("{}.json", agent.name));
        fs::create_dir_all(&folder).map_err(|source| FolderError { path: folder.clone(), source })?;
        let json = serde_json::to_vec_pretty(agent)
            .map_err(|error| FolderError { path: path.clone(), source: error.into() })?;
        Ok(write_atomically(&path, &json)?)
    }

    fn folder(&self) -> PathBuf {
        self.path.join("agents")
    }
}

fn read(path: &Path) -> Result<KnownAgent, HomeError> {
    let refused = |source| HomeError::Read { path: path.to_owned(), source };
    let text = fs::read_to_string(path).map_err(refused)?;
    serde_json::from_str(&text).map_err(|error| refused(error.into()))
}
