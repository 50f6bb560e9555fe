//! The commands that deal with agents.

use std::process::Stdio;

use tokio::process::Command;

use super::{home, say};
use crate::enrol::{self, EnrolError};
use crate::error::Error;

/// The agent's port where none is named.
const PORT: u16 = 7443;

/// `enrol`.
#[tokio::main]
pub(super) async fn enrol(address: Option<String>, code: Option<String>, ssh: Option<String>) -> Result<(), Error> {
    let (address, code) = match (address, code, ssh) {
        (Some(address), Some(code), None) => (address, code),
        (None, None, Some(target)) => {
            let host = target.rsplit('@').next().unwrap_or(&target).to_owned();
            (format!("{host}:{PORT}"), code_over_ssh(&target).await?)
        }
        // The command line's own rules leave nothing else.
        _ => return Err(Error::Usage("enrol takes HOST:PORT --code CODE, or --ssh USER@HOST".to_owned())),
    };
    let agent = enrol::enrol(&home()?, &address, &code).await?;
    say(&format!("enrolled {} at {}, its certificate is good until {}\n", agent.name, agent.address, agent.expires));
    Ok(())
}

/// Asks for a code on the other host. It comes over ssh's own channel: nothing secret is on a command line there.
async fn code_over_ssh(target: &str) -> Result<String, EnrolError> {
    let unreachable = |reason: String| EnrolError::Unreachable { address: target.to_owned(), reason };
    // A host key that is not known is refused, never added.
    let output = Command::new("ssh")
        .args(["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "--", target, "rpycbench-agent enrol-code"])
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|error| unreachable(format!("cannot start ssh: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
        return Err(unreachable(format!("ssh ended with {}: {said}", output.status)));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

/// `agents`.
pub(super) fn agents(json: bool) -> Result<(), Error> {
    for agent in home()?.agents()? {
        if json {
            say(&format!("{}\n", serde_json::json!(agent)));
        } else {
            say(&format!("{}  {}  certificate good until {}\n", agent.name, agent.address, agent.expires));
        }
    }
    Ok(())
}
