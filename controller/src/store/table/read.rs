//! The way back from Parquet to columns, of files that may be damaged or somebody else's.

use std::fs::File;
use std::panic::{self, UnwindSafe};
use std::path::Path;

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{DataType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::reader::{ChunkReader, FileReader, RowGroupReader, SerializedFileReader};

use super::{ROW_GROUP_ROWS, TableError};

/// What is wrong with a file.
pub(in crate::store) enum Problem {
    Parquet(ParquetError),
    Foreign(String),
}

impl From<ParquetError> for Problem {
    fn from(error: ParquetError) -> Self {
        Self::Parquet(error)
    }
}

/// Opens a file to be read.
pub(in crate::store) fn open(path: &Path) -> Result<File, TableError> {
    File::open(path).map_err(|source| TableError::Io { action: "open", path: path.to_path_buf(), source })
}

/// Reads the columns of what holds `wanted`; `path` is what errors name.
pub(in crate::store) fn read<S, T>(
    source: S,
    path: &Path,
    wanted: &'static str,
    columns: fn(&Reading<S>) -> Result<T, Problem>,
) -> Result<T, TableError>
where
    S: ChunkReader + UnwindSafe + 'static,
{
    // The library asserts some of what it reads: damage at the right place would end the program.
    let found = panic::catch_unwind(|| columns(&Reading::of(source)?));
    let found = found.unwrap_or_else(|_| Err(Problem::Foreign("it is damaged".to_owned())));
    found.map_err(|problem| match problem {
        Problem::Parquet(source) => TableError::Parquet { path: path.to_path_buf(), source },
        Problem::Foreign(what) => TableError::Foreign { path: path.to_path_buf(), wanted, what },
    })
}

/// A file that is being read.
pub(in crate::store) struct Reading<S: ChunkReader + 'static>(SerializedFileReader<S>);

impl<S: ChunkReader + 'static> Reading<S> {
    fn of(source: S) -> Result<Self, Problem> {
        let reader = SerializedFileReader::new(source)?;
        check_places(reader.metadata())?;
        Ok(Self(reader))
    }

    /// The place of a column, if there is one of that name.
    pub(in crate::store) fn place(&self, name: &str) -> Option<usize> {
        let schema = self.0.metadata().file_metadata().schema_descr_ptr();
        schema.columns().iter().position(|column| column.path().parts() == [name])
    }

    /// The place of a column that every file has.
    pub(in crate::store) fn place_of(&self, name: &str) -> Result<usize, Problem> {
        self.place(name).ok_or_else(|| Problem::Foreign(format!("it has no column {name}")))
    }

    pub(in crate::store) fn groups(&self) -> impl Iterator<Item = Result<Box<dyn RowGroupReader + '_>, Problem>> {
        (0..self.0.num_row_groups()).map(|number| Ok(self.0.get_row_group(number)?))
    }

    /// Whether the columns are as long as the file says it is.
    pub(in crate::store) fn check(&self, lengths: &[usize]) -> Result<(), Problem> {
        let rows = self.0.metadata().file_metadata().num_rows();
        match lengths.iter().find(|&&length| i64::try_from(length) != Ok(rows)) {
            None => Ok(()),
            Some(length) => Err(Problem::Foreign(format!("it says it has {rows} rows, but a column has {length}"))),
        }
    }
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

/// A column of that place that is boolean.
pub(in crate::store) fn boolean(group: &dyn RowGroupReader, place: usize, into: &mut Vec<bool>) -> Result<(), Problem> {
    match group.get_column_reader(place)? {
        ColumnReader::BoolColumnReader(reader) => required(reader, into),
        _ => Err(other_than(group, place, "boolean")),
    }
}

pub(in crate::store) fn int64(
    group: &dyn RowGroupReader,
    place: usize,
) -> Result<ColumnReaderImpl<Int64Type>, Problem> {
    match group.get_column_reader(place)? {
        ColumnReader::Int64ColumnReader(reader) => Ok(reader),
        _ => Err(other_than(group, place, "int64")),
    }
}

pub(in crate::store) fn int32(
    group: &dyn RowGroupReader,
    place: usize,
) -> Result<ColumnReaderImpl<Int32Type>, Problem> {
    match group.get_column_reader(place)? {
        ColumnReader::Int32ColumnReader(reader) => Ok(reader),
        _ => Err(other_than(group, place, "int32")),
    }
}

/// What the number of a column of `int32` stands for.
pub(in crate::store) fn narrowed<T: TryFrom<i32>>(value: i32) -> Result<T, Problem> {
    T::try_from(value).map_err(|_| Problem::Foreign(format!("the number {value} has no place in its column")))
}

fn other_than(group: &dyn RowGroupReader, place: usize, wanted: &str) -> Problem {
    let name = group.metadata().column(place).column_path().string();
    Problem::Foreign(format!("its column {name} is not {wanted}"))
}

pub(in crate::store) fn required<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    into: &mut Vec<T::T>,
) -> Result<(), Problem> {
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

pub(in crate::store) fn optional<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    into: &mut Vec<Option<T::T>>,
) -> Result<(), Problem> {
    let (mut present, mut values) = (Vec::new(), Vec::new());
    loop {
        present.clear();
        values.clear();
        let (read, _, _) = reader.read_records(ROW_GROUP_ROWS, Some(&mut present), None, &mut values)?;
        if read == 0 {
            return Ok(());
        }
        let mut values = values.iter().cloned();
        if present.is_empty() {
            into.extend(values.map(Some));
        } else {
            into.extend(present.iter().map(|&present| if present == 1 { values.next() } else { None }));
        }
    }
}
