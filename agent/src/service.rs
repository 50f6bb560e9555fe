//! Serves gRPC: generated messages in and out, no logic. One run at a time.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
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

use crate::conversation::{Conversation, RunEnd};
use crate::holder::{Holder, Key};
use crate::{host, run};

/// A stream that has not said by then what it is for is none of a controller's.
const FIRST_FRAME_LIMIT: Duration = Duration::from_secs(5);

/// The gRPC service of one agent.
#[derive(Clone, Debug)]
pub struct AgentService {
    state: PathBuf,
    enrolled: Option<Arc<AgentState>>,
    facts: Arc<HostFacts>,
    stop: CancellationToken,
    holder: Holder,
}

impl AgentService {
    /// An idle agent that keeps its environments in `state` and ends its run at `stop`. `enrolled` is where its identity is
    /// kept, if it has one of its own.
    pub fn new(state: PathBuf, enrolled: Option<Arc<AgentState>>, stop: CancellationToken) -> Self {
        Self { state, enrolled, facts: Arc::new(host::facts()), stop, holder: Holder::default() }
    }

    fn certificate(&self) -> Option<CertificateState> {
        let validity = match self.enrolled.as_ref()?.validity() {
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

    type RunStream = Pin<Box<dyn Stream<Item = Result<pb::EventFrame, Status>> + Send>>;

    async fn run(&self, request: Request<Streaming<pb::CommandFrame>>) -> Result<Response<Self::RunStream>, Status> {
        let peer = request.remote_addr().map_or_else(|| "an unknown peer".to_owned(), |peer| peer.to_string());
        let certificate = request.peer_certs().and_then(|chain| Some(chain.first()?.to_vec())).unwrap_or_default();
        let span = tracing::info_span!(target: "rpycbench", "agent run", %peer);
        rpycbench_process::propagate::adopt(&span, request.metadata());

        let mut frames = request.into_inner().map(|frame| {
            frame
                .map_err(|status| status.message().to_owned())
                .and_then(|frame| CommandFrame::try_from(frame).map_err(|error| error.to_string()))
        });
        let first = timeout(FIRST_FRAME_LIMIT, frames.next()).await.ok().flatten();
        let Some(Ok(CommandFrame { acknowledged, word: Word::Attach { run_id, begin } })) = first else {
            return Err(Status::invalid_argument("the first frame of a stream must attach to a run"));
        };
        let conversation = if begin {
            let _entered = span.enter();
            self.begin(peer, Key { run_id, certificate })?
        } else {
            self.holder.conversation(&Key { run_id, certificate }).ok_or_else(|| {
                Status::not_found("no such run here: its lease ran out, or the agent was started anew")
            })?
        };
        let events = UnboundedReceiverStream::new(conversation.attach(frames, acknowledged));
        Ok(Response::new(Box::pin(events.map(|frame| frame.map(Into::into).map_err(Status::failed_precondition)))))
    }
}

impl AgentService {
    /// Takes the agent for a run and starts it.
    fn begin(&self, peer: String, key: Key) -> Result<Conversation, Status> {
        let (conversation, RunEnd { commands, events, over }) = Conversation::begin();
        let hold = self
            .holder
            .take(peer, key, conversation.clone())
            .map_err(|by| Status::resource_exhausted(format!("it is busy with {by}; run again when it is free")))?;
        let (state, stop) = (self.state.clone(), self.stop.clone());
        let running = async move {
            let outcome = run::run(state, &hold, UnboundedReceiverStream::new(commands), events, stop).await;
            // None of its processes is left.
            drop(hold);
            let error = outcome.err().map(|error| error.to_string());
            if let Some(error) = &error {
                tracing::warn!(%error, "the run ended");
            }
            over.say(error).await;
        };
        tokio::spawn(running.in_current_span());
        Ok(conversation)
    }
}
