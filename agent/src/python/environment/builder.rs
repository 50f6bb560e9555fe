//! Making an environment.

use std::fs;
use std::path::{Path, PathBuf};

use super::{EnvironmentError, Step, find_program, run};
use crate::child::Journal;

/// Makes one environment, with `uv` where it is there (seconds) and `venv` and `pip` otherwise.
pub(super) struct Builder<'a> {
    pub(super) interpreter: PathBuf,
    pub(super) folder: &'a Path,
    pub(super) python: &'a Path,
    pub(super) locks: &'a [(&'static str, &'static str)],
    pub(super) journal: &'a Journal,
}

const NO_VENV: &str = "; install the venv module of python3 (Debian: python3-venv)";
const NO_INDEX: &str = "; the first run needs a Python package index: connect this host, or name one in PIP_INDEX_URL, or wheels in PIP_FIND_LINKS";

impl Builder<'_> {
    pub(super) async fn build(&self, progress: &(impl Fn(Step) + Send)) -> Result<(), EnvironmentError> {
        let mut locks = Vec::new();
        for (name, text) in self.locks {
            let path = self.folder.join(name);
            fs::write(&path, text).map_err(|source| EnvironmentError::Folder { path: path.clone(), source })?;
            locks.push(path.display().to_string());
        }
        let total = 2 + self.locks.iter().map(|(_, text)| packages(text)).sum::<u32>();
        progress(Step { what: "making a virtual environment".to_owned(), done: 0, total });
        match find_program("uv") {
            Some(uv) => self.with_uv(&uv, &locks, total, progress).await?,
            None => self.with_pip(&locks, total, progress).await?,
        }
        progress(Step { what: "libraries installed".to_owned(), done: total, total });
        Ok(())
    }

    async fn with_uv(
        &self,
        uv: &Path,
        locks: &[String],
        total: u32,
        progress: &(impl Fn(Step) + Send),
    ) -> Result<(), EnvironmentError> {
        let interpreter = self.interpreter.display().to_string();
        let (folder, python) = (self.folder.display().to_string(), self.python.display().to_string());
        let venv = ["venv", "--quiet", "--allow-existing", "--no-python-downloads", "--python", &interpreter, &folder];
        run(uv, &venv, self.folder, self.journal, "uv venv", NO_VENV, |_| {}).await?;
        progress(Step { what: "installing libraries with uv".to_owned(), done: 1, total });
        let sync =
            ["pip", "sync", "--quiet", "--require-hashes", "--only-binary", ":all:", "--compile-bytecode", "--python"];
        let args: Vec<&str> =
            sync.into_iter().chain([python.as_str()]).chain(locks.iter().map(String::as_str)).collect();
        run(uv, &args, self.folder, self.journal, "uv pip sync", NO_INDEX, |_| {}).await.map(drop)
    }

    async fn with_pip(
        &self,
        locks: &[String],
        total: u32,
        progress: &(impl Fn(Step) + Send),
    ) -> Result<(), EnvironmentError> {
        let folder = self.folder.display().to_string();
        run(&self.interpreter, &["-m", "venv", &folder], self.folder, self.journal, "python3 -m venv", NO_VENV, |_| {})
            .await?;
        let pip = [
            "-m",
            "pip",
            "install",
            "--require-hashes",
            "--only-binary",
            ":all:",
            "--no-input",
            "--retries",
            "2",
            "--timeout",
            "15",
        ];
        let mut args = pip.to_vec();
        for lock in locks {
            args.extend(["-r", lock]);
        }
        let mut done = 1;
        run(self.python, &args, self.folder, self.journal, "pip install", NO_INDEX, |line| {
            if let Some(package) = line.strip_prefix("Collecting ") {
                done = (done + 1).min(total);
                let package = package.split_whitespace().next().unwrap_or(package);
                progress(Step { what: format!("installing {package}"), done, total });
            }
        })
        .await
        .map(drop)
    }
}

/// How many packages a lock installs on this system.
pub(super) fn packages(lock: &str) -> u32 {
    let pinned =
        |line: &&str| line.contains("==") && !line.starts_with(['#', ' ']) && !line.contains("sys_platform == 'win32'");
    lock.lines().filter(pinned).count().try_into().unwrap_or(u32::MAX)
}
