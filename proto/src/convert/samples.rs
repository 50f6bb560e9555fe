//! Streams of samples and stamps: their names, rows as delta-coded columns, and what they begin and end with.

use rpycbench_measure::columns::{delta_decode, delta_encode};
use rpycbench_measure::{ClientPairing, Samples, Stamps};

use super::{InvalidMessage, missing, port, unknown};
use crate::message::{Begin, Driven, End, Kept, Part, Stamped, Stream};
use crate::pb;

impl From<Samples> for pb::Rows {
    fn from(samples: Samples) -> Self {
        let duration_ns =
            samples.end_ns.iter().zip(&samples.start_ns).map(|(end, start)| end.wrapping_sub(*start)).collect();
        Self {
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
            client_port: Some(nullable_to_pb(&samples.client_port)),
        }
    }
}

impl TryFrom<pb::Rows> for Samples {
    type Error = InvalidMessage;

    fn try_from(rows: pb::Rows) -> Result<Self, InvalidMessage> {
        let start_ns = delta_decode(rows.start_ns_delta);
        let count = start_ns.len();
        let decoded = Self {
            client: narrowed("rows.client_delta", delta_decode(rows.client_delta))?,
            seq: narrowed("rows.seq_delta", delta_decode(rows.seq_delta))?,
            end_ns: rows.duration_ns.iter().zip(&start_ns).map(|(length, start)| start.wrapping_add(*length)).collect(),
            start_ns,
            error: if rows.error.is_empty() { vec![0; count] } else { rows.error },
            errors: rows.errors,
            bytes_out: delta_decode(rows.bytes_out_delta),
            bytes_in: delta_decode(rows.bytes_in_delta),
            tcp_ns: nullable_from_pb("rows.tcp_ns", rows.tcp_ns)?,
            handshake_ns: nullable_from_pb("rows.handshake_ns", rows.handshake_ns)?,
            client_port: nullable_from_pb("rows.client_port", rows.client_port)?,
        };
        if rows.duration_ns.len() != count || !decoded.is_rectangular() {
            let reason = format!("has columns of unequal length, {count} rows in start_ns");
            return Err(InvalidMessage::new("rows", reason));
        }
        Ok(decoded)
    }
}

impl From<Stamps> for pb::StampRows {
    fn from(stamps: Stamps) -> Self {
        let times = stamps.answered_ns.iter().zip(&stamps.received_ns);
        let served_ns: Vec<Option<i64>> =
            times.map(|(answered, received)| answered.map(|answered| answered.wrapping_sub(*received))).collect();
        Self {
            peer_port_delta: delta_encode(stamps.peer_port.into_iter().map(i64::from)),
            received_ns_delta: delta_encode(stamps.received_ns),
            served_ns: Some(nullable_to_pb(&served_ns)),
        }
    }
}

impl TryFrom<pb::StampRows> for Stamps {
    type Error = InvalidMessage;

    fn try_from(rows: pb::StampRows) -> Result<Self, InvalidMessage> {
        let received_ns = delta_decode(rows.received_ns_delta);
        let mut served_ns: Vec<Option<i64>> = nullable_from_pb("stamp_rows.served_ns", rows.served_ns)?;
        if served_ns.is_empty() {
            served_ns = vec![None; received_ns.len()];
        }
        let peer_port = narrowed("stamp_rows.peer_port_delta", delta_decode(rows.peer_port_delta))?;
        if peer_port.len() != received_ns.len() || served_ns.len() != received_ns.len() {
            let reason = format!("has columns of unequal length, {} rows in received_ns", received_ns.len());
            return Err(InvalidMessage::new("stamp_rows", reason));
        }
        let answered = |(served, received): (&Option<i64>, &i64)| served.map(|served| received.wrapping_add(served));
        let answered_ns = served_ns.iter().zip(&received_ns).map(answered).collect();
        Ok(Self { peer_port, received_ns, answered_ns })
    }
}

impl From<Part> for pb::Part {
    fn from(part: Part) -> Self {
        match part {
            Part::Samples => Self::Samples,
            Part::Stamps => Self::Stamps,
        }
    }
}

pub(super) fn part(value: i32) -> Result<Part, InvalidMessage> {
    match pb::Part::try_from(value) {
        Ok(pb::Part::Samples) => Ok(Part::Samples),
        Ok(pb::Part::Stamps) => Ok(Part::Stamps),
        Err(_) => Err(unknown("part", value)),
    }
}

impl From<Stream> for pb::Stream {
    fn from(Stream { run_id, agent, cell, attempt, part }: Stream) -> Self {
        Self { run_id, agent, cell: Some(cell.into()), attempt, part: pb::Part::from(part).into() }
    }
}

pub(super) fn stream(field: &'static str, stream: Option<pb::Stream>) -> Result<Stream, InvalidMessage> {
    let pb::Stream { run_id, agent, cell, attempt, part } = stream.ok_or_else(|| missing(field))?;
    let (run_id, part) = (super::run_id(run_id)?, self::part(part)?);
    Ok(Stream { run_id, agent, cell: cell.unwrap_or_default().into(), attempt, part })
}

impl From<Begin> for pb::Begin {
    fn from(Begin { stream, cpus }: Begin) -> Self {
        Self { stream: Some(stream.into()), cpus }
    }
}

impl TryFrom<pb::Begin> for Begin {
    type Error = InvalidMessage;

    fn try_from(pb::Begin { stream: of, cpus }: pb::Begin) -> Result<Self, InvalidMessage> {
        Ok(Self { stream: stream("begin.stream", of)?, cpus })
    }
}

impl From<End> for pb::End {
    fn from(End { samples, failed, driven, stamped }: End) -> Self {
        let driven = driven.map(|Driven { expected, round_trips_per_call, connections_opened, clients }| pb::Driven {
            expected,
            round_trips_per_call,
            connections_opened,
            clients: clients.into_iter().map(Into::into).collect(),
        });
        Self { samples, failed, driven, stamped: stamped.map(|Stamped { full }| pb::Stamped { full }) }
    }
}

impl TryFrom<pb::End> for End {
    type Error = InvalidMessage;

    fn try_from(pb::End { samples, failed, driven, stamped }: pb::End) -> Result<Self, InvalidMessage> {
        let driven = driven.map(|pb::Driven { expected, round_trips_per_call, connections_opened, clients }| {
            let clients = clients.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
            Ok(Driven { expected, round_trips_per_call, connections_opened, clients })
        });
        let stamped = stamped.map(|pb::Stamped { full }| Stamped { full });
        Ok(Self { samples, failed, driven: driven.transpose()?, stamped })
    }
}

impl From<ClientPairing> for pb::ClientPairing {
    fn from(client: ClientPairing) -> Self {
        match client {
            ClientPairing::Rows { port, first, each, waited } => {
                Self { port: port.map(Into::into), first, each, waited, unpaired: None }
            }
            ClientPairing::Unknown(unpaired) => Self { unpaired: Some(unpaired), ..Self::default() },
        }
    }
}

impl TryFrom<pb::ClientPairing> for ClientPairing {
    type Error = InvalidMessage;

    fn try_from(client: pb::ClientPairing) -> Result<Self, InvalidMessage> {
        let pb::ClientPairing { port: of, first, each, waited, unpaired } = client;
        if let Some(why) = unpaired {
            return Ok(Self::Unknown(why));
        }
        if waited > each {
            let reason = format!("waited for {waited} of {each} requests");
            return Err(InvalidMessage::new("driven.clients", reason));
        }
        Ok(Self::Rows { port: of.map(|of| port("driven.clients.port", of)).transpose()?, first, each, waited })
    }
}

impl From<Kept> for pb::KeptStream {
    fn from(Kept { stream, samples, whole }: Kept) -> Self {
        Self { stream: Some(stream.into()), samples, whole }
    }
}

impl TryFrom<pb::KeptStream> for Kept {
    type Error = InvalidMessage;

    fn try_from(pb::KeptStream { stream: of, samples, whole }: pb::KeptStream) -> Result<Self, InvalidMessage> {
        Ok(Self { stream: stream("kept.stream", of)?, samples, whole })
    }
}

fn narrowed<T: TryFrom<i64>>(field: &'static str, values: Vec<i64>) -> Result<Vec<T>, InvalidMessage> {
    values
        .into_iter()
        .map(|value| T::try_from(value).map_err(|_| InvalidMessage::new(field, format!("has the value {value}"))))
        .collect()
}

fn nullable_to_pb<T: Copy + Into<i64>>(column: &[Option<T>]) -> pb::NullableColumn {
    if column.iter().all(Option::is_none) {
        return pb::NullableColumn::default();
    }
    pb::NullableColumn {
        present: column.iter().map(Option::is_some).collect(),
        values: column.iter().flatten().map(|&value| value.into()).collect(),
    }
}

fn nullable_from_pb<T: TryFrom<i64>>(
    field: &'static str,
    column: Option<pb::NullableColumn>,
) -> Result<Vec<Option<T>>, InvalidMessage> {
    let pb::NullableColumn { present, values } = column.unwrap_or_default();
    if present.iter().filter(|&&present| present).count() != values.len() {
        return Err(InvalidMessage::new(field, "has another number of values than it says"));
    }
    let mut values = narrowed(field, values)?.into_iter();
    Ok(present.into_iter().map(|present| if present { values.next() } else { None }).collect())
}
