//! The way back: samples from Parquet to columns.

use std::fs::File;
use std::panic::{self, UnwindSafe};
use std::path::Path;

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{DataType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::reader::{ChunkReader, FileReader, RowGroupReader, SerializedFileReader};

use super::{ROW_GROUP_ROWS, SamplesError};

/// The columns of one cell that its statistics need, as long as each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockColumns {
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
}

/// Reads what [`SamplesWriter`](super::SamplesWriter) wrote.
///
/// # Errors
/// When the file is missing, cut short or something else; the error names it.
pub fn read(path: &Path) -> Result<BlockColumns, SamplesError> {
    let file =
        File::open(path).map_err(|source| SamplesError::Io { action: "open", path: path.to_path_buf(), source })?;
    read_from(file, path)
}

/// [`read`] of what may be anywhere; `path` is what errors name.
///
/// # Errors
/// As there.
pub fn read_from(source: impl ChunkReader + UnwindSafe + 'static, path: &Path) -> Result<BlockColumns, SamplesError> {
    // The library asserts some of what it reads: damage at the right place would end the program.
    let found = panic::catch_unwind(|| columns(source));
    let found = found.unwrap_or_else(|_| Err(Problem::Foreign("it is damaged".to_owned())));
    found.map_err(|problem| match problem {
        Problem::Parquet(source) => SamplesError::Parquet { path: path.to_path_buf(), source },
        Problem::Foreign(what) => SamplesError::Foreign { path: path.to_path_buf(), what },
    })
}

enum Problem {
    Parquet(ParquetError),
    Foreign(String),
}

impl From<ParquetError> for Problem {
    fn from(error: ParquetError) -> Self {
        Self::Parquet(error)
    }
}

fn columns(source: impl ChunkReader + 'static) -> Result<BlockColumns, Problem> {
    let reader = SerializedFileReader::new(source)?;
    check_places(reader.metadata())?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let place = |name: &str| {
        let found = schema.columns().iter().position(|column| column.path().parts() == [name]);
        found.ok_or_else(|| Problem::Foreign(format!("it has no column {name}")))
    };
    let [ok, start, end] = [place("ok")?, place("start_ns")?, place("end_ns")?];
    let [tcp, handshake] = [place("tcp_ns")?, place("handshake_ns")?];
    let mut columns = BlockColumns::default();
    for number in 0..reader.num_row_groups() {
        let group = reader.get_row_group(number)?;
        match group.get_column_reader(ok)? {
            ColumnReader::BoolColumnReader(reader) => required(reader, &mut columns.ok)?,
            _ => return Err(Problem::Foreign("its column ok is not boolean".to_owned())),
        }
        required(int64(&*group, start)?, &mut columns.start_ns)?;
        required(int64(&*group, end)?, &mut columns.end_ns)?;
        optional(int64(&*group, tcp)?, &mut columns.tcp_ns)?;
        optional(int64(&*group, handshake)?, &mut columns.handshake_ns)?;
    }
    check_lengths(&columns, reader.metadata().file_metadata().num_rows())?;
    for column in [&mut columns.tcp_ns, &mut columns.handshake_ns] {
        if column.iter().all(Option::is_none) {
            *column = Vec::new();
        }
    }
    Ok(columns)
}

/// What the library would assert.
fn check_places(metadata: &ParquetMetaData) -> Result<(), Problem> {
    let mut chunks = metadata.row_groups().iter().flat_map(|group| group.columns());
    let numbers = |chunk: &ColumnChunkMetaData| {
        [chunk.data_page_offset(), chunk.dictionary_page_offset().unwrap_or(0), chunk.compressed_size()]
    };
    match chunks.find(|chunk| numbers(chunk).into_iter().any(i64::is_negative)) {
        None => Ok(()),
        Some(chunk) => Err(Problem::Foreign(format!("its column {} lies nowhere", chunk.column_path().string()))),
    }
}

fn check_lengths(columns: &BlockColumns, rows: i64) -> Result<(), Problem> {
    let lengths = [
        columns.ok.len(),
        columns.start_ns.len(),
        columns.end_ns.len(),
        columns.tcp_ns.len(),
        columns.handshake_ns.len(),
    ];
    match lengths.into_iter().find(|&length| i64::try_from(length) != Ok(rows)) {
        None => Ok(()),
        Some(length) => Err(Problem::Foreign(format!("it says it has {rows} rows, but a column has {length}"))),
    }
}

fn int64(group: &dyn RowGroupReader, place: usize) -> Result<ColumnReaderImpl<Int64Type>, Problem> {
    match group.get_column_reader(place)? {
        ColumnReader::Int64ColumnReader(reader) => Ok(reader),
        _ => {
            let name = group.metadata().column(place).column_path().string();
            Err(Problem::Foreign(format!("its column {name} is not int64")))
        }
    }
}

fn required<T: DataType>(mut reader: ColumnReaderImpl<T>, into: &mut Vec<T::T>) -> Result<(), Problem> {
    let mut present = Vec::new();
    let before = into.len();
    let mut rows = 0;
    loop {
        let (read, _, _) = reader.read_records(ROW_GROUP_ROWS, Some(&mut present), None, into)?;
        rows += read;
        if read == 0 {
            break;
        }
    }
    if into.len() - before == rows { Ok(()) } else { Err(Problem::Foreign("a required value is null".to_owned())) }
}

fn optional(mut reader: ColumnReaderImpl<Int64Type>, into: &mut Vec<Option<i64>>) -> Result<(), Problem> {
    let (mut present, mut values) = (Vec::new(), Vec::new());
    loop {
        present.clear();
        values.clear();
        let (read, _, _) = reader.read_records(ROW_GROUP_ROWS, Some(&mut present), None, &mut values)?;
        if read == 0 {
            return Ok(());
        }
        let mut values = values.iter().copied();
        if present.is_empty() {
            into.extend(values.map(Some));
        } else {
            into.extend(present.iter().map(|&present| if present == 1 { values.next() } else { None }));
        }
    }
}
