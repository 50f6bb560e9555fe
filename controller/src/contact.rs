//! The first words with an agent, before a run takes it: who it is, whether it speaks the same language, and its certificate.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rpycbench_certs::{Identity, agent_dns_name};
use rpycbench_proto::message::{CertificateState, HostFacts};
use rpycbench_proto::pb::agent_client::AgentClient;
use rpycbench_proto::pb::renewal_client::RenewalClient;
use rpycbench_proto::{PROTOCOL, pb};
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Request, Status};

use crate::dial::{DialError, dial};
use crate::session::{Agent, SessionError, refused};

/// Who has let in somebody answers at once.
const HELLO_LIMIT: Duration = Duration::from_secs(10);

/// An agent that has proven to be itself and speaks the same protocol.
#[derive(Debug)]
pub(crate) struct Contact {
    /// Who it is.
    pub agent: Agent,
    /// What it says of its host.
    pub facts: HostFacts,
    /// The version of its program.
    pub build: String,
    /// Its own certificate; `None` where the controller has started it.
    pub certificate: Option<CertificateState>,
    /// Who has it, in words; empty where it is free.
    pub busy_with: String,
    /// How far its wall clock is ahead of this one's, give or take the time its answer took.
    pub clock_ahead: SignedDuration,
    channel: Channel,
}

impl Contact {
    /// Dials an agent and compares versions.
    ///
    /// # Errors
    /// When the agent is not there, not who it should be, or of another version.
    pub(crate) async fn make(agent: Agent, identity: &Identity) -> Result<Self, SessionError> {
        let channel = dial(&agent.address, identity.client_config()?, &agent_dns_name(&agent.name)).await;
        let channel = channel.map_err(|error| not_reached(&agent, error))?;
        let hello = Request::new(pb::HelloRequest { protocol: PROTOCOL, build: env!("CARGO_PKG_VERSION").to_owned() });
        let asked = Timestamp::now();
        let hello = timeout(HELLO_LIMIT, AgentClient::new(channel.clone()).hello(hello)).await;
        let hello = hello.unwrap_or_else(|_| Err(Status::unavailable(format!("no answer within {HELLO_LIMIT:?}"))));
        let pb::HelloReply { protocol, build, host, certificate, busy_with, unix_ns } =
            hello.map_err(|status| refused(&agent, &status))?.into_inner();
        if protocol != PROTOCOL {
            let Agent { host, address, .. } = agent;
            return Err(SessionError::Protocol { host, address, theirs: protocol });
        }
        let (facts, certificate) = (host.unwrap_or_default().into(), certificate.map(Into::into));
        let clock_ahead = Timestamp::from_nanosecond(unix_ns.into())
            .map_or(SignedDuration::MAX, |theirs| theirs.duration_since(asked));
        Ok(Self { agent, facts, build, certificate, busy_with, clock_ahead, channel })
    }

    /// The connection.
    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Opens a client on the connection.
    pub(crate) fn client(&self) -> AgentClient<Channel> {
        AgentClient::new(self.channel.clone())
    }

    /// Has the agent make a new key; the request for its certificate, as PEM.
    ///
    /// # Errors
    /// When the agent does not want to.
    pub(crate) async fn begin_renewal(&self) -> Result<String, Status> {
        let begun = RenewalClient::new(self.channel.clone()).begin(pb::BeginRenewalRequest {}).await?;
        Ok(begun.into_inner().certificate_request)
    }

    /// Gives the agent the certificate for that key.
    ///
    /// # Errors
    /// When the agent does not want it; it goes on with the one it has.
    pub(crate) async fn complete_renewal(&self, certificate: String) -> Result<(), Status> {
        RenewalClient::new(self.channel.clone()).complete(pb::CompleteRenewalRequest { certificate }).await?;
        Ok(())
    }
}

fn not_reached(agent: &Agent, error: DialError) -> SessionError {
    let (host, address) = (agent.host.clone(), agent.address.clone());
    match error {
        DialError::NotOurs(reason) | DialError::HungUp(reason) => SessionError::NotOurs { host, address, reason },
        DialError::Nobody(reason) | DialError::Other(reason) => SessionError::Unreachable { host, address, reason },
    }
}
