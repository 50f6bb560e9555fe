//! Streams of samples: their names, rows as delta-coded columns, and what they begin and end with.

use rpycbench_measure::Samples;
use rpycbench_measure::columns::{delta_decode, delta_encode};

use super::{InvalidMessage, missing};
use crate::message::{Begin, Driven, End, Kept, Stream};
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
        }
    }
}

impl TryFrom<pb::Rows> for Samples {
    type Error = InvalidMessage;

    fn try_from(rows: pb::Rows) -> Result<Self, InvalidMessage> {
        let start_ns = delta_decode(rows.start_ns_delta);
        let count = start_ns.len();
        let decoded = Self {
            client: unsigned("rows.client_delta", delta_decode(rows.client_delta))?,
            seq: unsigned("rows.seq_delta", delta_decode(rows.seq_delta))?,
            end_ns: rows.duration_ns.iter().zip(&start_ns).map(|(length, start)| start.wrapping_add(*length)).collect(),
            start_ns,
            error: if rows.error.is_empty() { vec![0; count] } else { rows.error },
            errors: rows.errors,
            bytes_out: delta_decode(rows.bytes_out_delta),
            bytes_in: delta_decode(rows.bytes_in_delta),
            tcp_ns: nullable_from_pb("rows.tcp_ns", rows.tcp_ns)?,
            handshake_ns: nullable_from_pb("rows.handshake_ns", rows.handshake_ns)?,
        };
        if rows.duration_ns.len() != count || !decoded.is_rectangular() {
            let reason = format!("has columns of unequal length, {count} rows in start_ns");
            return Err(InvalidMessage::new("rows", reason));
        }
        Ok(decoded)
    }
}

impl From<Stream> for pb::Stream {
    fn from(Stream { run_id, agent, cell, attempt }: Stream) -> Self {
        Self { run_id, agent, cell: Some(cell.into()), attempt }
    }
}

pub(super) fn stream(field: &'static str, stream: Option<pb::Stream>) -> Result<Stream, InvalidMessage> {
    let pb::Stream { run_id, agent, cell, attempt } = stream.ok_or_else(|| missing(field))?;
    Ok(Stream { run_id: super::run_id(run_id)?, agent, cell: cell.unwrap_or_default().into(), attempt })
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
    fn from(End { samples, failed, driven }: End) -> Self {
        let driven = driven.map(|Driven { expected, round_trips_per_call, connections_opened }| pb::Driven {
            expected,
            round_trips_per_call,
            connections_opened,
        });
        Self { samples, failed, driven }
    }
}

impl From<pb::End> for End {
    fn from(pb::End { samples, failed, driven }: pb::End) -> Self {
        let driven = driven.map(|pb::Driven { expected, round_trips_per_call, connections_opened }| Driven {
            expected,
            round_trips_per_call,
            connections_opened,
        });
        Self { samples, failed, driven }
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
