//! Samples: delta-coded columns and rows.

use rpycbench_measure::Samples;
use rpycbench_measure::columns::{delta_decode, delta_encode};

use super::InvalidMessage;
use crate::pb;

pub(super) fn samples_to_pb(cell: u32, batch: u64, samples: Samples) -> pb::Samples {
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

pub(super) fn samples_from_pb(samples: pb::Samples) -> Result<Samples, InvalidMessage> {
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

pub(super) fn unsigned(field: &'static str, values: Vec<i64>) -> Result<Vec<u32>, InvalidMessage> {
    values
        .into_iter()
        .map(|value| u32::try_from(value).map_err(|_| InvalidMessage::new(field, format!("has the value {value}"))))
        .collect()
}

pub(super) fn nullable_to_pb(column: &[Option<i64>]) -> pb::NullableColumn {
    if column.iter().all(Option::is_none) {
        return pb::NullableColumn::default();
    }
    pb::NullableColumn {
        present: column.iter().map(Option::is_some).collect(),
        values: column.iter().flatten().copied().collect(),
    }
}

pub(super) fn nullable_from_pb(
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
