//! `enrol`: with a code in hand, or with ssh to fetch one.

use std::process::Stdio;

use tokio::process::Command;

use super::{home, say};
use crate::enrol::{self, EnrolError, Enrolled};
use crate::error::Error;

/// The agent's port where none is named.
const PORT: u16 = 7443;

/// `enrol`.
#[tokio::main]
pub(super) async fn enrol(address: Option<String>, code: Option<String>, ssh: Option<String>) -> Result<(), Error> {
    let (address, code) = match (address, code, ssh) {
        (Some(address), Some(code), None) => (address, code),
        (address, None, Some(target)) => {
            (address.unwrap_or_else(|| agent_address(&target)), code_over_ssh(&target).await?)
        }
        // The command line's own rules leave nothing else.
        _ => return Err(Error::Usage("enrol takes HOST:PORT --code CODE, or [HOST:PORT] --ssh USER@HOST".to_owned())),
    };
    let Enrolled { agent, lifted, elsewhere } = enrol::enrol(&home()?, &address, &code).await?;
    let lifted = lifted.map(|since| format!(", its ban of {since} is lifted")).unwrap_or_default();
    let elsewhere = elsewhere
        .map(|address| format!("; the agent of that name at {address} is not used any more"))
        .unwrap_or_default();
    let (name, address, expires) = (agent.name, agent.address, agent.expires);
    say(&format!("enrolled {name} at {address}, its certificate is good until {expires}{lifted}{elsewhere}\n"));
    Ok(())
}

/// Where the agent of the host that ssh knows by that name listens, unless the user says otherwise.
fn agent_address(target: &str) -> String {
    let host = target.rsplit('@').next().unwrap_or(target);
    // The colons of an IPv6 address are not those of a port.
    if host.contains(':') { format!("[{host}]:{PORT}") } else { format!("{host}:{PORT}") }
}

/// Where the agent is a service and the user is not root, who may be by sudo without a password.
const ASK: &str = "rpycbench-agent enrol-code || sudo -n rpycbench-agent enrol-code";

/// Asks for a code on the other host. It comes over ssh's own channel: nothing secret is on a command line there.
async fn code_over_ssh(target: &str) -> Result<String, EnrolError> {
    let unreachable = |reason: String| EnrolError::Unreachable { address: target.to_owned(), reason };
    // A host key that is not known is refused, never added.
    let output = Command::new("ssh")
        .args(["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=10", "--", target, ASK])
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|error| unreachable(format!("cannot start ssh: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        // ssh ends its lines with CR and LF, and rules off what it finds important.
        let said: Vec<&str> =
            said.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("@@")).collect();
        return Err(unreachable(format!("ssh ended with {}: {}", output.status, said.join("; "))));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_where_ssh_goes_on_the_contracts_port() {
        assert_eq!(agent_address("user@hurin"), "hurin:7443");
        assert_eq!(agent_address("hurin.lan"), "hurin.lan:7443");
        assert_eq!(agent_address("user@2001:db8::1"), "[2001:db8::1]:7443");
    }
}
