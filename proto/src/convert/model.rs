//! The model of a measurement.

use std::num::NonZeroU16;

use rpycbench_measure::{
    Call, ClientModel, FlaskMode, Placement, RpycMode, Server, ServerKind, Stack, Stamping, Workload,
};

use super::{InvalidMessage, missing, port, unknown};
use crate::pb;

impl From<Stack> for pb::Stack {
    fn from(stack: Stack) -> Self {
        match stack {
            Stack::Rpyc => Self::Rpyc,
            Stack::Http => Self::Http,
        }
    }
}

pub(super) fn stack(value: i32) -> Result<Stack, InvalidMessage> {
    match pb::Stack::try_from(value) {
        Ok(pb::Stack::Rpyc) => Ok(Stack::Rpyc),
        Ok(pb::Stack::Http) => Ok(Stack::Http),
        Ok(pb::Stack::Unspecified) | Err(_) => Err(unknown("stack", value)),
    }
}

impl From<Placement> for pb::Placement {
    fn from(placement: Placement) -> Self {
        match placement {
            Placement::Separate => Self::Separate,
            Placement::Same => Self::Same,
            Placement::Free => Self::Free,
        }
    }
}

pub(super) fn placement(value: i32) -> Result<Placement, InvalidMessage> {
    match pb::Placement::try_from(value) {
        Ok(pb::Placement::Separate) => Ok(Placement::Separate),
        Ok(pb::Placement::Same) => Ok(Placement::Same),
        Ok(pb::Placement::Free) => Ok(Placement::Free),
        Ok(pb::Placement::Unspecified) | Err(_) => Err(unknown("placement", value)),
    }
}

impl From<Server> for pb::Server {
    fn from(server: Server) -> Self {
        use pb::server::Kind;
        let kind = match server.kind {
            ServerKind::Rpyc(mode) => Kind::Rpyc(pb::RpycServer {
                mode: match mode {
                    RpycMode::Threaded => pb::RpycMode::Threaded,
                    RpycMode::Forking => pb::RpycMode::Forking,
                }
                .into(),
            }),
            ServerKind::Flask(FlaskMode::Threaded) => {
                Kind::Flask(pb::FlaskServer { mode: pb::FlaskMode::Threaded.into() })
            }
        };
        Self { kind: Some(kind), port: server.port.map_or(0, |port| port.get().into()) }
    }
}

impl TryFrom<pb::Server> for Server {
    type Error = InvalidMessage;

    fn try_from(server: pb::Server) -> Result<Self, InvalidMessage> {
        use pb::server::Kind;
        let kind = match server.kind.ok_or_else(|| missing("server.kind"))? {
            Kind::Rpyc(pb::RpycServer { mode }) => ServerKind::Rpyc(match pb::RpycMode::try_from(mode) {
                Ok(pb::RpycMode::Threaded) => RpycMode::Threaded,
                Ok(pb::RpycMode::Forking) => RpycMode::Forking,
                Ok(pb::RpycMode::Unspecified) | Err(_) => return Err(unknown("server.rpyc.mode", mode)),
            }),
            Kind::Flask(pb::FlaskServer { mode }) => ServerKind::Flask(match pb::FlaskMode::try_from(mode) {
                Ok(pb::FlaskMode::Threaded) => FlaskMode::Threaded,
                Ok(pb::FlaskMode::Unspecified) | Err(_) => return Err(unknown("server.flask.mode", mode)),
            }),
        };
        Ok(Self { kind, port: NonZeroU16::new(port("server.port", server.port)?) })
    }
}

impl From<Stamping> for pb::Stamping {
    fn from(Stamping { connections, each }: Stamping) -> Self {
        Self { connections, each }
    }
}

pub(super) fn stamping(pb::Stamping { connections, each }: pb::Stamping) -> Result<Stamping, InvalidMessage> {
    let sound = |count: &u32| (1..=Stamping::MOST).contains(count);
    match [connections, each].iter().find(|count| !sound(count)) {
        None => Ok(Stamping { connections, each }),
        Some(count) => {
            let rule = format!("has counts from 1 to {}, found {count}", Stamping::MOST);
            Err(InvalidMessage::new("serve.stamping", rule))
        }
    }
}

impl From<Workload> for pb::Workload {
    fn from(workload: Workload) -> Self {
        use pb::workload::Kind;
        let kind = match workload {
            Workload::Connect { count, warmup } => Kind::Connect(pb::Connect { count, warmup }),
            Workload::Closed { clients, requests, warmup, client_model, call } => Kind::Closed(pb::Closed {
                clients,
                requests,
                warmup,
                client_model: match client_model {
                    ClientModel::Threads => pb::ClientModel::Threads,
                    ClientModel::Processes => pb::ClientModel::Processes,
                }
                .into(),
                call: match call {
                    Call::Attribute => pb::Call::Attribute,
                    Call::Bound => pb::Call::Bound,
                }
                .into(),
            }),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<pb::Workload> for Workload {
    type Error = InvalidMessage;

    fn try_from(workload: pb::Workload) -> Result<Self, InvalidMessage> {
        use pb::workload::Kind;
        Ok(match workload.kind.ok_or_else(|| missing("workload.kind"))? {
            Kind::Connect(pb::Connect { count, warmup }) => Self::Connect { count, warmup },
            Kind::Closed(closed) => Self::Closed {
                clients: closed.clients,
                requests: closed.requests,
                warmup: closed.warmup,
                client_model: match pb::ClientModel::try_from(closed.client_model) {
                    Ok(pb::ClientModel::Threads) => ClientModel::Threads,
                    Ok(pb::ClientModel::Processes) => ClientModel::Processes,
                    Ok(pb::ClientModel::Unspecified) | Err(_) => {
                        return Err(unknown("closed.client_model", closed.client_model));
                    }
                },
                call: match pb::Call::try_from(closed.call) {
                    Ok(pb::Call::Attribute) => Call::Attribute,
                    Ok(pb::Call::Bound) => Call::Bound,
                    Ok(pb::Call::Unspecified) | Err(_) => return Err(unknown("closed.call", closed.call)),
                },
            },
        })
    }
}
