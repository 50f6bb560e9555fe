//! `clock.parquet`: one row per probe of a run, from which anyone can compute what bounds an agent's clock.
//!
//! Times are CLOCK_MONOTONIC_RAW in nanoseconds as they were read: t1 and t4 the controller's, t2 and t3 the agent's. A stamp of
//! sending (t1, t3) is never late, one of receiving (t2, t4) never early.

use std::fs::File;
use std::panic;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;
use parquet::record::RowAccessor;
use parquet::schema::parser::parse_message_type;

use super::table::{Optional, column};
use crate::store::{FolderError, write_atomically};

const SCHEMA: &str = "
message probe {
    required binary host (STRING);
    required int32 session;
    required int64 number;
    required binary transport (STRING);
    required int64 t1_ns;
    optional int64 t2_ns;
    optional int64 t3_ns;
    optional int64 t4_ns;
    required boolean t1_by_kernel;
    required boolean t2_by_kernel;
    required boolean t3_by_kernel;
    required boolean t4_by_kernel;
}";

/// A row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeRow {
    /// The agent's host, by its name in the plan.
    pub host: String,
    /// From 0; another for each controller that has had the run, and only within one does its clock mean anything.
    pub session: i32,
    /// 1, 2, 3 … in the order in which they were asked.
    pub number: i64,
    /// `udp`, `tcp`, `grpc`.
    pub transport: String,
    /// The question left the controller.
    pub t1_ns: i64,
    /// It came to the agent, whose answer left and came back; none where it was lost.
    pub answer_ns: Option<[i64; 3]>,
    /// Whether the kernel has stamped t1, t2, t3, t4.
    pub by_kernel: [bool; 4],
}

/// Writes the file, as a whole.
///
/// # Errors
/// When it cannot be written.
pub fn write(path: &Path, rows: &[ProbeRow]) -> Result<(), FolderError> {
    let failed = |error: ParquetError| FolderError { path: path.to_path_buf(), source: std::io::Error::other(error) };
    write_atomically(path, &bytes_of(rows).map_err(failed)?)
}

fn bytes_of(rows: &[ProbeRow]) -> Result<Vec<u8>, ParquetError> {
    let schema = Arc::new(parse_message_type(SCHEMA)?);
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_created_by("rpycbench".to_owned())
        .build();
    let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties))?;
    let mut group = file.next_row_group()?;
    let text = |of: &dyn Fn(&ProbeRow) -> &str| rows.iter().map(|row| ByteArray::from(of(row))).collect::<Vec<_>>();
    let numbers = |of: &dyn Fn(&ProbeRow) -> i64| rows.iter().map(of).collect::<Vec<_>>();
    column::<ByteArrayType>(&mut group, &text(&|row| &row.host), None)?;
    column::<Int32Type>(&mut group, &rows.iter().map(|row| row.session).collect::<Vec<_>>(), None)?;
    column::<Int64Type>(&mut group, &numbers(&|row| row.number), None)?;
    column::<ByteArrayType>(&mut group, &text(&|row| &row.transport), None)?;
    column::<Int64Type>(&mut group, &numbers(&|row| row.t1_ns), None)?;
    for stamp in 0..3 {
        let mut values = Optional::default();
        rows.iter().for_each(|row| values.push(row.answer_ns.map(|stamps| stamps[stamp])));
        column::<Int64Type>(&mut group, &values.values, Some(&values.present))?;
    }
    for stamp in 0..4 {
        let by_kernel: Vec<bool> = rows.iter().map(|row| row.by_kernel[stamp]).collect();
        column::<BoolType>(&mut group, &by_kernel, None)?;
    }
    group.close()?;
    file.into_inner()
}

/// Reads what [`write`] wrote; nothing where there is no such file.
///
/// # Errors
/// When it is something else.
pub fn read(path: &Path) -> Result<Vec<ProbeRow>, FolderError> {
    let failed = |source: std::io::Error| FolderError { path: path.to_path_buf(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    // The library asserts some of what it reads: damage at the right place would end the program.
    let found = panic::catch_unwind(|| rows_of(file));
    let found = found.unwrap_or_else(|_| Err(ParquetError::General("it is damaged".to_owned())));
    found.map_err(|error| failed(std::io::Error::other(error)))
}

fn rows_of(file: File) -> Result<Vec<ProbeRow>, ParquetError> {
    let reader = SerializedFileReader::new(file)?;
    let mut rows = Vec::new();
    for row in reader.get_row_iter(None)? {
        let row = row?;
        // A stamp that is missing is an error to the library; all three are there or none.
        let answer = || Ok::<_, ParquetError>([row.get_long(5)?, row.get_long(6)?, row.get_long(7)?]);
        rows.push(ProbeRow {
            host: row.get_string(0)?.clone(),
            session: row.get_int(1)?,
            number: row.get_long(2)?,
            transport: row.get_string(3)?.clone(),
            t1_ns: row.get_long(4)?,
            answer_ns: answer().ok(),
            by_kernel: [row.get_bool(8)?, row.get_bool(9)?, row.get_bool(10)?, row.get_bool(11)?],
        });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_are_read_as_they_were_written_also_those_that_were_lost() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("clock.parquet");
        assert_eq!(read(&path).expect("nothing to read"), []);
        let row = |number, answer_ns| ProbeRow {
            host: "hurin".to_owned(),
            session: 1,
            number,
            transport: "udp".to_owned(),
            t1_ns: i64::MAX - number,
            answer_ns,
            by_kernel: [true, false, true, number == 1],
        };
        let rows = [row(1, Some([-5, 6, 7])), row(2, None), row(3, Some([8, 9, 10]))];
        write(&path, &rows).expect("it is written");
        assert_eq!(read(&path).expect("it is read"), rows);
    }
}
