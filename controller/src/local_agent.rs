//! The agent of the controller's own host: the binary beside this one, started for one run.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rpycbench_certs::Identity;
use rpycbench_process::telemetry::{AUDIT, LOG_VARIABLE};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, Command};

/// The agent's binary.
const BINARY: &str = "rpycbench-agent";
/// It has only to bind a port.
const START_LIMIT: Duration = Duration::from_secs(20);
/// It ends its processes within a second.
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// The agent beside this binary does not run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LocalAgentError {
    /// It is not there, or cannot be executed.
    #[error("cannot start the local agent {}: {source}; it is installed beside the controller", .binary.display())]
    Start {
        /// The binary.
        binary: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It ended before it listened.
    #[error("the local agent did not start: {reason}")]
    Silent {
        /// What is known.
        reason: String,
    },
}

/// The first line on its stdin.
#[derive(Serialize)]
struct ChildOrder<'a> {
    identity: &'a Identity,
}

/// The first line of its stdout.
#[derive(Deserialize)]
struct ChildReply {
    address: String,
}

/// A running local agent. It ends when this is dropped, or this process ends in whatever way: its stdin does.
#[derive(Debug)]
pub(crate) struct LocalAgent {
    child: Child,
    /// Where it listens, on loopback.
    pub address: String,
}

impl LocalAgent {
    /// Starts the agent with an identity that never touches a disk or a command line.
    ///
    /// # Errors
    /// When the binary is missing or does not listen in time.
    pub(crate) async fn start(identity: &Identity, state: &Path, otlp: Option<&str>) -> Result<Self, LocalAgentError> {
        let binary = std::env::current_exe().map(|own| own.with_file_name(BINARY));
        let binary = binary.map_err(|source| LocalAgentError::Start { binary: BINARY.into(), source })?;
        let refused = |source| LocalAgentError::Start { binary: binary.clone(), source };
        let mut command = Command::new(&binary);
        command.arg("child").arg("--state").arg(state);
        if let Some(url) = otlp {
            command.args(["--otlp", url]);
        }
        // Its log is the terminal of who runs the plan, and who that is needs no audit.
        let wanted = std::env::var(LOG_VARIABLE).unwrap_or_default();
        command.env(LOG_VARIABLE, format!("{AUDIT}=warn,{wanted}"));
        // A Ctrl-C on the terminal is for the controller, which ends the agent in order.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut child = command.spawn().map_err(refused)?;

        let mut line = serde_json::to_vec(&ChildOrder { identity }).map_err(|error| refused(error.into()))?;
        line.push(b'\n');
        let talk = async {
            let Some(stdin) = child.stdin.as_mut() else { return Ok(String::new()) };
            stdin.write_all(&line).await?;
            stdin.flush().await?;
            let Some(stdout) = child.stdout.as_mut() else { return Ok(String::new()) };
            let mut reply = String::new();
            BufReader::new(stdout).read_line(&mut reply).await?;
            Ok::<_, io::Error>(reply)
        };
        let reply = match tokio::time::timeout(START_LIMIT, talk).await {
            Err(_) => Err(format!("it did not listen within {START_LIMIT:?}")),
            Ok(Err(error)) => Err(error.to_string()),
            Ok(Ok(reply)) => serde_json::from_str::<ChildReply>(&reply).map_err(|_| format!("it said {reply:?}")),
        };
        match reply {
            Ok(ChildReply { address }) => Ok(Self { child, address }),
            Err(reason) => Err(LocalAgentError::Silent { reason }),
        }
    }

    /// Ends the agent and waits until it, and with it every process it started, is gone.
    pub(crate) async fn stop(mut self) {
        drop(self.child.stdin.take());
        if tokio::time::timeout(STOP_LIMIT, self.child.wait()).await.is_err() {
            tracing::warn!("the local agent did not end, it is killed");
            // Its children follow it: each has a keeper of its own.
            drop(self.child.kill().await);
        }
    }
}
