//! A program of a test's own, kept and confined by the real agent's binary as a server under test is.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::processes::{self, Living};
use crate::sandbox::binaries;

/// Denies this process and all it starts the system calls of Landlock, as an older kernel does, and goes on as another program.
const WITHOUT_LANDLOCK: &str = r#"
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
steps = [(0x20, 0, 0, 0), (0x35, 0, 2, 444), (0x25, 1, 0, 446), (0x06, 0, 0, 0x00050026), (0x06, 0, 0, 0x7fff0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
class Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(Program(len(steps), ctypes.addressof(code)))) == 0, ctypes.get_errno()
os.execv(sys.argv[1], sys.argv[1:])
"#;

/// Who the agent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The user of the test.
    Own,
    /// Nobody in particular.
    Plain,
    /// The same, where the kernel has no Landlock.
    PlainWithoutLandlock,
}

impl Who {
    /// A plain user's number and group.
    pub const PLAIN: u32 = 65534;

    /// A program started as that user would.
    pub fn command(self, program: &Path) -> Command {
        let mut command = match self {
            Self::PlainWithoutLandlock => {
                let mut command = Command::new(python());
                command.args(["-c", WITHOUT_LANDLOCK]).arg(program);
                command
            }
            Self::Own | Self::Plain => Command::new(program),
        };
        if self != Self::Own {
            command.uid(Self::PLAIN).gid(Self::PLAIN);
        }
        // The system's own interpreter, which any user can reach, before one in somebody's home.
        command.env("PATH", "/usr/bin:/bin:/usr/local/bin");
        command
    }
}

/// The interpreter that hostile programs run in.
pub fn python() -> PathBuf {
    ["/usr/bin/python3", "/usr/local/bin/python3"].iter().map(PathBuf::from).find(|path| path.is_file()).unwrap_or_else(
        || {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let found = std::env::split_paths(&path).map(|folder| folder.join("python3")).find(|path| path.is_file());
            found.expect("python3 is installed")
        },
    )
}

/// What the real agent says it can do on this host.
pub struct Possible(Value);

impl Possible {
    /// Asks it, as that user, for roles that need what is below `state`.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn ask(who: Who, state: &Path) -> Self {
        let output = who.command(&binaries().join("rpycbench-agent")).arg("__probe").arg(state).output();
        let output = output.expect("the agent starts: `cargo build --workspace --bins` comes first");
        Self(serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}")))
    }

    /// Whether a measure is in force, and what the agent says of it.
    ///
    /// # Panics
    /// When it knows no such measure.
    pub fn of(&self, name: &str) -> (bool, String) {
        let measures = self.0["measures"].as_array().expect("measures");
        let measure = measures.iter().find(|measure| measure["name"] == name).expect("a measure of that name");
        (measure["in_force"] == true, measure["detail"].as_str().unwrap_or_default().to_owned())
    }

    /// The user that roles become.
    pub fn uid(&self) -> Option<u64> {
        self.0["account"]["uid"].as_u64()
    }
}

/// A hostile program in its keeper; both end when this is dropped.
pub struct Hostile {
    folder: TempDir,
    keeper: Child,
    stdout: BufReader<ChildStdout>,
    /// How each attempt ended.
    pub outcomes: BTreeMap<String, String>,
}

/// What it may use: little, so that a test is quick.
pub const MEMORY_BYTES: u64 = 192 << 20;
/// Processes and threads.
pub const PROCESSES: u64 = 64;
/// Open files.
pub const OPEN_FILES: u64 = 200;
/// Bytes of a file.
pub const FILE_BYTES: u64 = 16 << 20;

impl Hostile {
    /// Runs the script to the end of its attempts, confined as far as is possible.
    ///
    /// # Panics
    /// When it cannot be started, or does not come to its end.
    pub fn run(who: Who, possible: &Possible, script: &str, args: &[String]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("it is ours");
        let path = folder.path().join("hostile.py");
        fs::write(&path, script).expect("a script");
        let python = python().canonicalize().expect("an interpreter");
        let Value::Object(found) = &possible.0 else { panic!("an object") };
        let files = (found["files"] == true).then(|| json!({ "read": [folder.path()], "ports": { "Bind": 0 } }));
        let arguments = [&["-I".to_owned(), path.display().to_string()], args].concat();
        let launch = json!({
            "program": python,
            "args": arguments,
            "folder": folder.path(),
            "environment": [["PATH", "/usr/bin:/bin"], ["LANG", "C.UTF-8"]],
            "cpus": [],
            "sandbox": {
                "parents": found["parents"],
                "groups": [],
                "limits": {
                    "memory_bytes": MEMORY_BYTES, "processes": PROCESSES,
                    "open_files": OPEN_FILES, "file_bytes": FILE_BYTES,
                },
                "account": found["account"],
                "files": files,
                "syscalls": found["syscalls"],
            },
        });
        let mut keeper = who
            .command(&binaries().join("rpycbench-agent"))
            .args(["__keep", &launch.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the keeper starts");
        let mut stdout = BufReader::new(keeper.stdout.take().expect("a pipe"));
        let (mut outcomes, mut line) = (BTreeMap::new(), String::new());
        while stdout.read_line(&mut line).is_ok_and(|read| read > 0) {
            let told = serde_json::from_str::<Value>(&line);
            line.clear();
            let Ok(told) = told else { continue };
            let [attempt, outcome] =
                ["attempt", "outcome"].map(|key| told[key].as_str().unwrap_or_default().to_owned());
            if attempt == "end" {
                return Self { folder, keeper, stdout, outcomes };
            }
            outcomes.insert(attempt, outcome);
        }
        panic!("it did not come to its end: {outcomes:?}, {:?}", keeper.wait());
    }

    /// How an attempt ended.
    ///
    /// # Panics
    /// When there was none of that name.
    pub fn outcome(&self, attempt: &str) -> &str {
        self.outcomes.get(attempt).unwrap_or_else(|| panic!("no attempt {attempt:?}: {:?}", self.outcomes))
    }

    /// Its processes, the keeper and those it has left behind among them.
    pub fn living(&self) -> Vec<Living> {
        processes::mentioning(self.folder.path())
    }

    /// Lets go of it, as an agent does, and gives what was still alive when the keeper had ended.
    ///
    /// # Panics
    /// When the keeper cannot be waited for.
    pub fn stop(mut self) -> Vec<Living> {
        drop(self.keeper.stdin.take());
        drop(self.stdout.read_to_end(&mut Vec::new()));
        let status = self.keeper.wait().expect("it ends");
        assert!(status.success(), "{status}");
        self.living()
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        drop(self.stdout.read_to_end(&mut Vec::new()));
        drop(self.keeper.wait());
    }
}
