//! Serves renewal over gRPC: generated messages in and out; the rules are those of [`AgentState`].

use std::sync::Arc;

use rpycbench_certs::enrol::{AgentState, RenewalRefusal};
use rpycbench_proto::pb;
use rpycbench_proto::pb::renewal_server::Renewal;
use tonic::{Request, Response, Status};

use crate::accept::Doors;
use crate::audit::Peer;

/// The next certificate of an agent that is enrolled.
#[derive(Clone, Debug)]
pub struct RenewalService {
    state: Arc<AgentState>,
    doors: Arc<Doors>,
}

impl RenewalService {
    /// Keeps new keys in `state` and shows their certificates from the next connection on.
    pub fn new(state: Arc<AgentState>, doors: Arc<Doors>) -> Self {
        Self { state, doors }
    }
}

#[tonic::async_trait]
impl Renewal for RenewalService {
    async fn begin(
        &self,
        request: Request<pb::BeginRenewalRequest>,
    ) -> Result<Response<pb::BeginRenewalReply>, Status> {
        let peer = Peer::of(&request);
        let certificate_request = self.state.begin_renewal().map_err(|refusal| refused(&peer, &refusal))?;
        Ok(Response::new(pb::BeginRenewalReply { certificate_request }))
    }

    async fn complete(
        &self,
        request: Request<pb::CompleteRenewalRequest>,
    ) -> Result<Response<pb::CompleteRenewalReply>, Status> {
        let peer = Peer::of(&request);
        let pb::CompleteRenewalRequest { certificate } = request.into_inner();
        let identity = self.state.complete_renewal(&certificate).map_err(|refusal| refused(&peer, &refusal))?;
        self.doors.replace(&identity).map_err(|error| refused(&peer, &error.into()))?;
        tracing::warn!(target: "audit", %peer, identity = peer.identity(), "certificate renewed");
        Ok(Response::new(pb::CompleteRenewalReply {}))
    }
}

fn refused(peer: &Peer, refusal: &RenewalRefusal) -> Status {
    let text = refusal.to_string();
    tracing::warn!(target: "audit", %peer, identity = peer.identity(), %refusal, "a new certificate was refused");
    match refusal {
        RenewalRefusal::NotEnrolled | RenewalRefusal::Expired | RenewalRefusal::NotUnderWay => {
            Status::failed_precondition(text)
        }
        RenewalRefusal::AnotherHolder { .. } | RenewalRefusal::NoLonger => Status::permission_denied(text),
        RenewalRefusal::Certificates(_) => Status::invalid_argument(text),
    }
}
