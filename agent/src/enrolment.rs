//! Serves enrolment over gRPC: generated messages in and out; the rules are those of [`AgentState`].

use std::sync::Arc;

use rpycbench_certs::enrol::{AgentState, EnrolRefusal};
use rpycbench_proto::pb;
use rpycbench_proto::pb::enrolment_server::Enrolment;
use tonic::{Request, Response, Status};

use crate::accept::Doors;
use crate::audit::Peer;

/// What is behind the enrolment door.
#[derive(Clone, Debug)]
pub struct EnrolmentService {
    state: Arc<AgentState>,
    doors: Arc<Doors>,
}

impl EnrolmentService {
    /// Enrols into `state` and opens the agent's own door as soon as that is done.
    pub fn new(state: Arc<AgentState>, doors: Arc<Doors>) -> Self {
        Self { state, doors }
    }
}

#[tonic::async_trait]
impl Enrolment for EnrolmentService {
    async fn begin(&self, request: Request<pb::BeginRequest>) -> Result<Response<pb::BeginReply>, Status> {
        let peer = Peer::of(&request);
        let pb::BeginRequest { secret, controllers_authority, agents_authority } = request.into_inner();
        let begun = self.state.begin(&secret, &controllers_authority, &agents_authority);
        let (agent, certificate_request) = begun.map_err(|refusal| refused(&peer, refusal))?;
        Ok(Response::new(pb::BeginReply { agent, certificate_request }))
    }

    async fn complete(&self, request: Request<pb::CompleteRequest>) -> Result<Response<pb::CompleteReply>, Status> {
        let peer = Peer::of(&request);
        let pb::CompleteRequest { secret, certificate } = request.into_inner();
        let identity = self.state.complete(&secret, &certificate).map_err(|refusal| refused(&peer, refusal))?;
        self.doors.replace(&identity).map_err(|error| refused(&peer, error.into()))?;
        let now = identity.holder().map(|holder| holder.to_string()).unwrap_or_default();
        tracing::warn!(target: "audit", %peer, now, "enrolled");
        Ok(Response::new(pb::CompleteReply {}))
    }
}

fn refused(peer: &Peer, refusal: EnrolRefusal) -> Status {
    let text = refusal.to_string();
    tracing::warn!(target: "audit", %peer, reason = text, "enrolment refused");
    match refusal {
        EnrolRefusal::NoCode | EnrolRefusal::Expired | EnrolRefusal::NotUnderWay | EnrolRefusal::Overtaken => {
            Status::failed_precondition(text)
        }
        EnrolRefusal::Wrong { .. } | EnrolRefusal::NotMine { .. } | EnrolRefusal::Stranger(_) => {
            Status::permission_denied(text)
        }
        EnrolRefusal::Certificates(_) => Status::invalid_argument(text),
    }
}
