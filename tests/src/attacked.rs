//! An agent that somebody abuses: how much it ever held because of it, and whether the next run is as any other.

use std::fs;
use std::sync::Arc;

use procfs::process::Process;
use rpycbench_certs::{AGENT_LIFE, Identity, agent_dns_name};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::Sandbox;
use crate::forge::Forge;
use crate::installed::Installed;
use crate::patience::eventually;

/// What the agent is called.
const NAME: &str = "hurin";
/// Few calls of each kind.
const ONE: &str = "[[workloads]]\nname = \"one\"\nkind = \"connect\"\ncount = 5\n";

/// An enrolled agent that has done a run, so that what it holds from now on is not for the first time.
pub struct Attacked {
    /// Its controller's.
    pub sandbox: Sandbox,
    /// The keys of its controller.
    pub forge: Forge,
    /// The agent.
    pub agent: Installed,
    before: u64,
}

impl Attacked {
    /// One with that file of limits.
    ///
    /// # Panics
    /// When it does not start, or does not do its first run.
    pub fn new(limits: &str) -> Self {
        let sandbox = Sandbox::new();
        let forge = Forge::new(&sandbox);
        let identity = forge.authority.agent(NAME, AGENT_LIFE).expect("an identity");
        let file = sandbox.path().join("limits.toml");
        fs::write(&file, limits).expect("limits can be written");
        let args = ["--limits", &file.display().to_string()];
        let agent = Installed::start_with_identity(&sandbox, NAME, "127.0.0.2", &args, &identity);
        sandbox.know(NAME, &agent.address);
        let mut attacked = Self { sandbox, forge, agent, before: 0 };
        attacked.runs_as_ever();
        attacked.before = attacked.most_held();
        attacked
    }

    /// A plan of one block of these servers, with the agent in both roles.
    pub fn plan(&self, servers: &[&str], workloads: &str) -> String {
        crate::sandbox::plan(servers, workloads).replace("local = true", &format!("agent = {:?}", self.agent.address))
    }

    /// Bytes of memory that the agent had at the most since it began (`VmHWM`).
    fn most_held(&self) -> u64 {
        let process = Process::new(self.agent.pid().cast_signed()).expect("it lives");
        process.status().expect("its memory").vmhwm.expect("a figure in KiB") << 10
    }

    /// Holds when the agent never held that much more than after its first run.
    ///
    /// # Panics
    /// When it did.
    #[track_caller]
    pub fn held_less_than(&self, bytes: u64) -> u64 {
        let growth = self.most_held() - self.before;
        assert!(growth < bytes, "{growth} bytes more than the {} before", self.before);
        growth
    }

    /// Runs a small plan, as soon as the agent has noticed who is gone.
    ///
    /// # Panics
    /// When it does not succeed.
    #[track_caller]
    pub fn runs_as_ever(&self) {
        let plan = self.plan(&["rpyc-threaded"], ONE);
        eventually("the next run is as any other", || {
            let outcome = self.sandbox.run(&plan, &[]);
            if outcome.code == Some(0) { Ok(()) } else { Err((outcome, self.agent.log())) }
        });
    }

    /// The key of a run, in the wrong hands.
    ///
    /// # Panics
    /// When there is none.
    pub fn stolen_key(&self) -> Identity {
        self.forge.authority.controller("stolen", AGENT_LIFE).expect("an identity")
    }

    /// A connection with that key.
    ///
    /// # Panics
    /// When the agent never lets it in.
    pub async fn connect(&self) -> TlsStream<TcpStream> {
        let tls = TlsConnector::from(Arc::new(self.stolen_key().client_config().expect("TLS settings")));
        let name = ServerName::try_from(agent_dns_name(NAME)).expect("a name");
        let socket = TcpStream::connect(&self.agent.address).await.expect("a connection");
        tls.connect(name, socket).await.expect("a handshake")
    }
}
