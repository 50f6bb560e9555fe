//! `samples/*.parquet`: one row per sample, one file per cell.
//!
//! All files have the same columns and types: a reader may take the folder as one table.

use std::path::Path;

use parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use rpycbench_measure::Samples;

use super::table::{CellKey, Group, Optional, ROW_GROUP_ROWS, Table, TableError, column};

mod enter;
mod read;
pub use enter::{ServerTime, enter_server_times};
pub use read::{BlockColumns, read, read_from};

const SCHEMA: &str = "
message sample {
    required binary topology (STRING);
    required binary server (STRING);
    required binary workload (STRING);
    required binary driver (STRING);
    required int32 block;
    required int32 client;
    required int32 seq;
    required int64 start_ns;
    required int64 end_ns;
    optional int64 intended_ns;
    required boolean ok;
    optional binary error (STRING);
    required int64 bytes_out;
    required int64 bytes_in;
    optional int64 server_recv_ns;
    optional int64 server_send_ns;
    optional int64 clock_bound_ns;
    optional int64 tcp_ns;
    optional int64 tls_ns;
    optional int64 handshake_ns;
    optional int32 client_port;
}";

/// Numbers that grow from row to row.
const GROWING: [&str; 4] = ["client", "seq", "start_ns", "end_ns"];

/// Writes the samples of one cell.
pub struct SamplesWriter {
    table: Table,
    rows: Rows,
}

impl SamplesWriter {
    /// Starts the file of a cell. `path` comes to exist when [`finish`](Self::finish) is called; until then there is
    /// `path` + `.part`.
    ///
    /// # Errors
    /// When that cannot be made.
    pub fn create(path: &Path, key: CellKey) -> Result<Self, TableError> {
        Ok(Self { table: Table::create(path, key, SCHEMA, &GROWING)?, rows: Rows::default() })
    }

    /// Adds rows. Their times become relative to `epoch_ns` of the same clock.
    ///
    /// # Errors
    /// When the batch cannot be rows, of which none is then kept, or rows cannot be written.
    pub fn append(&mut self, samples: &Samples, epoch_ns: i64) -> Result<(), TableError> {
        self.check(samples, epoch_ns)?;
        let mut first = 0;
        while first < samples.len() {
            let last = samples.len().min(first + ROW_GROUP_ROWS - self.rows.len());
            self.rows.extend(samples, first..last, epoch_ns);
            first = last;
            if self.rows.len() >= ROW_GROUP_ROWS {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Writes what is left, brings the file to the disk and gives it its name. Returns how many rows it has.
    ///
    /// # Errors
    /// When it cannot be written; there is no file of that name then.
    pub fn finish(mut self) -> Result<u64, TableError> {
        self.flush()?;
        self.table.finish()
    }

    fn check(&self, samples: &Samples, epoch_ns: i64) -> Result<(), TableError> {
        let refuse = |what: String| Err(self.table.refuse(what));
        if !samples.is_rectangular() {
            return refuse("its columns differ in length".to_owned());
        }
        let number = samples.client.iter().chain(&samples.seq).find(|&&number| i32::try_from(number).is_err());
        if let Some(number) = number {
            return refuse(format!("the number {number} does not fit its column"));
        }
        let times = samples.start_ns.iter().chain(&samples.end_ns);
        if let Some(time) = times.into_iter().find(|time| time.checked_sub(epoch_ns).is_none()) {
            return refuse(format!("the time {time} is out of range for the epoch {epoch_ns}"));
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), TableError> {
        if self.rows.len() == 0 {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.rows);
        self.table.write(rows.len(), |group| rows.write(group))
    }
}

/// Rows on their way into a row group.
#[derive(Default)]
struct Rows {
    client: Vec<i32>,
    seq: Vec<i32>,
    start_ns: Vec<i64>,
    end_ns: Vec<i64>,
    ok: Vec<bool>,
    error: Optional<ByteArray>,
    bytes_out: Vec<i64>,
    bytes_in: Vec<i64>,
    tcp_ns: Optional<i64>,
    handshake_ns: Optional<i64>,
    client_port: Optional<i32>,
}

impl Rows {
    fn len(&self) -> usize {
        self.ok.len()
    }

    /// Takes rows that [`SamplesWriter::check`] has seen.
    fn extend(&mut self, samples: &Samples, range: std::ops::Range<usize>, epoch_ns: i64) {
        let number = |&number: &u32| number as i32;
        let time = |&time: &i64| time - epoch_ns;
        self.client.extend(samples.client[range.clone()].iter().map(number));
        self.seq.extend(samples.seq[range.clone()].iter().map(number));
        self.start_ns.extend(samples.start_ns[range.clone()].iter().map(time));
        self.end_ns.extend(samples.end_ns[range.clone()].iter().map(time));
        self.ok.extend(samples.error[range.clone()].iter().map(|&error| error == 0));
        self.bytes_out.extend_from_slice(&samples.bytes_out[range.clone()]);
        self.bytes_in.extend_from_slice(&samples.bytes_in[range.clone()]);
        // A reason is stored once and shared by its rows.
        let reasons: Vec<ByteArray> = samples.errors.iter().map(|reason| reason.as_str().into()).collect();
        for row in range {
            let reason = samples.error[row].checked_sub(1).and_then(|error| reasons.get(error as usize).cloned());
            self.error.push(reason);
            self.tcp_ns.push(samples.tcp_ns.get(row).copied().flatten());
            self.handshake_ns.push(samples.handshake_ns.get(row).copied().flatten());
            self.client_port.push(samples.client_port.get(row).copied().flatten().map(i32::from));
        }
    }

    /// In the order of [`SCHEMA`], after the columns of the cell.
    fn write(&self, group: &mut Group<'_>) -> Result<(), ParquetError> {
        column::<Int32Type>(group, &self.client, None)?;
        column::<Int32Type>(group, &self.seq, None)?;
        column::<Int64Type>(group, &self.start_ns, None)?;
        column::<Int64Type>(group, &self.end_ns, None)?;
        let absent = vec![0; self.len()];
        column::<Int64Type>(group, &[], Some(&absent))?; // intended_ns
        column::<BoolType>(group, &self.ok, None)?;
        column::<ByteArrayType>(group, &self.error.values, Some(&self.error.present))?;
        column::<Int64Type>(group, &self.bytes_out, None)?;
        column::<Int64Type>(group, &self.bytes_in, None)?;
        for _server_recv_send_and_clock_bound in 0..3 {
            column::<Int64Type>(group, &[], Some(&absent))?;
        }
        column::<Int64Type>(group, &self.tcp_ns.values, Some(&self.tcp_ns.present))?;
        column::<Int64Type>(group, &[], Some(&absent))?; // tls_ns
        column::<Int64Type>(group, &self.handshake_ns.values, Some(&self.handshake_ns.present))?;
        column::<Int32Type>(group, &self.client_port.values, Some(&self.client_port.present))
    }
}
