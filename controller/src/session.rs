//! Speaks gRPC with one agent: generated messages in and out, no logic.

use std::time::Duration;

use rpycbench_certs::{Identity, agent_dns_name};
use rpycbench_proto::frame::{CommandFrame, EventFrame, Word};
use rpycbench_proto::message::Open;
use rpycbench_proto::pb::agent_client::AgentClient;
use rpycbench_proto::{Command, PROTOCOL, pb};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Request, Status, Streaming};
use tracing::Instrument;

use crate::contact::Contact;
use crate::conversation::{Caller, FIRST_ATTACHMENT, FromAgent, Input, Talk, Unattached, Wire};
use crate::dial::{DialError, dial};

/// Calling an agent again may take this long; the next call follows at once, so that the first packet after a cut is not one
/// that TCP has put off.
const CALL_LIMIT: Duration = Duration::from_secs(1);

/// A conversation that could not begin, or did not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    /// Nobody there, or nobody who can prove to be the agent.
    #[error("host {host}: cannot reach the agent at {address}: {reason}")]
    Unreachable {
        /// The host's name in the plan.
        host: String,
        /// Its agent.
        address: String,
        /// Why.
        reason: String,
    },
    /// Someone there who is not, or no longer, enrolled with this controller.
    #[error(
        "host {host}: cannot reach the agent at {address}: {reason}: enrol it again with `rpycbench-controller enrol {address} --code CODE`"
    )]
    NotOurs {
        /// The host's name in the plan.
        host: String,
        /// Its agent.
        address: String,
        /// How that shows.
        reason: String,
    },
    /// The agent is there and does not want to.
    #[error("host {host}: the agent at {address} refused: {reason}")]
    Refused {
        /// The host's name in the plan.
        host: String,
        /// Its agent.
        address: String,
        /// Why.
        reason: String,
    },
    /// Another version.
    #[error(
        "host {host}: the agent at {address} speaks protocol {theirs}, this controller {PROTOCOL}: install the same version on both"
    )]
    Protocol {
        /// The host's name in the plan.
        host: String,
        /// Its agent.
        address: String,
        /// What it speaks.
        theirs: u32,
    },
    /// The identity is unusable.
    #[error(transparent)]
    Identity(#[from] rpycbench_certs::CertError),
}

/// A run's conversation with one agent. Dropping it ends the agent's part of the run.
#[derive(Debug)]
pub(crate) struct Session {
    inputs: mpsc::UnboundedSender<Input>,
    talking: Option<JoinHandle<()>>,
}

/// Whom to talk to.
#[derive(Clone, Debug)]
pub(crate) struct Agent {
    /// The host's name in the plan.
    pub host: String,
    /// The agent's own name, which its certificate has.
    pub name: String,
    /// `address:port`.
    pub address: String,
}

impl Session {
    /// Takes an agent for the run. What it says is sent to `events` with `number`.
    ///
    /// # Errors
    /// When the agent is busy.
    pub(crate) async fn open(
        contact: Contact,
        identity: Identity,
        open: Open,
        number: usize,
        events: mpsc::Sender<(usize, FromAgent)>,
    ) -> Result<Self, SessionError> {
        let (inputs, queue) = mpsc::unbounded_channel();
        let client = contact.client();
        let line = Line { agent: contact.agent, identity, run_id: open.run_id.clone() };
        let attach = line.attach(client, true, FIRST_ATTACHMENT, 0, &inputs).await;
        let wire = attach.map_err(|status| refused(&line.agent, &status))?;
        let talk = Talk::new(line, number, events, inputs.clone(), wire);
        let talking = Some(tokio::spawn(talk.go_on(queue).in_current_span()));
        let session = Self { inputs, talking };
        session.send(Command::Open(open));
        Ok(session)
    }

    /// Sends a command. One that cannot be sent has lost its agent, which is reported as [`FromAgent::Lost`].
    pub(crate) fn send(&self, command: Command) {
        drop(self.inputs.send(Input::Say(command)));
    }

    /// Says nothing more, and hears nothing.
    pub(crate) fn abandon(mut self) {
        if let Some(talking) = self.talking.take() {
            talking.abort();
        }
    }

    /// Leaves the agent and waits until it has ended its part of the run, if it can be reached.
    pub(crate) async fn leave(mut self) {
        drop(self.inputs.send(Input::Leave));
        if let Some(talking) = self.talking.take() {
            drop(talking.await);
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Refused where it has ended by itself.
        drop(self.inputs.send(Input::Leave));
    }
}

/// How an agent is called, the first time and again.
#[derive(Debug)]
pub(crate) struct Line {
    agent: Agent,
    identity: Identity,
    run_id: String,
}

impl Caller for Line {
    /// On another connection.
    async fn call(
        &self,
        attachment: u64,
        taken: u64,
        inputs: &mpsc::UnboundedSender<Input>,
    ) -> Result<Wire, Unattached> {
        let calling = async {
            let config = self.identity.client_config().map_err(|error| Unattached::finally(error.to_string()))?;
            let channel = dial(&self.agent.address, config, &agent_dns_name(&self.agent.name)).await;
            let client = AgentClient::new(channel.map_err(Unattached::from)?);
            self.attach(client, false, attachment, taken, inputs).await.map_err(|status| Unattached::from(&status))
        };
        let late = |_| Unattached { reason: format!("no connection within {CALL_LIMIT:?}"), is_final: false };
        timeout(CALL_LIMIT, calling).await.map_err(late)?
    }
}

impl Line {
    async fn attach(
        &self,
        mut client: AgentClient<Channel>,
        begin: bool,
        attachment: u64,
        taken: u64,
        inputs: &mpsc::UnboundedSender<Input>,
    ) -> Result<Wire, Status> {
        let (wire, frames) = mpsc::unbounded_channel();
        let word = Word::Attach { run_id: self.run_id.clone(), begin };
        // The other end is here.
        drop(wire.send(CommandFrame { acknowledged: taken, word }));
        let mut request = Request::new(UnboundedReceiverStream::new(frames).map(pb::CommandFrame::from));
        rpycbench_process::propagate::inject(&tracing::Span::current(), request.metadata_mut());
        let incoming = client.run(request).await?.into_inner();
        tokio::spawn(read(incoming, attachment, inputs.clone()));
        Ok(wire)
    }
}

/// Hands on what a stream carries, to its end.
async fn read(mut incoming: Streaming<pb::EventFrame>, attachment: u64, inputs: mpsc::UnboundedSender<Input>) {
    let broken = loop {
        match incoming.message().await.map(|frame| frame.map(EventFrame::try_from)) {
            // Nobody takes it once the run is over.
            Ok(Some(Ok(frame))) => drop(inputs.send(Input::Heard(attachment, frame))),
            Ok(Some(Err(error))) => break Unattached::finally(error.to_string()),
            Ok(None) => break Unattached::finally("the agent closed the conversation".to_owned()),
            Err(status) => break Unattached::from(&status),
        }
    };
    drop(inputs.send(Input::Broken(attachment, broken)));
}

impl Unattached {
    fn finally(reason: String) -> Self {
        Self { reason, is_final: true }
    }
}

impl From<&Status> for Unattached {
    fn from(status: &Status) -> Self {
        // What the transport says of a connection that is gone; anything else is the agent's own word.
        let is_final = !matches!(
            status.code(),
            Code::Unavailable | Code::Unknown | Code::Internal | Code::Cancelled | Code::DeadlineExceeded
        );
        Self { reason: status.message().to_owned(), is_final }
    }
}

impl From<DialError> for Unattached {
    fn from(error: DialError) -> Self {
        // Nobody listens there any more, or somebody else: a host that is merely cut off does not answer at all, and a
        // connection that is cut amid its handshake looks like one that is refused.
        let is_final = matches!(error, DialError::NotOurs(_) | DialError::Nobody(_));
        Self { reason: error.into_reason(), is_final }
    }
}

/// An agent's refusal of a call.
pub(crate) fn refused(agent: &Agent, status: &Status) -> SessionError {
    let (host, address) = (agent.host.clone(), agent.address.clone());
    let reason = status.message().to_owned();
    match status.code() {
        // With TLS 1.3 an agent that does not want the client's certificate says so after the handshake.
        Code::Unavailable | Code::Unknown => SessionError::Unreachable { host, address, reason },
        _ => SessionError::Refused { host, address, reason },
    }
}
