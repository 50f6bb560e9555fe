//! The way back: samples from Parquet to columns.

use std::panic::UnwindSafe;
use std::path::Path;

use parquet::file::reader::ChunkReader;

use crate::store::table::TableError;
use crate::store::table::read::{self, Problem, Reading, boolean, int32, int64, optional, required};

/// The columns of one cell that are needed later, as long as each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockColumns {
    /// Which client made the call, from 0.
    pub client: Vec<i32>,
    /// The call's number within its client, from 0.
    pub seq: Vec<i32>,
    /// Whether the call succeeded.
    pub ok: Vec<bool>,
    /// Just before the call.
    pub start_ns: Vec<i64>,
    /// Just after it.
    pub end_ns: Vec<i64>,
    /// Time in the TCP handshake; empty where no row has it.
    pub tcp_ns: Vec<Option<i64>>,
    /// Time in the protocol's own handshake; empty where no row has it.
    pub handshake_ns: Vec<Option<i64>>,
    /// The local port of the connection that the call opened; empty where no row has it.
    pub client_port: Vec<Option<i32>>,
}

/// Reads what [`SamplesWriter`](super::SamplesWriter) wrote.
///
/// # Errors
/// When the file is missing, cut short or something else; the error names it.
pub fn read(path: &Path) -> Result<BlockColumns, TableError> {
    read_from(read::open(path)?, path)
}

/// [`read`] of what may be anywhere; `path` is what errors name.
///
/// # Errors
/// As there.
pub fn read_from(source: impl ChunkReader + UnwindSafe + 'static, path: &Path) -> Result<BlockColumns, TableError> {
    read::read(source, path, "samples", columns)
}

fn columns<S: ChunkReader + 'static>(file: &Reading<S>) -> Result<BlockColumns, Problem> {
    let [ok, start, end] = [file.place_of("ok")?, file.place_of("start_ns")?, file.place_of("end_ns")?];
    let [client, seq] = [file.place_of("client")?, file.place_of("seq")?];
    let [tcp, handshake] = [file.place_of("tcp_ns")?, file.place_of("handshake_ns")?];
    // Files of earlier versions have none.
    let port = file.place("client_port");
    let mut columns = BlockColumns::default();
    for group in file.groups() {
        let group = &*group?;
        required(int32(group, client)?, &mut columns.client)?;
        required(int32(group, seq)?, &mut columns.seq)?;
        boolean(group, ok, &mut columns.ok)?;
        required(int64(group, start)?, &mut columns.start_ns)?;
        required(int64(group, end)?, &mut columns.end_ns)?;
        optional(int64(group, tcp)?, &mut columns.tcp_ns)?;
        optional(int64(group, handshake)?, &mut columns.handshake_ns)?;
        if let Some(port) = port {
            optional(int32(group, port)?, &mut columns.client_port)?;
        }
    }
    file.check(&[
        columns.client.len(),
        columns.seq.len(),
        columns.ok.len(),
        columns.start_ns.len(),
        columns.end_ns.len(),
        columns.tcp_ns.len(),
        columns.handshake_ns.len(),
    ])?;
    if port.is_some() {
        file.check(&[columns.client_port.len()])?;
    }
    for column in [&mut columns.tcp_ns, &mut columns.handshake_ns] {
        if column.iter().all(Option::is_none) {
            *column = Vec::new();
        }
    }
    if columns.client_port.iter().all(Option::is_none) {
        columns.client_port = Vec::new();
    }
    Ok(columns)
}
