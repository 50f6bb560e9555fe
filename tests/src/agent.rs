//! The real agent, started as the controller starts it, and clients of every sort to knock at its door.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;

use hyper_util::rt::TokioIo;
use rpycbench_certs::{Identity, agent_dns_name};
use rpycbench_proto::pb::agent_client::AgentClient;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use tonic::transport::{Channel, Endpoint, Uri};
use tower::service_fn;

use crate::Sandbox;
use crate::sandbox::binaries;

/// A running agent; it ends when this is dropped.
pub struct Agent {
    /// Kept for its stdin: the agent ends when that does.
    _child: Child,
    log: PathBuf,
    /// Where it listens.
    pub address: String,
}

impl Agent {
    /// Starts an agent with that identity.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(sandbox: &Sandbox, identity: &Identity) -> Self {
        let log = sandbox.path().join("agent.log");
        let mut child = Command::new(binaries().join("rpycbench-agent"))
            .args(["child", "--state"])
            .arg(sandbox.path().join("home/agent"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).expect("a log"))
            .spawn()
            .expect("the agent starts");
        let order = serde_json::json!({ "identity": identity });
        let stdin = child.stdin.as_mut().expect("a pipe");
        stdin.write_all(format!("{order}\n").as_bytes()).await.expect("the agent reads its order");
        stdin.flush().await.expect("the agent reads its order");
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).await.expect("the agent answers");
        let reply: Value = serde_json::from_str(&line).expect("the agent answers in JSON");
        let address = reply["address"].as_str().expect("the agent says where it listens").to_owned();
        Self { _child: child, log, address }
    }

    /// What it has logged.
    ///
    /// # Panics
    /// When that cannot be read.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("a log")
    }

    /// Connects with TLS settings of the caller's choice; the agent is expected to be called `name`.
    ///
    /// # Errors
    /// When the connection is refused, which with TLS 1.3 may also show only in the first call.
    pub async fn connect(
        &self,
        config: ClientConfig,
        name: &str,
    ) -> Result<AgentClient<Channel>, tonic::transport::Error> {
        Ok(AgentClient::new(channel(&self.address, config, &agent_dns_name(name)).await?))
    }

    /// Connects without TLS.
    ///
    /// # Errors
    /// When the connection is refused, which may also show only in the first call.
    pub async fn connect_in_the_clear(&self) -> Result<AgentClient<Channel>, tonic::transport::Error> {
        AgentClient::connect(format!("http://{}", self.address)).await
    }
}

/// Connects to `address` with TLS settings of the caller's choice, and asks there for the server `name`.
///
/// # Errors
/// When the connection is refused, which with TLS 1.3 may also show only in the first call.
///
/// # Panics
/// When address or name are none.
pub async fn channel(address: &str, config: ClientConfig, name: &str) -> Result<Channel, tonic::transport::Error> {
    let tls = TlsConnector::from(Arc::new(config));
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let target = address.to_owned();
    let connector = service_fn(move |_: Uri| {
        let (tls, name, target) = (tls.clone(), name.clone(), target.clone());
        async move {
            let socket = TcpStream::connect(&target).await?;
            Ok::<_, io::Error>(TokioIo::new(tls.connect(name, socket).await?))
        }
    });
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
    endpoint.connect_with_connector(connector).await
}
