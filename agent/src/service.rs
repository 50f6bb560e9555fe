//! Serves gRPC: generated messages in and out, no logic. One run at a time.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use rpycbench_certs::Identity;
use rpycbench_certs::enrol::AgentState;
use rpycbench_proto::message::{CertificateState, HostFacts};
use rpycbench_proto::{Command, PROTOCOL, pb};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument;

use crate::audit::Peer;
use crate::holder::{Hold, Holder};
use crate::limits::LimitsSource;
use crate::run::{RunError, Terms};
use crate::{host, run};

/// Events on their way to the controller. A controller that does not read holds up the reports, never the load.
const EVENT_QUEUE: usize = 16;

/// Whoever takes the agent says what for with the same breath.
const FIRST_COMMAND: Duration = Duration::from_secs(10);

/// What an agent proves itself with.
#[derive(Clone, Debug)]
pub enum Credentials {
    /// Given by the controller that has started it.
    Given(Identity),
    /// Its own, once it is enrolled.
    Kept(Arc<AgentState>),
}

impl Credentials {
    fn identity(&self) -> Result<Identity, Status> {
        match self {
            Self::Given(identity) => Ok(identity.clone()),
            Self::Kept(state) => {
                let kept = state.identity().map_err(|error| Status::failed_precondition(error.to_string()))?;
                kept.ok_or_else(|| Status::failed_precondition("this agent is not enrolled any more"))
            }
        }
    }
}

/// The gRPC service of one agent.
#[derive(Clone, Debug)]
pub struct AgentService {
    state: PathBuf,
    credentials: Credentials,
    limits: Arc<LimitsSource>,
    facts: Arc<HostFacts>,
    stop: CancellationToken,
    holder: Holder,
}

impl AgentService {
    /// An idle agent that keeps its environments in `state` and ends its run at `stop`.
    pub fn new(state: PathBuf, credentials: Credentials, limits: LimitsSource, stop: CancellationToken) -> Self {
        let (limits, facts) = (Arc::new(limits), Arc::new(host::facts()));
        Self { state, credentials, limits, facts, stop, holder: Holder::default() }
    }

    /// Takes the agent for a run, with what that may do.
    fn admit(&self, peer: &Peer) -> Result<(Hold, Terms), Status> {
        let limits = self.limits.read().map_err(|error| Status::failed_precondition(error.to_string()))?;
        let identity = self.credentials.identity()?;
        let taken = self.holder.take(peer.to_string());
        let hold = taken
            .map_err(|by| Status::resource_exhausted(format!("it is busy with {by}; run again when it is free")))?;
        Ok((hold, Terms { state: self.state.clone(), limits: Arc::new(limits), identity }))
    }

    fn certificate(&self) -> Option<CertificateState> {
        let Credentials::Kept(state) = &self.credentials else { return None };
        let validity = match state.validity() {
            Ok(validity) => validity?,
            Err(error) => {
                // Those in use are in memory; that they cannot be read again is for the agent's administrator.
                tracing::warn!(%error, "the agent's own certificate cannot be read");
                return None;
            }
        };
        Some(CertificateState {
            not_before_unix_s: validity.not_before_unix_s,
            not_after_unix_s: validity.not_after_unix_s,
            renewal_due: validity.renewal_is_due(SystemTime::now()),
        })
    }

    /// Waits until no run has the agent, which means that none of its processes is left.
    pub async fn idle(&self) {
        self.holder.idle().await;
    }
}

#[tonic::async_trait]
impl pb::agent_server::Agent for AgentService {
    async fn hello(&self, _: Request<pb::HelloRequest>) -> Result<Response<pb::HelloReply>, Status> {
        Ok(Response::new(pb::HelloReply {
            protocol: PROTOCOL,
            build: env!("CARGO_PKG_VERSION").to_owned(),
            host: Some(HostFacts::clone(&self.facts).into()),
            certificate: self.certificate().map(Into::into),
            busy_with: self.holder.by().map(|by| by.to_string()).unwrap_or_default(),
            unix_ns: Timestamp::now().as_nanosecond().try_into().unwrap_or(i64::MAX),
        }))
    }

    type RunStream = Pin<Box<dyn Stream<Item = Result<pb::Event, Status>> + Send>>;

    async fn run(&self, request: Request<Streaming<pb::Command>>) -> Result<Response<Self::RunStream>, Status> {
        let peer = Peer::of(&request);
        let (hold, terms) = self.admit(&peer).inspect_err(|refusal| {
            let reason = refusal.message();
            tracing::warn!(target: "audit", %peer, identity = peer.identity(), reason, "run refused");
        })?;
        let span = tracing::info_span!(target: "rpycbench", "agent run", %peer);
        rpycbench_process::propagate::adopt(&span, request.metadata());

        let (events, outgoing) = mpsc::channel(EVENT_QUEUE);
        let (failure, failed) = mpsc::channel::<Status>(1);
        let mut commands = request.into_inner().map(|command| {
            command
                .map_err(|status| status.message().to_owned())
                .and_then(|command| Command::try_from(command).map_err(|error| error.to_string()))
        });
        let stop = self.stop.clone();
        let running = async move {
            let identity = peer.identity();
            tracing::info!(target: "audit", %peer, identity, "run opened");
            let outcome = match stop.run_until_cancelled(tokio::time::timeout(FIRST_COMMAND, commands.next())).await {
                // The agent ends.
                None => Ok(()),
                Some(Err(_)) => Err(RunError::Silent(FIRST_COMMAND)),
                Some(Ok(first)) => {
                    let commands = tokio_stream::iter(first).chain(commands);
                    run::run(terms, &hold, commands, events, stop).await
                }
            };
            let why = outcome.as_ref().map_or_else(ToString::to_string, |()| "in order".to_owned());
            tracing::info!(target: "audit", %peer, identity, why, "run closed");
            if let Err(error) = outcome {
                let status = match &error {
                    RunError::Denied(_) => Status::permission_denied(error.to_string()),
                    _ => Status::failed_precondition(error.to_string()),
                };
                // Refused only when the controller is gone, who then does not care.
                drop(failure.send(status).await);
            }
            drop(hold);
        };
        tokio::spawn(running.instrument(span));
        let events = ReceiverStream::new(outgoing).map(|event| Ok(pb::Event::from(event)));
        let failed = ReceiverStream::new(failed).map(Err);
        Ok(Response::new(Box::pin(events.chain(failed))))
    }
}
