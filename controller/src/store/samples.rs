//! `samples/*.parquet`: one row per sample, one file per cell.
//!
//! A file is written under a temporary name and renamed when it is whole, so that every `*.parquet` of a run folder can
//! be read. All files have the same columns and types: a reader may take the folder as one table.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;
use rpycbench_measure::Samples;

mod read;
pub use read::{BlockColumns, read, read_from};

/// Rows held before they are written out: some 8 MB of them, and enough for the delta coding to pay.
const ROW_GROUP_ROWS: usize = 128 * 1024;

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
}";

/// Numbers that grow from row to row.
const DELTA_CODED: [&str; 4] = ["client", "seq", "start_ns", "end_ns"];

/// What every row of a file has in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CellKey {
    /// The topology's name.
    pub topology: String,
    /// The server's name.
    pub server: String,
    /// The workload's name.
    pub workload: String,
    /// `python`.
    pub driver: String,
    /// From 1.
    pub block: u32,
}

/// Why samples could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum SamplesError {
    /// The file system refused.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Not Parquet, or not whole.
    #[error("{path} is not a whole parquet file: {source}")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: ParquetError,
    },
    /// Parquet, but not samples.
    #[error("{path} does not hold samples: {what}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A batch that cannot be rows.
    #[error("cannot store samples in {path}: {what}")]
    Batch {
        /// The file.
        path: PathBuf,
        /// What is wrong with the batch.
        what: String,
    },
}

/// Writes the samples of one cell.
pub struct SamplesWriter {
    path: PathBuf,
    part: Part,
    key: CellKey,
    block: i32,
    file: SerializedFileWriter<File>,
    rows: Rows,
    written: u64,
}

/// A file under its temporary name. One that never gets its own is removed: on a full disk it only takes up more of it.
struct Part {
    path: PathBuf,
}

impl Drop for Part {
    fn drop(&mut self) {
        // Not there any more where it was given its own name.
        drop(fs::remove_file(&self.path));
    }
}

impl SamplesWriter {
    /// Starts the file of a cell. `path` comes to exist when [`finish`](Self::finish) is called; until then there is
    /// `path` + `.part`.
    ///
    /// # Errors
    /// When that cannot be made.
    pub fn create(path: &Path, key: CellKey) -> Result<Self, SamplesError> {
        let path = path.to_path_buf();
        let part = Part { path: with_suffix(&path, ".part") };
        let block = i32::try_from(key.block).map_err(|_| SamplesError::Batch {
            path: path.clone(),
            what: format!("block {} is too large", key.block),
        })?;
        let file = File::create(&part.path).map_err(|source| SamplesError::Io {
            action: "create",
            path: part.path.clone(),
            source,
        })?;
        let file = writer(file).map_err(|source| SamplesError::Parquet { path: part.path.clone(), source })?;
        Ok(Self { path, part, key, block, file, rows: Rows::default(), written: 0 })
    }

    /// Adds rows. Their times become relative to `epoch_ns` of the same clock.
    ///
    /// # Errors
    /// When the batch cannot be rows, of which none is then kept, or rows cannot be written.
    pub fn append(&mut self, samples: &Samples, epoch_ns: i64) -> Result<(), SamplesError> {
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
    pub fn finish(mut self) -> Result<u64, SamplesError> {
        self.flush()?;
        self.file.finish().map_err(|source| SamplesError::Parquet { path: self.part.path.clone(), source })?;
        let sync = |action, path: &Path, result: io::Result<()>| {
            result.map_err(|source| SamplesError::Io { action, path: path.to_path_buf(), source })
        };
        sync("flush", &self.part.path, self.file.inner().sync_all())?;
        sync("name", &self.path, fs::rename(&self.part.path, &self.path))?;
        if let Some(folder) = self.path.parent() {
            sync("flush", folder, sync_folder(folder))?;
        }
        Ok(self.written)
    }

    fn check(&self, samples: &Samples, epoch_ns: i64) -> Result<(), SamplesError> {
        let refuse = |what: String| Err(SamplesError::Batch { path: self.path.clone(), what });
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

    fn flush(&mut self) -> Result<(), SamplesError> {
        if self.rows.len() == 0 {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.rows);
        self.written += rows.len() as u64;
        let mut write = || {
            let mut group = self.file.next_row_group()?;
            rows.write(&self.key, self.block, &mut group)?;
            group.close().map(drop)
        };
        write().map_err(|source| SamplesError::Parquet { path: self.part.path.clone(), source })
    }
}

fn writer(file: File) -> Result<SerializedFileWriter<File>, ParquetError> {
    let schema = Arc::new(parse_message_type(SCHEMA)?);
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        // The default names the crate's version: files would differ with it.
        .set_created_by("rpycbench".to_owned());
    for name in DELTA_CODED {
        let column = ColumnPath::from(name);
        properties = properties
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_encoding(column, Encoding::DELTA_BINARY_PACKED);
    }
    SerializedFileWriter::new(file, schema, Arc::new(properties.build()))
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
        }
    }

    /// In the order of [`SCHEMA`].
    fn write(
        &self,
        key: &CellKey,
        block: i32,
        group: &mut SerializedRowGroupWriter<'_, File>,
    ) -> Result<(), ParquetError> {
        let rows = self.len();
        for name in [&key.topology, &key.server, &key.workload, &key.driver] {
            column::<ByteArrayType>(group, &vec![ByteArray::from(name.as_str()); rows], None)?;
        }
        column::<Int32Type>(group, &vec![block; rows], None)?;
        column::<Int32Type>(group, &self.client, None)?;
        column::<Int32Type>(group, &self.seq, None)?;
        column::<Int64Type>(group, &self.start_ns, None)?;
        column::<Int64Type>(group, &self.end_ns, None)?;
        let absent = vec![0; rows];
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
        column::<Int64Type>(group, &self.handshake_ns.values, Some(&self.handshake_ns.present))
    }
}

/// A column with nulls, as Parquet wants it: the values there are, and per row whether there is one.
pub(super) struct Optional<T> {
    pub(super) values: Vec<T>,
    pub(super) present: Vec<i16>,
}

impl<T> Default for Optional<T> {
    fn default() -> Self {
        Self { values: Vec::new(), present: Vec::new() }
    }
}

impl<T> Optional<T> {
    pub(super) fn push(&mut self, value: Option<T>) {
        self.present.push(i16::from(value.is_some()));
        self.values.extend(value);
    }
}

pub(super) fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, impl Write + Send>,
    values: &[T::T],
    present: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let mut column = group.next_column()?.ok_or_else(|| ParquetError::General("a column too many".to_owned()))?;
    column.typed::<T>().write_batch(values, present, None)?;
    column.close()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// So that the new name survives a power cut.
fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder)?.sync_all()
}
