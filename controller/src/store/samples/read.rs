//! The way back: samples from Parquet to columns.

use std::panic::UnwindSafe;
use std::path::Path;

use parquet::file::reader::ChunkReader;
use rpycbench_measure::pairing::Calls;

use crate::store::table::TableError;
use crate::store::table::read::{self, Problem, Reading, boolean, int32, int64, narrowed, optional, required};

/// The columns of one cell that are needed later, as long as each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockColumns {
    /// Which client made the call, from 0.
    pub client: Vec<u32>,
    /// The call's number within its client, from 0.
    pub seq: Vec<u32>,
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
    pub client_port: Vec<Option<u16>>,
}

impl BlockColumns {
    /// What is needed to pair them with the stamps of their server.
    pub fn calls(&self) -> Calls<'_> {
        let Self { client, seq, ok, start_ns, end_ns, client_port, .. } = self;
        Calls { client, seq, start_ns, end_ns, ok, client_port }
    }
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
    let (mut clients, mut seqs, mut ports) = (Vec::new(), Vec::new(), Vec::new());
    for group in file.groups() {
        let group = &*group?;
        required(int32(group, client)?, &mut clients)?;
        required(int32(group, seq)?, &mut seqs)?;
        boolean(group, ok, &mut columns.ok)?;
        required(int64(group, start)?, &mut columns.start_ns)?;
        required(int64(group, end)?, &mut columns.end_ns)?;
        optional(int64(group, tcp)?, &mut columns.tcp_ns)?;
        optional(int64(group, handshake)?, &mut columns.handshake_ns)?;
        if let Some(port) = port {
            optional(int32(group, port)?, &mut ports)?;
        }
    }
    file.check(&[
        clients.len(),
        seqs.len(),
        columns.ok.len(),
        columns.start_ns.len(),
        columns.end_ns.len(),
        columns.tcp_ns.len(),
        columns.handshake_ns.len(),
    ])?;
    if port.is_some() {
        file.check(&[ports.len()])?;
    }
    for column in [&mut columns.tcp_ns, &mut columns.handshake_ns] {
        if column.iter().all(Option::is_none) {
            *column = Vec::new();
        }
    }
    columns.client = clients.into_iter().map(narrowed).collect::<Result<_, _>>()?;
    columns.seq = seqs.into_iter().map(narrowed).collect::<Result<_, _>>()?;
    if ports.iter().any(Option::is_some) {
        columns.client_port = ports.into_iter().map(|it| it.map(narrowed).transpose()).collect::<Result<_, _>>()?;
    }
    Ok(columns)
}
