//! Files of the run folder, as whoever knows Parquet reads them.

use std::fs::File;
use std::path::Path;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;

/// Columns of whole numbers, row by row.
///
/// # Panics
/// When the file is none, or has no such column.
pub fn int64s<const N: usize>(path: &Path, names: [&str; N]) -> Vec<[Option<i64>; N]> {
    let reader = SerializedFileReader::new(File::open(path).expect("a file")).expect("parquet");
    let rows = reader.get_row_iter(None).expect("rows");
    rows.map(|row| {
        let row = row.expect("a row");
        names.map(|name| {
            let (_, value) = row.get_column_iter().find(|(column, _)| *column == name).expect("a column");
            if let Field::Long(value) = value { Some(*value) } else { None }
        })
    })
    .collect()
}
