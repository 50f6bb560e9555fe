//! A table of the run folder: a Parquet file, written under a temporary name and renamed when it is whole, so that every
//! `*.parquet` of a run folder can be read.

use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int32Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;

pub(super) mod read;

/// Rows held before they are written out: some 8 MB of them, and enough for the delta coding to pay.
pub(super) const ROW_GROUP_ROWS: usize = 128 * 1024;

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

/// Why rows could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
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
    /// Parquet, but something else.
    #[error("{path} does not hold {wanted}: {what}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What was looked for.
        wanted: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// A batch that cannot be rows.
    #[error("cannot store a batch in {path}: {what}")]
    Batch {
        /// The file.
        path: PathBuf,
        /// What is wrong with the batch.
        what: String,
    },
}

impl TableError {
    /// Whether rows that somebody has sent are wrong, and not this host's disk.
    pub(crate) fn is_of_the_agent(&self) -> bool {
        matches!(self, Self::Batch { .. })
    }
}

/// A file that is being written.
pub(super) struct Table {
    path: PathBuf,
    part: Part,
    key: CellKey,
    block: i32,
    file: SerializedFileWriter<File>,
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

/// The row group under way, whose first columns are the cell's.
pub(super) type Group<'a> = SerializedRowGroupWriter<'a, File>;

impl Table {
    /// Starts the file of a cell. `path` comes to exist when [`finish`](Self::finish) is called; until then there is
    /// `path` + `.part`. Numbers in `growing` columns grow from row to row.
    pub(super) fn create(path: &Path, key: CellKey, schema: &str, growing: &[&str]) -> Result<Self, TableError> {
        let path = path.to_path_buf();
        let part = Part { path: with_suffix(&path, ".part") };
        let block = i32::try_from(key.block)
            .map_err(|_| TableError::Batch { path: path.clone(), what: format!("block {} is too large", key.block) })?;
        let file = File::create(&part.path).map_err(|source| TableError::Io {
            action: "create",
            path: part.path.clone(),
            source,
        })?;
        let file =
            writer(file, schema, growing).map_err(|source| TableError::Parquet { path: part.path.clone(), source })?;
        Ok(Self { path, part, key, block, file, written: 0 })
    }

    /// Writes so many rows: the columns of the cell, then what `columns` writes.
    pub(super) fn write(
        &mut self,
        rows: usize,
        columns: impl FnOnce(&mut Group<'_>) -> Result<(), ParquetError>,
    ) -> Result<(), TableError> {
        self.written += rows as u64;
        let write = || {
            let mut group = self.file.next_row_group()?;
            let CellKey { topology, server, workload, driver, .. } = &self.key;
            for name in [topology, server, workload, driver] {
                column::<ByteArrayType>(&mut group, &vec![ByteArray::from(name.as_str()); rows], None)?;
            }
            column::<Int32Type>(&mut group, &vec![self.block; rows], None)?;
            columns(&mut group)?;
            group.close().map(drop)
        };
        write().map_err(|source| TableError::Parquet { path: self.part.path.clone(), source })
    }

    /// What is wrong with a batch.
    pub(super) fn refuse(&self, what: String) -> TableError {
        TableError::Batch { path: self.path.clone(), what }
    }

    /// Brings the file to the disk and gives it its name. Returns how many rows it has.
    pub(super) fn finish(self) -> Result<u64, TableError> {
        finish(self.file, &self.part, &self.path)?;
        Ok(self.written)
    }
}

/// Writes a file anew, with other columns: `columns` writes that of a name for a range of rows, or says that it stays as it is.
pub(super) fn replace(
    path: &Path,
    schema: &str,
    growing: &[&str],
    rows: usize,
    columns: impl Fn(&str, Range<usize>, &mut Group<'_>) -> Option<Result<(), ParquetError>>,
) -> Result<(), TableError> {
    let source = read::open(path)?;
    let part = Part { path: with_suffix(path, ".part") };
    let new = File::create(&part.path).map_err(|source| TableError::Io {
        action: "create",
        path: part.path.clone(),
        source,
    })?;
    let write = || -> Result<Option<SerializedFileWriter<File>>, ParquetError> {
        let old = SerializedFileReader::new(source.try_clone()?)?;
        let mut file = writer(new, schema, growing)?;
        let mut first = 0;
        if old.metadata().file_metadata().schema_descr().num_columns() != file.schema_descr().num_columns()
            || usize::try_from(old.metadata().file_metadata().num_rows()) != Ok(rows)
        {
            return Ok(None);
        }
        for group in old.metadata().row_groups() {
            let last = first + usize::try_from(group.num_rows()).unwrap_or(0);
            let mut new = file.next_row_group()?;
            for chunk in group.columns() {
                let entered = columns(&chunk.column_path().string(), first..last.min(rows), &mut new);
                entered.unwrap_or_else(|| new.append_column(&source, as_it_is(chunk, last - first)))?;
            }
            new.close()?;
            first = last;
        }
        Ok(Some(file))
    };
    let written = write().map_err(|source| TableError::Parquet { path: path.to_path_buf(), source })?;
    match written {
        Some(file) => finish(file, &part, path),
        None => {
            Err(TableError::Batch { path: path.to_path_buf(), what: "the file has other rows or columns".to_owned() })
        }
    }
}

/// A column of a row group, as it was written.
fn as_it_is(chunk: &ColumnChunkMetaData, rows: usize) -> ColumnCloseResult {
    ColumnCloseResult {
        bytes_written: u64::try_from(chunk.compressed_size()).unwrap_or(0),
        rows_written: rows as u64,
        metadata: chunk.clone(),
        bloom_filter: None,
        column_index: None,
        offset_index: None,
    }
}

/// Brings a file to the disk and gives it its name.
fn finish(mut file: SerializedFileWriter<File>, part: &Part, path: &Path) -> Result<(), TableError> {
    file.finish().map_err(|source| TableError::Parquet { path: part.path.clone(), source })?;
    let sync = |action, path: &Path, result: io::Result<()>| {
        result.map_err(|source| TableError::Io { action, path: path.to_path_buf(), source })
    };
    sync("flush", &part.path, file.inner().sync_all())?;
    sync("name", path, fs::rename(&part.path, path))?;
    match path.parent() {
        Some(folder) => sync("flush", folder, sync_folder(folder)),
        None => Ok(()),
    }
}

fn writer(file: File, schema: &str, growing: &[&str]) -> Result<SerializedFileWriter<File>, ParquetError> {
    let schema = Arc::new(parse_message_type(schema)?);
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        // The default names the crate's version: files would differ with it.
        .set_created_by("rpycbench".to_owned());
    for &name in growing {
        let column = ColumnPath::from(name);
        properties = properties
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_encoding(column, Encoding::DELTA_BINARY_PACKED);
    }
    SerializedFileWriter::new(file, schema, Arc::new(properties.build()))
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

/// Writes the next column of a row group.
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
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    File::open(folder)?.sync_all()
}
