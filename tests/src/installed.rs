//! An agent as it is installed on a host: it waits for a controller, and for a code.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rpycbench_certs::{Identity, agent_dns_name};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};

use crate::Sandbox;
use crate::sandbox::binaries;

/// A running `rpycbench-agent serve`; it ends when this is dropped.
pub struct Installed {
    child: Child,
    state: PathBuf,
    args: Vec<String>,
    /// What it is started by, where not by the test itself.
    under: Vec<String>,
    /// The host's own, for every program on it.
    environment: Vec<(&'static str, String)>,
    /// Where it listens.
    pub address: String,
}

/// What an agent is started with beyond the usual.
#[derive(Default)]
struct Extra<'a> {
    args: &'a [&'a str],
    under: &'a [&'a str],
    environment: Vec<(&'static str, String)>,
    identity: Option<&'a Identity>,
}

impl Installed {
    /// Starts an agent on a loopback address of its own, which stands for a host of its own.
    ///
    /// # Panics
    /// When it does not listen.
    pub fn start(sandbox: &Sandbox, name: &str, address: &str) -> Self {
        Self::launch(sandbox, name, address, Extra::default())
    }

    /// [`Installed::start`] with more arguments.
    ///
    /// # Panics
    /// As [`Installed::start`].
    pub fn start_with(sandbox: &Sandbox, name: &str, address: &str, args: &[&str]) -> Self {
        Self::launch(sandbox, name, address, Extra { args, ..Extra::default() })
    }

    /// [`Installed::start`] on a host with more in its environment.
    ///
    /// # Panics
    /// As [`Installed::start`].
    pub fn start_in(sandbox: &Sandbox, name: &str, address: &str, environment: Vec<(&'static str, String)>) -> Self {
        Self::launch(sandbox, name, address, Extra { environment, ..Extra::default() })
    }

    /// [`Installed::start`] by a command that becomes the agent: the agent's own follows it.
    ///
    /// # Panics
    /// As [`Installed::start`].
    pub fn start_under(sandbox: &Sandbox, name: &str, address: &str, under: &[&str]) -> Self {
        Self::launch(sandbox, name, address, Extra { under, ..Extra::default() })
    }

    /// [`Installed::start`] for one that was enrolled before with that identity.
    ///
    /// # Panics
    /// As [`Installed::start`].
    pub fn start_as(sandbox: &Sandbox, name: &str, address: &str, identity: &Identity) -> Self {
        Self::launch(sandbox, name, address, Extra { identity: Some(identity), ..Extra::default() })
    }

    /// [`Installed::start_as`] with more arguments.
    ///
    /// # Panics
    /// As [`Installed::start`].
    pub fn start_with_identity(
        sandbox: &Sandbox,
        name: &str,
        address: &str,
        args: &[&str],
        identity: &Identity,
    ) -> Self {
        Self::launch(sandbox, name, address, Extra { args, identity: Some(identity), ..Extra::default() })
    }

    fn launch(sandbox: &Sandbox, name: &str, address: &str, extra: Extra<'_>) -> Self {
        let Extra { args, under, environment, identity } = extra;
        let state = sandbox.path().join(name);
        std::fs::create_dir(&state).expect("a state folder");
        let shared = sandbox.path().join("home/agent/environments");
        std::fs::create_dir_all(&shared).expect("the shared environments");
        std::os::unix::fs::symlink(shared, state.join("environments")).expect("the shared environments can be linked");
        if let Some(identity) = identity {
            let text = serde_json::to_vec(identity).expect("JSON");
            std::fs::write(state.join("identity.json"), text).expect("the identity can be written");
        }
        let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
        let under: Vec<String> = under.iter().map(|&word| word.to_owned()).collect();
        let (child, line) = serve(&under, &format!("{address}:0"), &state, &args, &environment);
        let address =
            line.split_whitespace().find(|word| word.starts_with(address)).unwrap_or_else(|| panic!("{line:?}"));
        Self { address: address.trim_end_matches(',').to_owned(), child, state, args, under, environment }
    }

    /// Starts it anew where it was, as its administrator or systemd would, after it has ended or was killed.
    ///
    /// # Panics
    /// When it does not listen.
    pub fn start_again(&mut self) {
        drop(self.child.kill());
        self.child.wait().expect("it ends");
        self.child = serve(&self.under, &self.address, &self.state, &self.args, &self.environment).0;
    }

    /// A new code, as its administrator gets it.
    ///
    /// # Panics
    /// When there is none.
    pub fn code(&self, name: &str) -> String {
        let output = Command::new(binaries().join("rpycbench-agent"))
            .args(["enrol-code", "--name", name, "--state"])
            .arg(&self.state)
            .envs(self.environment.iter().cloned())
            .output()
            .expect("the agent starts");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When it has ended.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid().cast_signed()), signal).expect("a process of this test can be signalled");
    }

    /// Whether it has come to its end in order.
    ///
    /// # Panics
    /// When it ended in another way.
    pub fn has_ended(&mut self) -> bool {
        let status = self.child.try_wait().expect("a child");
        assert!(status.is_none_or(|status| status.success()), "{status:?}");
        status.is_some()
    }

    /// Tells it to end and waits until it has: it delivers spans and metrics before.
    ///
    /// # Panics
    /// When it ends in another way than in order.
    pub fn stop(mut self) {
        self.signal(Signal::SIGTERM);
        let status = self.child.wait().expect("it ends");
        assert!(status.success(), "{status}");
    }

    /// The identity that it keeps.
    ///
    /// # Panics
    /// When it has none.
    pub fn identity(&self) -> Identity {
        let text = std::fs::read(self.state.join("identity.json")).expect("an identity");
        serde_json::from_slice(&text).expect("JSON")
    }

    /// The certificate that a new connection is shown, by a client of that identity who expects the agent `name`.
    ///
    /// # Panics
    /// When there is no connection.
    pub async fn shown(&self, client: &Identity, name: &str) -> CertificateDer<'static> {
        let tls = TlsConnector::from(Arc::new(client.client_config().expect("TLS settings")));
        let name = ServerName::try_from(agent_dns_name(name)).expect("a name");
        let socket = TcpStream::connect(&self.address).await.expect("a connection");
        let stream = tls.connect(name, socket).await.expect("a handshake");
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first).expect("a certificate");
        shown.clone().into_owned()
    }

    /// What it has logged.
    ///
    /// # Panics
    /// When that cannot be read.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.state.join("log")).expect("a log")
    }

    /// Where it keeps its keys.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// Makes the code that is out one of ten minutes ago.
    ///
    /// # Panics
    /// When no code is out.
    pub fn let_the_code_expire(&self) {
        let path = self.state.join("enrol-code.json");
        let text = std::fs::read_to_string(&path).expect("a code is out");
        let mut code: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let expires = code["expires_unix_s"].as_u64().expect("a time");
        code["expires_unix_s"] = (expires - 600).into();
        std::fs::write(&path, code.to_string()).expect("the code can be written");
    }
}

/// Starts the program, and returns what it says once it listens.
fn serve(
    under: &[String],
    listen: &str,
    state: &Path,
    args: &[String],
    environment: &[(&'static str, String)],
) -> (Child, String) {
    let log = OpenOptions::new().create(true).append(true).open(state.join("log")).expect("a log");
    let program = binaries().join("rpycbench-agent");
    let mut command = match under {
        [] => Command::new(program),
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(program);
            command
        }
    };
    let mut child = command
        .args(["serve", "--listen", listen, "--state"])
        .arg(state)
        .envs(environment.iter().cloned())
        .args(args)
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .expect("the agent starts");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("a pipe")).read_line(&mut line).expect("the agent says something");
    (child, line)
}

impl Drop for Installed {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
