//! Serves gRPC: generated messages in and out, no logic. One run at a time.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use rpycbench_certs::Identity;
use rpycbench_certs::enrol::AgentState;
use rpycbench_proto::frame::{CommandFrame, Word};
use rpycbench_proto::message::{CertificateState, HostFacts};
use rpycbench_proto::{PROTOCOL, pb};
use tokio::time::timeout;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument;

use crate::audit::Peer;
use crate::child::Journal;
use crate::confinement::Confinement;
use crate::conversation::{Conversation, RunEnd};
use crate::holder::{Hold, Holder, Key};
use crate::limits::LimitsSource;
use crate::run::Terms;
use crate::spool::Spool;
use crate::{host, run};

/// A stream that has not said by then what it is for is none of a controller's.
const FIRST_FRAME_LIMIT: Duration = Duration::from_secs(5);

/// Processes end within a second; a disk that samples go to may take longer.
const FENCE_LIMIT: Duration = Duration::from_secs(10);

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
    confinement: Confinement,
    journal: Journal,
    facts: Arc<HostFacts>,
    stop: CancellationToken,
    holder: Holder,
}

impl AgentService {
    /// An idle agent that keeps its environments in `state` and ends its run at `stop`.
    pub fn new(
        state: PathBuf,
        credentials: Credentials,
        limits: LimitsSource,
        confinement: Confinement,
        journal: Journal,
        stop: CancellationToken,
    ) -> Self {
        let facts = Arc::new(host::facts());
        let (limits, holder) = (Arc::new(limits), Holder::default());
        Self { state, credentials, limits, confinement, journal, facts, stop, holder }
    }

    /// Facts about this host, with what its administrator allows at this moment.
    fn facts(&self) -> HostFacts {
        let confinement = match self.limits.read() {
            Ok(limits) => self.confinement.within(&limits).facts(),
            // No run begins then, which says why.
            Err(_) => self.confinement.facts(),
        };
        HostFacts { confinement, ..HostFacts::clone(&self.facts) }
    }

    /// Takes the agent for a run, with what that may do.
    fn admit(&self, peer: &Peer, key: Key, conversation: Conversation) -> Result<(Hold, Terms), Status> {
        let limits = self.limits.read().map_err(|error| Status::failed_precondition(error.to_string()))?;
        let confinement = self.confinement.within(&limits);
        let identity = self.credentials.identity()?;
        let agent = identity.holder().map_err(|fault| Status::failed_precondition(fault.to_string()))?.name;
        let run_id = key.run_id.clone();
        let taken = self.holder.take(peer.to_string(), key, conversation);
        let hold = taken
            .map_err(|by| Status::resource_exhausted(format!("it is busy with {by}; run again when it is free")))?;
        Ok((
            hold,
            Terms {
                run_id,
                state: self.state.clone(),
                limits: Arc::new(limits),
                identity,
                confinement,
                journal: self.journal.clone(),
                spool: Spool::of_host(&self.state),
                agent,
            },
        ))
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
            host: Some(self.facts().into()),
            certificate: self.certificate().map(Into::into),
            busy_with: self.holder.by().map(|by| by.to_string()).unwrap_or_default(),
            unix_ns: Timestamp::now().as_nanosecond().try_into().unwrap_or(i64::MAX),
        }))
    }

    type RunStream = Pin<Box<dyn Stream<Item = Result<pb::EventFrame, Status>> + Send>>;

    async fn run(&self, request: Request<Streaming<pb::CommandFrame>>) -> Result<Response<Self::RunStream>, Status> {
        let peer = Peer::of(&request);
        // The handshake has demanded one.
        let certificate = peer.certificate.clone().ok_or_else(|| Status::unauthenticated("no certificate"))?;
        let span = tracing::info_span!(target: "rpycbench", "agent run", %peer);
        rpycbench_process::propagate::adopt(&span, request.metadata());

        // A connection that breaks says nothing about the run: that is for its lease to judge.
        let unbroken = request.into_inner().map_while(Result::ok);
        let mut frames = unbroken.map(|frame| CommandFrame::try_from(frame).map_err(|error| error.to_string()));
        let first = timeout(FIRST_FRAME_LIMIT, frames.next()).await.ok().flatten();
        let Some(Ok(CommandFrame { acknowledged, word: Word::Attach { run_id, begin } })) = first else {
            return Err(Status::invalid_argument("the first frame of a stream must attach to a run"));
        };
        let key = Key { run_id, certificate };
        let conversation = if begin {
            self.fence(&peer, &key.run_id).await?;
            let _entered = span.enter();
            self.begin(peer, key)?
        } else {
            self.holder.conversation(&key).ok_or_else(|| {
                Status::not_found("no such run here: its lease ran out, or the agent was started anew")
            })?
        };
        let events = UnboundedReceiverStream::new(conversation.attach(frames, acknowledged));
        Ok(Response::new(Box::pin(events.map(|frame| frame.map(Into::into).map_err(Status::failed_precondition)))))
    }
}

impl AgentService {
    /// Ends what is left here of a run that is taken up again. Only who has the run's folder knows its name, and the handshake
    /// has shown that both are of one authority; the one before is gone, or must not go on beside.
    async fn fence(&self, peer: &Peer, run_id: &str) -> Result<(), Status> {
        let Some(before) = self.holder.conversation_of(run_id) else { return Ok(()) };
        tracing::info!(target: "audit", %peer, identity = peer.identity(), "run taken over");
        before.end("the run was taken up again by another controller: it is over here".to_owned());
        let idle = timeout(FENCE_LIMIT, self.holder.idle()).await;
        idle.map_err(|_| Status::resource_exhausted(format!("what is left of the run did not end in {FENCE_LIMIT:?}")))
    }

    /// Takes the agent for a run and starts it.
    fn begin(&self, peer: Peer, key: Key) -> Result<Conversation, Status> {
        let (conversation, RunEnd { commands, events, over }) = Conversation::begin();
        let (hold, terms) = self.admit(&peer, key, conversation.clone()).inspect_err(|refusal| {
            let reason = refusal.message();
            tracing::warn!(target: "audit", %peer, identity = peer.identity(), reason, "run refused");
        })?;
        let stop = self.stop.clone();
        let running = async move {
            let identity = peer.identity();
            tracing::info!(target: "audit", %peer, identity, "run opened");
            let outcome = run::run(terms, &hold, UnboundedReceiverStream::new(commands), events, stop).await;
            // None of its processes is left.
            drop(hold);
            let error = outcome.err().map(|error| error.to_string());
            let why = error.as_deref().unwrap_or("in order");
            tracing::info!(target: "audit", %peer, identity, why, "run closed");
            over.say(error).await;
        };
        tokio::spawn(running.in_current_span());
        Ok(conversation)
    }
}
