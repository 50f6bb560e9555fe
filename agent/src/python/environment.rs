//! Virtual environments with the libraries under test, made from locks with hashes, one for each set of locks and
//! interpreter, kept for later runs.

mod builder;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use rpycbench_measure::Stack;
use rpycbench_proto::message::PythonFacts;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::workers::{hex, lay_out};
use crate::child::{Child, Journal, Launch, SpawnError};
use crate::confinement::{Confinement, Exceeded, Ports, interpreter_of};
use builder::Builder;

/// Everything needed for RPyC, both sides.
const RPYC_LOCK: &str = include_str!("../../python/requirements/rpyc.txt");
/// Everything needed for Flask and requests.
const HTTP_LOCK: &str = include_str!("../../python/requirements/http.txt");
/// The oldest interpreter the locks are made for.
pub(crate) const OLDEST_PYTHON: (u32, u32) = (3, 10);
/// A sound environment holds this file, written last: what is in it.
const COMPLETE: &str = "complete.json";

/// An environment could not be made.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// No interpreter.
    #[error("no python3 in PATH: install Python {}.{} or newer with its venv module", OLDEST_PYTHON.0, OLDEST_PYTHON.1)]
    NoPython,
    /// An interpreter that is too old.
    #[error("{} is Python {found}: the locked libraries need {}.{} or newer", .path.display(), OLDEST_PYTHON.0, OLDEST_PYTHON.1)]
    TooOld {
        /// The interpreter.
        path: PathBuf,
        /// Its version.
        found: String,
    },
    /// The state folder cannot be used.
    #[error("cannot write the Python environment to {}: {source}", .path.display())]
    Folder {
        /// What was written.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A step failed.
    #[error("cannot build the Python environment: {step} {outcome}: {reason}{hint}")]
    Step {
        /// What was being done.
        step: &'static str,
        /// How the program ended.
        outcome: String,
        /// Its own last words.
        reason: String,
        /// What the user can do.
        hint: &'static str,
    },
    /// A program could not be started.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
}

/// A finished environment.
#[derive(Clone, Debug)]
pub struct Environment {
    folder: PathBuf,
    python: PathBuf,
    workers: PathBuf,
    confinement: Confinement,
    journal: Journal,
    /// What is in it.
    pub facts: PythonFacts,
}

/// A step of building, to be shown.
pub struct Step {
    /// In words.
    pub what: String,
    /// Steps done.
    pub done: u32,
    /// Steps in all.
    pub total: u32,
}

#[derive(Serialize, Deserialize)]
struct InstalledFacts {
    python: String,
    implementation: String,
    packages: BTreeMap<String, String>,
}

impl Environment {
    /// The environment for these stacks below `state`, made if it is not there; `progress` is told of each step.
    ///
    /// # Errors
    /// When there is no interpreter, no package index, no space. What was half made is made anew next time.
    pub async fn prepare(
        state: &Path,
        stacks: &[Stack],
        confinement: Confinement,
        journal: Journal,
        progress: impl Fn(Step) + Send,
    ) -> Result<Self, EnvironmentError> {
        let interpreter = find_program("python3").ok_or(EnvironmentError::NoPython)?;
        let version = interpreter_version(&interpreter, &journal).await?;
        let locks = locks(stacks);
        let folder = state.join("environments").join(key(&interpreter, &version, &locks));
        let refused = |path: &Path| {
            let path = path.to_owned();
            move |source| EnvironmentError::Folder { path, source }
        };
        fs::create_dir_all(&folder).map_err(refused(&folder))?;
        let workers = lay_out(state).map_err(refused(state))?;
        let python = folder.join("bin/python");
        let complete = folder.join(COMPLETE);

        // Two agents on one host must not build the same environment at the same time.
        let lock_path = folder.with_extension("lock");
        let locking = lock_path.clone();
        let locked = tokio::task::spawn_blocking(move || lock(&locking)).await.map_err(io::Error::other);
        let _lock = locked.and_then(|lock| lock).map_err(refused(&lock_path))?;
        let built = !complete.is_file();
        if built {
            fs::remove_dir_all(&folder).map_err(refused(&folder))?;
            fs::create_dir_all(&folder).map_err(refused(&folder))?;
            let builder = Builder { interpreter, folder: &folder, python: &python, locks: &locks, journal: &journal };
            builder.build(&progress).await?;
            let facts = run(
                &python,
                &["-m", "rpycbench_workers.facts"],
                &workers,
                &journal,
                "looking at the libraries",
                "",
                |_| {},
            )
            .await?;
            fs::write(&complete, facts.last().map(String::as_str).unwrap_or_default()).map_err(refused(&complete))?;
        }
        let text = fs::read_to_string(&complete).map_err(refused(&complete))?;
        let InstalledFacts { python: version, implementation, packages } =
            serde_json::from_str(&text).map_err(|error| refused(&complete)(error.into()))?;
        compile(&python, &folder, &workers, &journal).await?;
        Ok(Self {
            folder,
            python,
            workers,
            confinement,
            journal,
            facts: PythonFacts { python: version, implementation, packages, built },
        })
    }

    /// Where what is started is written down.
    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// How to start a server on these CPUs that takes that port, 0 for any, with stamps of that size.
    pub fn server(&self, cpus: Vec<u32>, port: u16, stamps_bytes: u64) -> Launch {
        self.worker("serve", cpus, Ports::Bind(port), stamps_bytes)
    }

    /// How to start a driver on these CPUs with a recording of that size.
    pub fn driver(&self, cpus: Vec<u32>, recording_bytes: u64) -> Launch {
        self.worker("drive", cpus, Ports::Call, recording_bytes)
    }

    /// Why a worker that has exceeded something had to fail.
    pub(crate) fn why(&self, exceeded: Exceeded) -> Option<String> {
        self.confinement.held().why(exceeded)
    }

    /// How to start a worker's module. Its environment variables are fixed: nothing of the agent's own
    /// (proxies, Python paths) reaches a measurement.
    fn worker(&self, module: &str, cpus: Vec<u32>, ports: Ports, rows_bytes: u64) -> Launch {
        let mut read = vec![self.folder.clone(), self.workers.clone()];
        read.extend(interpreter_of(&self.folder));
        Launch {
            sandbox: self.confinement.sandbox(read, ports, rows_bytes),
            program: self.python.clone(),
            args: vec!["-s".to_owned(), "-m".to_owned(), format!("rpycbench_workers.{module}")],
            folder: self.workers.clone(),
            environment: Some(vec![
                ("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned()),
                ("LANG".to_owned(), "C.UTF-8".to_owned()),
            ]),
            cpus,
        }
    }
}

/// Compiles the workers, once for each environment: a confined one cannot keep what it has compiled, and would do it anew
/// at every start.
async fn compile(python: &Path, environment: &Path, workers: &Path, journal: &Journal) -> Result<(), EnvironmentError> {
    let done = workers.join(environment.file_name().unwrap_or_default()).with_extension("compiled");
    if done.is_file() {
        return Ok(());
    }
    run(
        python,
        &["-m", "compileall", "-q", "rpycbench_workers"],
        workers,
        journal,
        "compiling the workers",
        "",
        |_| {},
    )
    .await?;
    fs::write(&done, "").map_err(|source| EnvironmentError::Folder { path: done, source })
}

fn lock(path: &Path) -> io::Result<Flock<File>> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| error.into())
}

fn locks(stacks: &[Stack]) -> Vec<(&'static str, &'static str)> {
    let mut locks = Vec::new();
    if stacks.contains(&Stack::Rpyc) {
        locks.push(("rpyc.txt", RPYC_LOCK));
    }
    if stacks.contains(&Stack::Http) {
        locks.push(("http.txt", HTTP_LOCK));
    }
    locks
}

fn key(interpreter: &Path, version: &str, locks: &[(&str, &str)]) -> String {
    let mut digest = Sha256::new();
    for part in [interpreter.as_os_str().as_encoded_bytes(), version.as_bytes()] {
        digest.update(part);
        digest.update([0]);
    }
    for (name, text) in locks {
        digest.update(name);
        digest.update(text);
    }
    hex(&digest.finalize())[..16].to_owned()
}

pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let executable =
        |path: &PathBuf| path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0);
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(name)).find(executable)
}

async fn interpreter_version(interpreter: &Path, journal: &Journal) -> Result<String, EnvironmentError> {
    const ASK: &str = "import sys; print('%d.%d.%d' % sys.version_info[:3])";
    let folder = std::env::temp_dir();
    let lines = run(interpreter, &["-c", ASK], &folder, journal, "asking python3 for its version", "", |_| {}).await?;
    let version = lines.last().cloned().unwrap_or_default();
    let mut parts = version.split('.').map(|part| part.parse::<u32>().unwrap_or(0));
    if (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) < OLDEST_PYTHON {
        return Err(EnvironmentError::TooOld { path: interpreter.to_owned(), found: version });
    }
    Ok(version)
}

/// Runs a program under a keeper and returns its lines; `heard` sees each as it comes.
async fn run(
    program: &Path,
    args: &[&str],
    folder: &Path,
    journal: &Journal,
    step: &'static str,
    hint: &'static str,
    mut heard: impl FnMut(&str),
) -> Result<Vec<String>, EnvironmentError> {
    let launch = Launch {
        program: program.to_owned(),
        args: args.iter().map(|&arg| arg.to_owned()).collect(),
        folder: folder.to_owned(),
        environment: None,
        cpus: Vec::new(),
        // It makes what others are then kept from changing.
        sandbox: None,
    };
    let mut child = Child::spawn(&launch, journal)?;
    let mut lines = Vec::new();
    while let Some(line) = child.line().await {
        heard(&line);
        lines.push(line);
    }
    let exit = child.stop().await.exit;
    if exit.code == Some(0) {
        return Ok(lines);
    }
    let said = exit.stderr.lines().chain(lines.iter().map(String::as_str));
    let mut said = said.map(str::trim).filter(|line| !line.is_empty());
    let telling = said.clone().rfind(|line| line.to_lowercase().starts_with("error"));
    let reason = telling.or_else(|| said.next_back()).unwrap_or("it said nothing").to_owned();
    Err(EnvironmentError::Step { step, outcome: exit.to_string(), reason, hint })
}

#[cfg(test)]
mod tests {
    use super::builder::packages;
    use super::*;

    #[test]
    fn every_stack_has_a_lock_with_a_hash_for_each_package() {
        for (name, text) in locks(&[Stack::Rpyc, Stack::Http]) {
            assert!(packages(text) > 0, "{name} is empty");
            let hashes = text.lines().filter(|line| line.contains("--hash=sha256:")).count();
            assert!(hashes >= packages(text) as usize, "{name} has {hashes} hashes");
        }
    }

    #[test]
    fn another_interpreter_or_lock_means_another_environment() {
        let base = key(Path::new("/usr/bin/python3"), "3.11.7", &[("rpyc.txt", "rpyc==1")]);
        assert_ne!(base, key(Path::new("/usr/bin/python3"), "3.12.0", &[("rpyc.txt", "rpyc==1")]));
        assert_ne!(base, key(Path::new("/usr/bin/python3"), "3.11.7", &[("rpyc.txt", "rpyc==2")]));
    }
}
