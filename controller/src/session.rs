//! Speaks gRPC with one agent: generated messages in and out, no logic.

use rpycbench_proto::message::Open;
use rpycbench_proto::{Command, Event, PROTOCOL, pb};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Status};

use crate::contact::Contact;

/// Commands on their way; a cell needs four.
const COMMAND_QUEUE: usize = 16;

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

/// What comes from an agent.
#[derive(Debug)]
pub(crate) enum FromAgent {
    /// A word of the conversation.
    Event(Box<Event>),
    /// The conversation is over, and why.
    Lost(String),
    /// The agent is not to be talked to any more, since when.
    Banned(String),
}

/// A run's conversation with one agent. Dropping it ends the agent's part of the run.
#[derive(Debug)]
pub(crate) struct Session {
    commands: mpsc::Sender<Command>,
    reading: AbortHandle,
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
        open: Open,
        number: usize,
        events: mpsc::Sender<(usize, FromAgent)>,
    ) -> Result<Self, SessionError> {
        let (commands, outgoing) = mpsc::channel(COMMAND_QUEUE);
        // The queue is empty: this cannot wait.
        drop(commands.send(Command::Open(open)).await);
        let mut request = Request::new(ReceiverStream::new(outgoing).map(pb::Command::from));
        rpycbench_process::propagate::inject(&tracing::Span::current(), request.metadata_mut());
        let incoming = contact.client().run(request).await;
        let mut incoming = incoming.map_err(|status| refused(&contact.agent, &status))?.into_inner();
        let reading = tokio::spawn(async move {
            let reason = loop {
                let event = match incoming.message().await {
                    Ok(Some(event)) => Event::try_from(event),
                    Ok(None) => break "the agent closed the conversation".to_owned(),
                    Err(status) => break status.message().to_owned(),
                };
                match event {
                    Ok(event) => drop(events.send((number, FromAgent::Event(Box::new(event)))).await),
                    Err(error) => break error.to_string(),
                }
            };
            // Nobody listens once the run is over.
            drop(events.send((number, FromAgent::Lost(reason))).await);
        });
        Ok(Self { commands, reading: reading.abort_handle() })
    }

    /// Ends the conversation now, without a last word to or from the agent.
    pub(crate) fn cut(self) {
        self.reading.abort();
    }

    /// Sends a command. One that cannot be sent has lost its agent, which is reported as [`FromAgent::Lost`].
    pub(crate) async fn send(&self, command: Command) {
        drop(self.commands.send(command).await);
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
