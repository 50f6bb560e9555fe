//! Between generated messages and checked types: `From` on the way out cannot fail, `TryFrom` on the way in names the
//! field that is wrong.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::time::Duration;

use rpycbench_measure::columns::{delta_decode, delta_encode};
use rpycbench_measure::histogram::HistogramParts;
use rpycbench_measure::{
    Call, ClientModel, Confinement, FlaskMode, Placement, RpycMode, Samples, Server, ServerKind, Stack, Workload,
};

use crate::message::{
    CellName, CertificateState, Command, ConfinementFacts, Driven, Event, Exit, Failure, HostFacts, Link, Measure,
    Open, Pinned, PythonFacts,
};
use crate::pb;

/// A message of the other side that makes no sense.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("invalid message: {field} {reason}")]
pub struct InvalidMessage {
    field: &'static str,
    reason: String,
}

impl InvalidMessage {
    fn new(field: &'static str, reason: impl Into<String>) -> Self {
        Self { field, reason: reason.into() }
    }
}

fn missing(field: &'static str) -> InvalidMessage {
    InvalidMessage::new(field, "is missing")
}

fn unknown(field: &'static str, value: i32) -> InvalidMessage {
    InvalidMessage::new(field, format!("has the unknown value {value}"))
}

fn address(field: &'static str, text: &str) -> Result<IpAddr, InvalidMessage> {
    text.parse().map_err(|_| InvalidMessage::new(field, format!("is not a numeric address: {text:?}")))
}

fn port(field: &'static str, value: u32) -> Result<u16, InvalidMessage> {
    u16::try_from(value).map_err(|_| InvalidMessage::new(field, format!("is not a port: {value}")))
}

fn ports(field: &'static str, values: Vec<u32>) -> Result<Vec<u16>, InvalidMessage> {
    values.into_iter().map(|value| port(field, value)).collect()
}

fn widened(ports: Vec<u16>) -> Vec<u32> {
    ports.into_iter().map(u32::from).collect()
}

// === commands

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
            Command::Echo { address } => Kind::Echo(pb::Echo { address: address.to_string() }),
            Command::Ping { target, count } => {
                Kind::Ping(pb::Ping { address: target.ip().to_string(), port: target.port().into(), count })
            }
            Command::Listen { address, ports } => {
                Kind::Listen(pb::Listen { address: address.to_string(), ports: widened(ports) })
            }
            Command::Reach { address, ports } => {
                Kind::Reach(pb::Reach { address: address.to_string(), ports: widened(ports) })
            }
            Command::Serve { cell, server, address, placement, name } => Kind::Serve(pb::Serve {
                cell,
                server: Some(server.into()),
                address: address.to_string(),
                placement: pb::Placement::from(placement).into(),
                name: Some(name.into()),
            }),
            Command::Arm { cell, stack, workload, placement, name } => Kind::Arm(pb::Arm {
                cell,
                stack: pb::Stack::from(stack).into(),
                workload: Some(workload.into()),
                placement: pb::Placement::from(placement).into(),
                name: Some(name.into()),
            }),
            Command::Drive { cell, target } => {
                Kind::Drive(pb::Drive { cell, address: target.ip().to_string(), port: target.port().into() })
            }
            Command::Stop { cell } => Kind::Stop(pb::Stop { cell }),
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
                let expected = Duration::from_nanos(expected_ns);
                Self::Open(Open { protocol, run_id, study, controller, expected })
            }
            Kind::Prepare(prepare) => {
                Self::Prepare { stacks: prepare.stacks.into_iter().map(stack).collect::<Result<_, _>>()? }
            }
            Kind::Echo(echo) => Self::Echo { address: address("echo.address", &echo.address)? },
            Kind::Ping(ping) => Self::Ping {
                target: SocketAddr::new(address("ping.address", &ping.address)?, port("ping.port", ping.port)?),
                count: ping.count,
            },
            Kind::Listen(pb::Listen { address: on, ports: list }) => {
                Self::Listen { address: address("listen.address", &on)?, ports: ports("listen.ports", list)? }
            }
            Kind::Reach(pb::Reach { address: at, ports: list }) => {
                Self::Reach { address: address("reach.address", &at)?, ports: ports("reach.ports", list)? }
            }
            Kind::Serve(serve) => Self::Serve {
                cell: serve.cell,
                server: serve.server.ok_or_else(|| missing("serve.server"))?.try_into()?,
                address: address("serve.address", &serve.address)?,
                placement: placement(serve.placement)?,
                name: serve.name.unwrap_or_default().into(),
            },
            Kind::Arm(arm) => Self::Arm {
                cell: arm.cell,
                stack: stack(arm.stack)?,
                workload: arm.workload.ok_or_else(|| missing("arm.workload"))?.try_into()?,
                placement: placement(arm.placement)?,
                name: arm.name.unwrap_or_default().into(),
            },
            Kind::Drive(drive) => Self::Drive {
                cell: drive.cell,
                target: SocketAddr::new(address("drive.address", &drive.address)?, port("drive.port", drive.port)?),
            },
            Kind::Stop(pb::Stop { cell }) => Self::Stop { cell },
        })
    }
}

// === events

impl From<Event> for pb::Event {
    fn from(event: Event) -> Self {
        use pb::event::Kind;
        let kind = match event {
            Event::Opened { epoch_ns } => Kind::Opened(pb::Opened { epoch_ns }),
            Event::Preparing { what, done, total } => Kind::Preparing(pb::Preparing { what, done, total }),
            Event::Prepared(facts) => Kind::Prepared(facts.into()),
            Event::Echoing { address, link } => Kind::Echoing(pb::Echoing {
                address: address.ip().to_string(),
                port: address.port().into(),
                link: Some(link.into()),
            }),
            Event::Pinged { target, round_trip_ns, lost, link } => Kind::Pinged(pb::Pinged {
                address: target.ip().to_string(),
                port: target.port().into(),
                round_trip_ns,
                lost,
                link: Some(link.into()),
            }),
            Event::Listening { address, ports } => {
                Kind::Listening(pb::Listening { address: address.to_string(), ports: widened(ports) })
            }
            Event::Reached => Kind::Reached(pb::Reached {}),
            Event::Serving { cell, address, pinned, startup_ns } => Kind::Serving(pb::Serving {
                cell,
                address: address.ip().to_string(),
                port: address.port().into(),
                pinned: Some(pinned.into()),
                startup_ns,
            }),
            Event::Armed { cell, pinned } => Kind::Armed(pb::Armed { cell, pinned: Some(pinned.into()) }),
            Event::Progress { cell, done, failed, histogram } => Kind::Progress(pb::Progress {
                cell,
                done,
                failed,
                histogram: histogram.v2,
                below: histogram.below,
                above: histogram.above,
                largest_ns: histogram.largest,
            }),
            Event::Samples { cell, batch, samples } => Kind::Samples(samples_to_pb(cell, batch, samples)),
            Event::Driven(driven) => Kind::Driven(pb::Driven {
                cell: driven.cell,
                samples: driven.samples,
                batches: driven.batches,
                failed: driven.failed,
                expected: driven.expected,
                round_trips_per_call: driven.round_trips_per_call,
                connections_opened: driven.connections_opened,
            }),
            Event::Stopped { cell, server, driver } => {
                Kind::Stopped(pb::Stopped { cell, server: server.map(Into::into), driver: driver.map(Into::into) })
            }
            Event::Failed(Failure { cell, phase, reason, exit }) => {
                Kind::Failed(pb::Failed { cell, phase, reason, exit: exit.map(Into::into) })
            }
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<pb::Event> for Event {
    type Error = InvalidMessage;

    fn try_from(event: pb::Event) -> Result<Self, InvalidMessage> {
        use pb::event::Kind;
        Ok(match event.kind.ok_or_else(|| missing("event.kind"))? {
            Kind::Opened(pb::Opened { epoch_ns }) => Self::Opened { epoch_ns },
            Kind::Preparing(pb::Preparing { what, done, total }) => Self::Preparing { what, done, total },
            Kind::Prepared(facts) => Self::Prepared(facts.into()),
            Kind::Echoing(echoing) => Self::Echoing {
                address: SocketAddr::new(
                    address("echoing.address", &echoing.address)?,
                    port("echoing.port", echoing.port)?,
                ),
                link: echoing.link.unwrap_or_default().into(),
            },
            Kind::Pinged(pinged) => Self::Pinged {
                target: SocketAddr::new(address("pinged.address", &pinged.address)?, port("pinged.port", pinged.port)?),
                round_trip_ns: pinged.round_trip_ns,
                lost: pinged.lost,
                link: pinged.link.unwrap_or_default().into(),
            },
            Kind::Listening(pb::Listening { address: on, ports: list }) => {
                Self::Listening { address: address("listening.address", &on)?, ports: ports("listening.ports", list)? }
            }
            Kind::Reached(pb::Reached {}) => Self::Reached,
            Kind::Serving(serving) => Self::Serving {
                cell: serving.cell,
                address: SocketAddr::new(
                    address("serving.address", &serving.address)?,
                    port("serving.port", serving.port)?,
                ),
                pinned: serving.pinned.unwrap_or_default().into(),
                startup_ns: serving.startup_ns,
            },
            Kind::Armed(armed) => Self::Armed { cell: armed.cell, pinned: armed.pinned.unwrap_or_default().into() },
            Kind::Progress(progress) => Self::Progress {
                cell: progress.cell,
                done: progress.done,
                failed: progress.failed,
                histogram: HistogramParts {
                    v2: progress.histogram,
                    below: progress.below,
                    above: progress.above,
                    largest: progress.largest_ns,
                },
            },
            Kind::Samples(samples) => {
                Self::Samples { cell: samples.cell, batch: samples.batch, samples: samples_from_pb(samples)? }
            }
            Kind::Driven(driven) => Self::Driven(Driven {
                cell: driven.cell,
                samples: driven.samples,
                batches: driven.batches,
                failed: driven.failed,
                expected: driven.expected,
                round_trips_per_call: driven.round_trips_per_call,
                connections_opened: driven.connections_opened,
            }),
            Kind::Stopped(stopped) => Self::Stopped {
                cell: stopped.cell,
                server: stopped.server.map(Into::into),
                driver: stopped.driver.map(Into::into),
            },
            Kind::Failed(pb::Failed { cell, phase, reason, exit }) => {
                Self::Failed(Failure { cell, phase, reason, exit: exit.map(Into::into) })
            }
        })
    }
}

// === samples

fn samples_to_pb(cell: u32, batch: u64, samples: Samples) -> pb::Samples {
    let duration_ns =
        samples.end_ns.iter().zip(&samples.start_ns).map(|(end, start)| end.wrapping_sub(*start)).collect();
    pb::Samples {
        cell,
        batch,
        client_delta: delta_encode(samples.client.into_iter().map(i64::from)),
        seq_delta: delta_encode(samples.seq.into_iter().map(i64::from)),
        start_ns_delta: delta_encode(samples.start_ns),
        duration_ns,
        error: if samples.error.iter().all(|&error| error == 0) { Vec::new() } else { samples.error },
        errors: samples.errors,
        bytes_out_delta: delta_encode(samples.bytes_out),
        bytes_in_delta: delta_encode(samples.bytes_in),
        tcp_ns: Some(nullable_to_pb(&samples.tcp_ns)),
        handshake_ns: Some(nullable_to_pb(&samples.handshake_ns)),
    }
}

fn samples_from_pb(samples: pb::Samples) -> Result<Samples, InvalidMessage> {
    let start_ns = delta_decode(samples.start_ns_delta);
    let rows = start_ns.len();
    let decoded = Samples {
        client: unsigned("samples.client_delta", delta_decode(samples.client_delta))?,
        seq: unsigned("samples.seq_delta", delta_decode(samples.seq_delta))?,
        end_ns: samples.duration_ns.iter().zip(&start_ns).map(|(length, start)| start.wrapping_add(*length)).collect(),
        start_ns,
        error: if samples.error.is_empty() { vec![0; rows] } else { samples.error },
        errors: samples.errors,
        bytes_out: delta_decode(samples.bytes_out_delta),
        bytes_in: delta_decode(samples.bytes_in_delta),
        tcp_ns: nullable_from_pb("samples.tcp_ns", samples.tcp_ns)?,
        handshake_ns: nullable_from_pb("samples.handshake_ns", samples.handshake_ns)?,
    };
    if samples.duration_ns.len() != rows || !decoded.is_rectangular() {
        return Err(InvalidMessage::new("samples", format!("has columns of unequal length, {rows} rows in start_ns")));
    }
    Ok(decoded)
}

fn unsigned(field: &'static str, values: Vec<i64>) -> Result<Vec<u32>, InvalidMessage> {
    values
        .into_iter()
        .map(|value| u32::try_from(value).map_err(|_| InvalidMessage::new(field, format!("has the value {value}"))))
        .collect()
}

fn nullable_to_pb(column: &[Option<i64>]) -> pb::NullableColumn {
    if column.iter().all(Option::is_none) {
        return pb::NullableColumn::default();
    }
    pb::NullableColumn {
        present: column.iter().map(Option::is_some).collect(),
        values: column.iter().flatten().copied().collect(),
    }
}

fn nullable_from_pb(
    field: &'static str,
    column: Option<pb::NullableColumn>,
) -> Result<Vec<Option<i64>>, InvalidMessage> {
    let pb::NullableColumn { present, values } = column.unwrap_or_default();
    if present.iter().filter(|&&present| present).count() != values.len() {
        return Err(InvalidMessage::new(field, "has another number of values than it says"));
    }
    let mut values = values.into_iter();
    Ok(present.into_iter().map(|present| if present { values.next() } else { None }).collect())
}

// === the model of a measurement

impl From<Stack> for pb::Stack {
    fn from(stack: Stack) -> Self {
        match stack {
            Stack::Rpyc => Self::Rpyc,
            Stack::Http => Self::Http,
        }
    }
}

fn stack(value: i32) -> Result<Stack, InvalidMessage> {
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

fn placement(value: i32) -> Result<Placement, InvalidMessage> {
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

// === facts: field for field

impl From<HostFacts> for pb::HostFacts {
    fn from(facts: HostFacts) -> Self {
        let HostFacts {
            hostname,
            os,
            kernel,
            arch,
            cpu_model,
            logical_cpus,
            physical_cores,
            memory_bytes,
            virtualization,
            confinement,
        } = facts;
        Self {
            hostname,
            os,
            kernel,
            arch,
            cpu_model,
            logical_cpus,
            physical_cores,
            memory_bytes,
            virtualization,
            confinement: Some(confinement.into()),
        }
    }
}

impl From<pb::HostFacts> for HostFacts {
    fn from(facts: pb::HostFacts) -> Self {
        let pb::HostFacts {
            hostname,
            os,
            kernel,
            arch,
            cpu_model,
            logical_cpus,
            physical_cores,
            memory_bytes,
            virtualization,
            confinement,
        } = facts;
        Self {
            hostname,
            os,
            kernel,
            arch,
            cpu_model,
            logical_cpus,
            physical_cores,
            memory_bytes,
            virtualization,
            confinement: confinement.map(Into::into).unwrap_or_default(),
        }
    }
}

impl From<ConfinementFacts> for pb::Confinement {
    fn from(ConfinementFacts { level, measures }: ConfinementFacts) -> Self {
        let level = match level {
            Confinement::None => pb::ConfinementLevel::None,
            Confinement::Rlimits => pb::ConfinementLevel::Rlimits,
            Confinement::Partial => pb::ConfinementLevel::Partial,
            Confinement::Full => pb::ConfinementLevel::Full,
        };
        let measures =
            measures.into_iter().map(|Measure { name, in_force, detail }| pb::Measure { name, in_force, detail });
        Self { level: level.into(), measures: measures.collect() }
    }
}

impl From<pb::Confinement> for ConfinementFacts {
    fn from(facts: pb::Confinement) -> Self {
        // A level this side does not know is none that it can vouch for.
        let level = match facts.level() {
            pb::ConfinementLevel::Unspecified | pb::ConfinementLevel::None => Confinement::None,
            pb::ConfinementLevel::Rlimits => Confinement::Rlimits,
            pb::ConfinementLevel::Partial => Confinement::Partial,
            pb::ConfinementLevel::Full => Confinement::Full,
        };
        let measures = facts.measures.into_iter();
        let measures = measures.map(|pb::Measure { name, in_force, detail }| Measure { name, in_force, detail });
        Self { level, measures: measures.collect() }
    }
}

impl From<CertificateState> for pb::CertificateState {
    fn from(state: CertificateState) -> Self {
        let CertificateState { not_before_unix_s, not_after_unix_s, renewal_due } = state;
        Self { not_before_unix_s, not_after_unix_s, renewal_due }
    }
}

impl From<pb::CertificateState> for CertificateState {
    fn from(state: pb::CertificateState) -> Self {
        let pb::CertificateState { not_before_unix_s, not_after_unix_s, renewal_due } = state;
        Self { not_before_unix_s, not_after_unix_s, renewal_due }
    }
}

impl From<PythonFacts> for pb::Prepared {
    fn from(facts: PythonFacts) -> Self {
        let PythonFacts { python, implementation, packages, built } = facts;
        Self { python, implementation, packages: packages.into_iter().collect(), built }
    }
}

impl From<pb::Prepared> for PythonFacts {
    fn from(facts: pb::Prepared) -> Self {
        let pb::Prepared { python, implementation, packages, built } = facts;
        Self { python, implementation, packages: packages.into_iter().collect(), built }
    }
}

impl From<CellName> for pb::CellName {
    fn from(CellName { topology, server, workload, block }: CellName) -> Self {
        Self { topology, server, workload, block }
    }
}

impl From<pb::CellName> for CellName {
    fn from(pb::CellName { topology, server, workload, block }: pb::CellName) -> Self {
        Self { topology, server, workload, block }
    }
}

impl From<Link> for pb::Link {
    fn from(link: Link) -> Self {
        let Link { interface, kind, driver, mtu, speed_mbit_s, note } = link;
        Self { interface, kind, driver, mtu, speed_mbit_s, note }
    }
}

impl From<pb::Link> for Link {
    fn from(link: pb::Link) -> Self {
        let pb::Link { interface, kind, driver, mtu, speed_mbit_s, note } = link;
        Self { interface, kind, driver, mtu, speed_mbit_s, note }
    }
}

impl From<Pinned> for pb::Pinned {
    fn from(Pinned { cpus, note }: Pinned) -> Self {
        Self { cpus, note }
    }
}

impl From<pb::Pinned> for Pinned {
    fn from(pb::Pinned { cpus, note }: pb::Pinned) -> Self {
        Self { cpus, note }
    }
}

impl From<Exit> for pb::Exit {
    fn from(exit: Exit) -> Self {
        let Exit { code, signal, asked, stderr, user_cpu_ns, system_cpu_ns, peak_memory_bytes, load_cpu_ns } = exit;
        Self { code, signal, asked, stderr, user_cpu_ns, system_cpu_ns, peak_memory_bytes, load_cpu_ns }
    }
}

impl From<pb::Exit> for Exit {
    fn from(exit: pb::Exit) -> Self {
        let pb::Exit { code, signal, asked, stderr, user_cpu_ns, system_cpu_ns, peak_memory_bytes, load_cpu_ns } = exit;
        Self { code, signal, asked, stderr, user_cpu_ns, system_cpu_ns, peak_memory_bytes, load_cpu_ns }
    }
}
