//! The agent's end of a kept process.

use std::collections::VecDeque;
use std::io;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rpycbench_proto::message::Exit;
use serde::Serialize;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::journal::{Entry, Journal};
use super::{Exited, Launch, keeper, mark, remains};
use crate::confinement::{self, Exceeded, Sandbox};

/// How much of stderr is kept: the end tells why a process died.
const STDERR_KEPT: usize = 64 * 1024;
/// Lines of stdout that nobody has asked for yet. Workers say a handful in their life, installers some hundred.
const LINES_QUEUE: usize = 1024;
/// The longest line is a driver's last: the reasons of a thousand clients. One that never ends must not fill the memory.
const LINE_LIMIT: u64 = 8 << 20;
/// Pipes end with those who hold them; where somebody could not be ended, what was said so far has to do.
const PIPE_LIMIT: Duration = Duration::from_secs(10);

/// A process could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start {program}: {source}")]
pub struct SpawnError {
    program: String,
    source: io::Error,
}

/// A kept process. Dropping it ends the process and everything below it.
#[derive(Debug)]
pub struct Child {
    keeper: Option<i32>,
    stdin: Option<ChildStdin>,
    lines: mpsc::Receiver<String>,
    asked: Arc<AtomicBool>,
    end: JoinHandle<End>,
}

/// How a kept process has ended.
#[derive(Clone, Debug, Default)]
pub struct End {
    /// Its last words and what it has used.
    pub exit: Exit,
    /// What it asked for in vain.
    pub exceeded: Exceeded,
}

impl Child {
    /// Starts the process under a keeper of its own.
    ///
    /// # Errors
    /// When the keeper cannot be started; a program that does not exist shows in its exit.
    pub fn spawn(launch: &Launch, journal: &Journal) -> Result<Self, SpawnError> {
        let failed = |source| SpawnError { program: launch.program.display().to_string(), source };
        let launch_json = serde_json::to_string(launch).map_err(|error| failed(error.into()))?;
        let mark = journal.mark();
        let mut keeper = Command::new(std::env::current_exe().map_err(failed)?)
            .args([keeper::COMMAND, &launch_json])
            .env(mark::VARIABLE, mark::path_with(std::env::var_os(mark::VARIABLE), &mark))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A Ctrl-C on the terminal is for the controller alone.
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let (stdin, stdout, stderr) = (keeper.stdin.take(), keeper.stdout.take(), keeper.stderr.take());
        let (sender, lines) = mpsc::channel(LINES_QUEUE);
        let asked = Arc::new(AtomicBool::new(false));
        let pid = keeper.id().map(u32::cast_signed);
        let entry = pid.map(|pid| journal.enter(pid));
        let kept = Kept { keeper, mark, _entry: entry, sandbox: launch.sandbox.clone() };
        let end = tokio::spawn(follow(kept, stdout, stderr, sender, asked.clone()));
        Ok(Self { keeper: pid, stdin, lines, asked, end })
    }

    /// The keeper's process id, the root of the process's tree.
    pub fn keeper(&self) -> Option<i32> {
        self.keeper
    }

    /// Writes one JSON line to the process's stdin.
    ///
    /// # Errors
    /// When the process no longer reads.
    pub async fn order(&mut self, order: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        match &mut self.stdin {
            Some(stdin) => {
                stdin.write_all(&line).await?;
                stdin.flush().await
            }
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// The next line of the process's stdout; `None` when it has ended.
    pub async fn line(&mut self) -> Option<String> {
        self.lines.recv().await
    }

    /// Waits until the process has ended by itself.
    pub async fn ended(&mut self) {
        while self.lines.recv().await.is_some() {}
    }

    /// Ends the process and everything below it, and tells how it ended.
    pub async fn stop(mut self) -> End {
        if !self.lines.is_closed() {
            self.asked.store(true, Ordering::Relaxed);
        }
        self.stdin = None;
        // What it still says must not fill the queue and hold up the reader.
        self.ended().await;
        self.end.await.unwrap_or_default()
    }
}

/// A keeper, and what is known of those it keeps.
struct Kept {
    keeper: tokio::process::Child,
    mark: String,
    _entry: Option<Entry>,
    sandbox: Option<Sandbox>,
}

impl Kept {
    /// Waits for the keeper. Where it was killed it could not do its work, and this does it.
    async fn until_nobody_is_left(&mut self) {
        if !self.keeper.wait().await.is_ok_and(|status| status.success()) {
            let (mark, sandbox) = (self.mark.clone(), self.sandbox.clone());
            let ending = tokio::task::spawn_blocking(move || {
                remains::end(&mark, &[]);
                if let Some(sandbox) = sandbox {
                    confinement::sweep(&sandbox.parents);
                }
            });
            // It fails only where the agent itself ends.
            drop(ending.await);
        }
    }
}

/// Reads everything the keeper and its process say until both have ended.
async fn follow(
    mut kept: Kept,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    lines: mpsc::Sender<String>,
    asked: Arc<AtomicBool>,
) -> End {
    let said = Arc::new(Mutex::new(VecDeque::new()));
    let tail = stderr.map(|stderr| tokio::spawn(keep_tail(stderr, said.clone())));
    let reading = stdout.map(|stdout| tokio::spawn(read(stdout, lines)));
    // Not after reading: where the keeper was killed, whoever it has left may hold the pipe for ever.
    kept.until_nobody_is_left().await;
    let exited = match reading {
        // Ends with the last process that holds the pipe, and none is left.
        Some(reading) => tokio::time::timeout(PIPE_LIMIT, reading).await.ok().and_then(Result::ok).unwrap_or_default(),
        None => Exited::default(),
    };
    if let Some(tail) = tail {
        // As above.
        drop(tokio::time::timeout(PIPE_LIMIT, tail).await);
    }
    let stderr: Vec<u8> = said.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect();
    let stderr = String::from_utf8_lossy(&stderr).into_owned();
    // An rlimit is counted by nobody, but Python complains of it.
    let memory = exited.exceeded.memory
        || (kept.sandbox.as_ref().is_some_and(Sandbox::limits_memory_by_rlimit) && stderr.contains("MemoryError"));
    let exit = Exit {
        code: exited.code,
        signal: exited.signal,
        asked: asked.load(Ordering::Relaxed),
        stderr,
        user_cpu_ns: exited.user_cpu_ns,
        system_cpu_ns: exited.system_cpu_ns,
        peak_memory_bytes: exited.peak_memory_bytes,
        load_cpu_ns: 0,
        cpu_use: None,
    };
    End { exit, exceeded: Exceeded { memory, ..exited.exceeded } }
}

/// Passes lines on, and returns the keeper's last word.
async fn read(stdout: ChildStdout, lines: mpsc::Sender<String>) -> Exited {
    let mut exited = Exited::default();
    let mut stdout = BufReader::new(stdout);
    while let Some(line) = next_line(&mut stdout).await {
        match serde_json::from_str(&line) {
            Ok(report) => exited = report,
            Err(_) if line.is_empty() => {}
            // Fails where nobody listens any more: the process is being stopped.
            Err(_) => drop(lines.send(line).await),
        }
    }
    exited
}

/// The next line, or as much of it as is taken; `None` at the end.
async fn next_line(stdout: &mut BufReader<ChildStdout>) -> Option<String> {
    let mut line = Vec::new();
    let read = stdout.take(LINE_LIMIT).read_until(b'\n', &mut line).await.ok()?;
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    (read > 0).then(|| String::from_utf8_lossy(&line).into_owned())
}

async fn keep_tail(mut stderr: ChildStderr, kept: Arc<Mutex<VecDeque<u8>>>) {
    let mut chunk = [0; 4096];
    while let Ok(read @ 1..) = stderr.read(&mut chunk).await {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(&chunk[..read]);
        let surplus = kept.len().saturating_sub(STDERR_KEPT);
        kept.drain(..surplus);
    }
}
