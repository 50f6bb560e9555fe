//! What a controller knows between runs: its authorities and the agents it has enrolled.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
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
    /// UTC, RFC 3339: since then it shall not be used, until it is enrolled again.
    #[serde(default)]
    pub banned: Option<String>,
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
    /// A name that is none.
    #[error("no agent {name:?} is enrolled; `rpycbench-controller agents` shows those that are")]
    Unknown {
        /// As given.
        name: String,
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
        // Two first runs at once make one.
        let _only_me = self.lock()?;
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

    /// The agent of that name.
    pub(crate) fn agent(&self, name: &str) -> Result<Option<KnownAgent>, HomeError> {
        // What cannot be a name must not become a path.
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return Ok(None);
        }
        match read(&self.record(name)) {
            Err(HomeError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            read => read.map(Some),
        }
    }

    /// The agent that was last enrolled at that address.
    pub(crate) fn agent_at(&self, address: &str) -> Result<Option<KnownAgent>, HomeError> {
        let at_address = self.agents()?.into_iter().filter(|agent| agent.address == address);
        Ok(at_address.max_by_key(|agent| agent.enrolled.parse::<Timestamp>().ok()))
    }

    /// Remembers an agent that was just enrolled. One of the same name is replaced and given back.
    pub(crate) fn remember(&self, agent: &KnownAgent) -> Result<Option<KnownAgent>, HomeError> {
        let _only_me = self.lock()?;
        let before = self.agent(&agent.name)?;
        self.write(agent)?;
        Ok(before)
    }

    /// Changes what is known of an agent. Changes at the same time, also by other controllers of this home, all count.
    ///
    /// # Errors
    /// When there is no agent of that name.
    pub(crate) fn amend(&self, name: &str, change: impl FnOnce(&mut KnownAgent)) -> Result<KnownAgent, HomeError> {
        let _only_me = self.lock()?;
        let unknown = || HomeError::Unknown { name: name.to_owned() };
        let before = self.agent(name)?.ok_or_else(unknown)?;
        let mut after = before.clone();
        change(&mut after);
        if after != before {
            self.write(&after)?;
        }
        Ok(after)
    }

    /// Held by whoever changes a record, until it is dropped.
    fn lock(&self) -> Result<File, HomeError> {
        let folder = self.folder();
        fs::create_dir_all(&folder).map_err(|source| FolderError { path: folder.clone(), source })?;
        let path = folder.join("lock");
        let locked = File::create(&path).and_then(|file| file.lock().map(|()| file));
        Ok(locked.map_err(|source| FolderError { path, source })?)
    }

    fn write(&self, agent: &KnownAgent) -> Result<(), HomeError> {
        let path = self.record(&agent.name);
        let json = serde_json::to_vec_pretty(agent)
            .map_err(|error| FolderError { path: path.clone(), source: error.into() })?;
        Ok(write_atomically(&path, &json)?)
    }

    fn record(&self, name: &str) -> PathBuf {
        self.folder().join(format!("{name}.json"))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(name: &str, address: &str, enrolled: &str) -> KnownAgent {
        let (name, address, enrolled) = (name.to_owned(), address.to_owned(), enrolled.to_owned());
        KnownAgent { name, address, enrolled, expires: String::new(), banned: None }
    }

    #[test]
    fn a_ban_and_a_renewal_at_the_same_time_both_count() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path().to_owned());
        for round in 0..50 {
            home.remember(&agent("hurin", "a:1", "2026-01-01T00:00:00Z")).unwrap();
            std::thread::scope(|scope| {
                scope.spawn(|| home.amend("hurin", |known| known.banned = Some("now".to_owned())).unwrap());
                scope.spawn(|| home.amend("hurin", |known| known.expires = "later".to_owned()).unwrap());
            });
            let known = home.agent("hurin").unwrap().unwrap();
            assert_eq!((known.banned.as_deref(), known.expires.as_str()), (Some("now"), "later"), "round {round}");
        }
    }

    #[test]
    fn enrolling_again_lifts_a_ban_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path().to_owned());
        let hurin = agent("hurin", "a:1", "2026-01-01T00:00:00Z");
        assert_eq!(home.remember(&hurin).unwrap(), None);
        home.amend("hurin", |known| known.banned = Some("now".to_owned())).unwrap();
        assert_eq!(home.remember(&hurin).unwrap().unwrap().banned.as_deref(), Some("now"));
        assert_eq!(home.agent("hurin").unwrap().unwrap().banned, None);
    }

    #[test]
    fn of_two_agents_at_one_address_the_last_to_be_enrolled_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path().to_owned());
        home.remember(&agent("a-earlier", "a:1", "2026-01-01T00:00:00.5Z")).unwrap();
        home.remember(&agent("later", "a:1", "2026-01-01T00:00:00.50001Z")).unwrap();
        home.remember(&agent("elsewhere", "b:1", "2027-01-01T00:00:00Z")).unwrap();
        assert_eq!(home.agent_at("a:1").unwrap().unwrap().name, "later");
        assert_eq!(home.agent_at("c:1").unwrap(), None);
    }

    #[test]
    fn a_record_from_before_there_were_bans_can_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path().to_owned());
        fs::create_dir(folder.path().join("agents")).unwrap();
        let text = r#"{"name":"hurin","address":"a:1","enrolled":"","expires":""}"#;
        fs::write(folder.path().join("agents/hurin.json"), text).unwrap();
        assert_eq!(home.agent("hurin").unwrap(), Some(agent("hurin", "a:1", "")));
    }

    #[test]
    fn what_is_no_name_is_nobody_and_no_path() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path().join("home"));
        fs::write(folder.path().join("outside.json"), "{").unwrap();
        for name in ["", "../../outside", "/etc/passwd", "a.b"] {
            assert_eq!(home.agent(name).unwrap(), None, "{name}");
            assert!(matches!(home.amend(name, |_| ()), Err(HomeError::Unknown { .. })), "{name}");
        }
    }
}
