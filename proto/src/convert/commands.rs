//! Commands.

use std::net::SocketAddr;
use std::time::Duration;

use super::model::{placement, stack, stamping};
use super::samples::stream;
use super::{InvalidMessage, address, missing, nonce, port, ports, run_id, widened};
use crate::message::{Command, Open};
use crate::pb;

impl From<Command> for pb::Command {
    fn from(command: Command) -> Self {
        use pb::command::Kind;
        let kind = match command {
            Command::Open(Open { protocol, run_id, study, controller, expected }) => {
                let expected_ns = expected.as_nanos().try_into().unwrap_or(u64::MAX);
                Kind::Open(pb::Open { protocol, run_id, study, controller, expected_ns })
            }
            Command::Prepare { stacks } => Kind::Prepare(pb::Prepare {
                stacks: stacks.into_iter().map(|stack| pb::Stack::from(stack).into()).collect(),
            }),
            Command::Echo { address, nonce } => {
                Kind::Echo(pb::Echo { address: address.to_string(), nonce: nonce.into() })
            }
            Command::Ping { target, count, consent } => {
                let (address, port) = (target.ip().to_string(), target.port().into());
                Kind::Ping(pb::Ping { address, port, count, consent: consent.map(Into::into) })
            }
            Command::Listen { address, ports, nonce } => {
                Kind::Listen(pb::Listen { address: address.to_string(), ports: widened(ports), nonce: nonce.into() })
            }
            Command::Reach { address, ports, consent } => {
                let (address, ports) = (address.to_string(), widened(ports));
                Kind::Reach(pb::Reach { address, ports, consent: consent.map(Into::into) })
            }
            Command::Serve { cell, server, address, placement, name, attempt, stamping } => Kind::Serve(pb::Serve {
                cell,
                server: Some(server.into()),
                address: address.to_string(),
                placement: pb::Placement::from(placement).into(),
                name: Some(name.into()),
                attempt,
                stamping: stamping.map(Into::into),
            }),
            Command::Arm { cell, stack, workload, placement, name, attempt, stamped } => Kind::Arm(pb::Arm {
                cell,
                stack: pb::Stack::from(stack).into(),
                workload: Some(workload.into()),
                placement: pb::Placement::from(placement).into(),
                name: Some(name.into()),
                attempt,
                stamped,
            }),
            Command::Agree { cell, nonce } => Kind::Agree(pb::Agree { cell, nonce: nonce.into() }),
            Command::Drive { cell, target, consent } => {
                let (address, port) = (target.ip().to_string(), target.port().into());
                Kind::Drive(pb::Drive { cell, address, port, consent: consent.map(Into::into) })
            }
            Command::Stop { cell } => Kind::Stop(pb::Stop { cell }),
            Command::Collect => Kind::Collect(pb::Collect {}),
            Command::HandOver { cell, stream } => Kind::HandOver(pb::HandOver { cell, stream: Some(stream.into()) }),
            Command::Stored { stream } => Kind::Stored(pb::Stored { stream: Some(stream.into()) }),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<pb::Command> for Command {
    type Error = InvalidMessage;

    fn try_from(command: pb::Command) -> Result<Self, InvalidMessage> {
        use pb::command::Kind;
        Ok(match command.kind.ok_or_else(|| missing("command.kind"))? {
            Kind::Open(pb::Open { protocol, run_id, study, controller, expected_ns }) => {
                let (run_id, expected) = (self::run_id(run_id)?, Duration::from_nanos(expected_ns));
                Self::Open(Open { protocol, run_id, study, controller, expected })
            }
            Kind::Prepare(prepare) => {
                Self::Prepare { stacks: prepare.stacks.into_iter().map(stack).collect::<Result<_, _>>()? }
            }
            Kind::Echo(echo) => {
                Self::Echo { address: address("echo.address", &echo.address)?, nonce: nonce("echo.nonce", echo.nonce)? }
            }
            Kind::Ping(ping) => Self::Ping {
                target: SocketAddr::new(address("ping.address", &ping.address)?, port("ping.port", ping.port)?),
                count: ping.count,
                consent: ping.consent.map(Into::into),
            },
            Kind::Listen(listen) => Self::Listen {
                address: address("listen.address", &listen.address)?,
                ports: ports("listen.ports", listen.ports)?,
                nonce: nonce("listen.nonce", listen.nonce)?,
            },
            Kind::Reach(reach) => Self::Reach {
                address: address("reach.address", &reach.address)?,
                ports: ports("reach.ports", reach.ports)?,
                consent: reach.consent.map(Into::into),
            },
            Kind::Serve(serve) => Self::Serve {
                cell: serve.cell,
                server: serve.server.ok_or_else(|| missing("serve.server"))?.try_into()?,
                address: address("serve.address", &serve.address)?,
                placement: placement(serve.placement)?,
                name: serve.name.unwrap_or_default().into(),
                attempt: serve.attempt,
                stamping: serve.stamping.map(stamping).transpose()?,
            },
            Kind::Arm(arm) => Self::Arm {
                cell: arm.cell,
                stack: stack(arm.stack)?,
                workload: arm.workload.ok_or_else(|| missing("arm.workload"))?.try_into()?,
                placement: placement(arm.placement)?,
                name: arm.name.unwrap_or_default().into(),
                attempt: arm.attempt,
                stamped: arm.stamped,
            },
            Kind::Agree(agree) => Self::Agree { cell: agree.cell, nonce: nonce("agree.nonce", agree.nonce)? },
            Kind::Drive(drive) => Self::Drive {
                cell: drive.cell,
                target: SocketAddr::new(address("drive.address", &drive.address)?, port("drive.port", drive.port)?),
                consent: drive.consent.map(Into::into),
            },
            Kind::Stop(pb::Stop { cell }) => Self::Stop { cell },
            Kind::Collect(pb::Collect {}) => Self::Collect,
            Kind::HandOver(pb::HandOver { cell, stream: of }) => {
                Self::HandOver { cell, stream: stream("hand_over.stream", of)? }
            }
            Kind::Stored(pb::Stored { stream: of }) => Self::Stored { stream: stream("stored.stream", of)? },
        })
    }
}
