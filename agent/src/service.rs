//! Serves gRPC: generated messages in and out, no logic. One run at a time.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use jiff::Timestamp;
use rpycbench_certs::enrol::AgentState;
use rpycbench_proto::message::{CertificateState, HostFacts};
use rpycbench_proto::{Command, PROTOCOL, pb};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument;

use crate::confinement::Confinement;
use crate::holder::Holder;
use crate::{host, run};

/// Events on their way to the controller. A controller that does not read holds up the reports, never the load.
const EVENT_QUEUE: usize = 16;

/// The gRPC service of one agent.
#[derive(Clone, Debug)]
pub struct AgentService {
    state: PathBuf,
    enrolled: Option<Arc<AgentState>>,
    confinement: Confinement,
    facts: Arc<HostFacts>,
    stop: CancellationToken,
    holder: Holder,
}

impl AgentService {
    /// An idle agent that keeps its environments in `state` and ends its run at `stop`. `enrolled` is where its identity is
    /// kept, if it has one of its own.
    pub fn new(
        state: PathBuf,
        enrolled: Option<Arc<AgentState>>,
        confinement: Confinement,
        stop: CancellationToken,
    ) -> Self {
        let facts = HostFacts { confinement: confinement.facts(), ..host::facts() };
        Self { state, enrolled, confinement, facts: Arc::new(facts), stop, holder: Holder::default() }
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

    type RunStream = Pin<Box<dyn Stream<Item = Result<pb::Event, Status>> + Send>>;

    async fn run(&self, request: Request<Streaming<pb::Command>>) -> Result<Response<Self::RunStream>, Status> {
        let peer = request.remote_addr().map_or_else(|| "an unknown peer".to_owned(), |peer| peer.to_string());
        let hold = self
            .holder
            .take(peer.clone())
            .map_err(|by| Status::resource_exhausted(format!("it is busy with {by}; run again when it is free")))?;
        let span = tracing::info_span!(target: "rpycbench", "agent run", %peer);
        rpycbench_process::propagate::adopt(&span, request.metadata());

        let (events, outgoing) = mpsc::channel(EVENT_QUEUE);
        let (failure, failed) = mpsc::channel::<Status>(1);
        let commands = request.into_inner().map(|command| {
            command
                .map_err(|status| status.message().to_owned())
                .and_then(|command| Command::try_from(command).map_err(|error| error.to_string()))
        });
        let (state, confinement, stop) = (self.state.clone(), self.confinement.clone(), self.stop.clone());
        let running = async move {
            if let Err(error) = run::run(state, confinement, &hold, commands, events, stop).await {
                tracing::warn!(%error, "the run ended");
                // Refused only when the controller is gone, who then does not care.
                drop(failure.send(Status::failed_precondition(error.to_string())).await);
            }
            drop(hold);
        };
        tokio::spawn(running.instrument(span));
        let events = ReceiverStream::new(outgoing).map(|event| Ok(pb::Event::from(event)));
        let failed = ReceiverStream::new(failed).map(Err);
        Ok(Response::new(Box::pin(events.chain(failed))))
    }
}
