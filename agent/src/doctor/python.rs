//! Can the workers run: an interpreter, a way to make environments, libraries.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use super::{Finding, read};
use crate::python::environment::{OLDEST_PYTHON, find_program};

/// Prints version and `1` or `0` for each module that making an environment needs.
const ASK: &str = "import sys, importlib.util as u; print('%d.%d.%d' % sys.version_info[:3], \
                   *[int(u.find_spec(m) is not None) for m in ('venv', 'ensurepip')])";
const INSTALL: &str = "install Python 3.10 or newer with its venv module (Debian: apt install python3-venv)";

/// What an interpreter said of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Interpreter {
    version: String,
    /// Whether `venv` and `ensurepip` are there.
    venv: bool,
}

/// An environment that was finished earlier.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct Built {
    python: String,
    packages: BTreeMap<String, String>,
}

pub(super) fn examine(state: &Path) -> Vec<Finding> {
    let path = find_program("python3");
    let uv = find_program("uv").is_some();
    let interpreter = path.as_deref().map(|path| (path, ask(path)));
    let version = interpreter.as_ref().and_then(|(_, said)| said.as_ref()).map(|said| said.version.clone());
    vec![judge_interpreter(interpreter, uv), judge_libraries(version.as_deref(), &built(state), index().as_deref())]
}

fn ask(path: &Path) -> Option<Interpreter> {
    let output = Command::new(path).args(["-c", ASK]).output().ok()?;
    parse(&String::from_utf8_lossy(&output.stdout))
}

fn parse(said: &str) -> Option<Interpreter> {
    let mut words = said.split_whitespace();
    let version = words.next()?.to_owned();
    let modules: Vec<&str> = words.collect();
    (modules.len() == 2).then(|| Interpreter { version, venv: modules == ["1", "1"] })
}

fn judge_interpreter(interpreter: Option<(&Path, Option<Interpreter>)>, uv: bool) -> Finding {
    const AREA: &str = "python";
    let Some((path, said)) = interpreter else { return Finding::bad(AREA, "no python3 in PATH", INSTALL) };
    let path = path.display();
    let Some(Interpreter { version, venv }) = said else {
        return Finding::bad(AREA, format!("{path} does not answer"), INSTALL);
    };
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().unwrap_or_default());
    if (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default()) < OLDEST_PYTHON {
        return Finding::bad(AREA, format!("{path} is {version}: too old for the libraries"), INSTALL);
    }
    match (uv, venv) {
        (true, _) => Finding::ok(AREA, format!("{version} at {path}, environments by uv")),
        (false, true) => Finding::ok(AREA, format!("{version} at {path}, environments by venv and pip")),
        (false, false) => Finding::bad(
            AREA,
            format!("{version} at {path}, without the modules venv and ensurepip, and no uv"),
            "install them (Debian: apt install python3-venv)",
        ),
    }
}

/// The finished environments below the state folder.
fn built(state: &Path) -> Vec<Built> {
    let Ok(folders) = std::fs::read_dir(state.join("environments")) else { return Vec::new() };
    folders
        .filter_map(|folder| read(folder.ok()?.path().join("complete.json")))
        .filter_map(|text| serde_json::from_str(&text).ok())
        .collect()
}

/// Where packages come from as far as this host's settings say; `None`: the public index.
fn index() -> Option<String> {
    const NAMES: [&str; 4] = ["PIP_INDEX_URL", "PIP_FIND_LINKS", "UV_INDEX_URL", "UV_DEFAULT_INDEX"];
    // Only the name is shown: such an address may hold a password.
    if let Some(name) = NAMES.into_iter().find(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty())) {
        return Some(name.to_owned());
    }
    let home = std::env::home_dir().unwrap_or_default();
    let files: [PathBuf; 4] = [
        "/etc/pip.conf".into(),
        home.join(".config/pip/pip.conf"),
        home.join(".pip/pip.conf"),
        "/etc/uv/uv.toml".into(),
    ];
    files
        .into_iter()
        .find(|file| read(file).is_some_and(|text| names_index(&text)))
        .map(|file| file.display().to_string())
}

/// Whether a pip or uv configuration says where packages come from.
fn names_index(configuration: &str) -> bool {
    configuration.lines().map(str::trim_start).any(|line| {
        ["index-url", "find-links", "index_url", "[[index]]"].iter().any(|setting| line.starts_with(setting))
    })
}

fn judge_libraries(version: Option<&str>, built: &[Built], index: Option<&str>) -> Finding {
    const AREA: &str = "libraries";
    let usable: Vec<&Built> = built.iter().filter(|built| Some(built.python.as_str()) == version).collect();
    if usable.is_empty() {
        return match index {
            Some(index) => {
                Finding::ok(AREA, format!("none installed yet: the first run does, from the index named in {index}"))
            }
            None => Finding::warn(
                AREA,
                "none installed yet: the first run does, from pypi.org",
                "connect this host for that run, or name an index in PIP_INDEX_URL or wheels in PIP_FIND_LINKS",
            ),
        };
    }
    let measured: BTreeMap<&str, &str> = usable
        .iter()
        .flat_map(|built| &built.packages)
        .filter(|(name, _)| ["rpyc", "flask", "requests"].contains(&name.to_lowercase().as_str()))
        .map(|(name, version)| (name.as_str(), version.as_str()))
        .collect();
    let names: Vec<String> = measured.iter().map(|(name, version)| format!("{name} {version}")).collect();
    Finding::ok(AREA, format!("installed: {}; no package index is needed for these", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    fn level(said: Option<&str>, uv: bool) -> Level {
        judge_interpreter(Some((Path::new("/usr/bin/python3"), said.and_then(parse))), uv).level
    }

    #[test]
    fn an_interpreter_needs_a_version_and_a_way_to_make_environments() {
        assert_eq!(level(Some("3.11.2 1 1\n"), false), Level::Ok);
        assert_eq!(level(Some("3.11.2 1 0\n"), false), Level::Bad);
        assert_eq!(level(Some("3.11.2 1 0\n"), true), Level::Ok);
        assert_eq!(level(Some("3.9.18 1 1\n"), true), Level::Bad);
        assert_eq!(level(Some("garbage"), true), Level::Bad);
        assert_eq!(level(None, true), Level::Bad);
        assert_eq!(judge_interpreter(None, true).level, Level::Bad);
    }

    #[test]
    fn an_environment_of_another_interpreter_does_not_count() {
        let built: Built = serde_json::from_str(
            r#"{"python":"3.11.2","implementation":"CPython","packages":{"rpyc":"6.0.2","plumbum":"1"}}"#,
        )
        .unwrap();
        let found = judge_libraries(Some("3.11.2"), std::slice::from_ref(&built), None);
        assert_eq!((found.level, found.found.contains("rpyc 6.0.2")), (Level::Ok, true), "{found:?}");
        assert!(!found.found.contains("plumbum"), "{found:?}");
        assert_eq!(judge_libraries(Some("3.12.0"), std::slice::from_ref(&built), None).level, Level::Warn);
        assert_eq!(judge_libraries(None, &[built], None).level, Level::Warn);
    }

    #[test]
    fn an_index_that_is_named_is_enough() {
        assert_eq!(judge_libraries(Some("3.11.2"), &[], Some("PIP_INDEX_URL")).level, Level::Ok);
        assert!(names_index("[global]\nindex-url = https://example.org/simple\n"));
        assert!(!names_index("[global]\n# index-url = x\ntimeout = 3\n"));
    }
}
