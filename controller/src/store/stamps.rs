//! `stamps/*.parquet`: when a server had received each request and answered it, one file per cell.

use std::panic::UnwindSafe;
use std::path::Path;

use parquet::data_type::{Int32Type, Int64Type};
use parquet::file::reader::ChunkReader;
use rpycbench_measure::Stamps;

use super::table::read::{self, Problem, Reading, int32, int64, narrowed, optional, required};
use super::table::{CellKey, Optional, ROW_GROUP_ROWS, Table, TableError, column};

const SCHEMA: &str = "
message stamp {
    required binary topology (STRING);
    required binary server (STRING);
    required binary workload (STRING);
    required binary driver (STRING);
    required int32 block;
    required int32 peer_port;
    required int64 received_ns;
    optional int64 answered_ns;
}";

/// Numbers that grow from row to row.
const GROWING: [&str; 2] = ["received_ns", "answered_ns"];

/// Writes the stamps of one cell.
pub struct StampsWriter {
    table: Table,
    rows: Stamps,
}

impl StampsWriter {
    /// Starts the file of a cell. `path` comes to exist when [`finish`](Self::finish) is called; until then there is
    /// `path` + `.part`.
    ///
    /// # Errors
    /// When that cannot be made.
    pub fn create(path: &Path, key: CellKey) -> Result<Self, TableError> {
        Ok(Self { table: Table::create(path, key, SCHEMA, &GROWING)?, rows: Stamps::default() })
    }

    /// Adds rows. Their times become relative to `epoch_ns` of the same clock.
    ///
    /// # Errors
    /// When the batch cannot be rows, of which none is then kept, or rows cannot be written.
    pub fn append(&mut self, stamps: &Stamps, epoch_ns: i64) -> Result<(), TableError> {
        let times = || stamps.received_ns.iter().copied().chain(stamps.answered_ns.iter().copied().flatten());
        if !stamps.is_rectangular() {
            return Err(self.table.refuse("its columns differ in length".to_owned()));
        }
        if let Some(time) = times().find(|time| time.checked_sub(epoch_ns).is_none()) {
            return Err(self.table.refuse(format!("the time {time} is out of range for the epoch {epoch_ns}")));
        }
        for row in 0..stamps.len() {
            let answered_ns = stamps.answered_ns[row].map(|answered| answered - epoch_ns);
            self.rows.push(stamps.peer_port[row], stamps.received_ns[row] - epoch_ns, answered_ns);
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

    fn flush(&mut self) -> Result<(), TableError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.rows);
        let ports: Vec<i32> = rows.peer_port.iter().copied().map(i32::from).collect();
        let mut answered = Optional::default();
        rows.answered_ns.iter().for_each(|&time| answered.push(time));
        self.table.write(rows.len(), |group| {
            column::<Int32Type>(group, &ports, None)?;
            column::<Int64Type>(group, &rows.received_ns, None)?;
            column::<Int64Type>(group, &answered.values, Some(&answered.present))
        })
    }
}

/// Reads what [`StampsWriter`] wrote: times relative to the serving host's epoch.
///
/// # Errors
/// When the file is missing, cut short or something else; the error names it.
pub fn read(path: &Path) -> Result<Stamps, TableError> {
    read_from(read::open(path)?, path)
}

/// [`read`] of what may be anywhere; `path` is what errors name.
///
/// # Errors
/// As there.
pub fn read_from(source: impl ChunkReader + UnwindSafe + 'static, path: &Path) -> Result<Stamps, TableError> {
    read::read(source, path, "stamps", columns)
}

fn columns<S: ChunkReader + 'static>(file: &Reading<S>) -> Result<Stamps, Problem> {
    let port = file.place_of("peer_port")?;
    let [received, answered] = [file.place_of("received_ns")?, file.place_of("answered_ns")?];
    let (mut ports, mut stamps) = (Vec::new(), Stamps::default());
    for group in file.groups() {
        let group = &*group?;
        required(int32(group, port)?, &mut ports)?;
        required(int64(group, received)?, &mut stamps.received_ns)?;
        optional(int64(group, answered)?, &mut stamps.answered_ns)?;
    }
    file.check(&[ports.len(), stamps.received_ns.len(), stamps.answered_ns.len()])?;
    stamps.peer_port = ports.into_iter().map(narrowed).collect::<Result<_, _>>()?;
    Ok(stamps)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    const EPOCH_NS: i64 = 1_000;

    fn key() -> CellKey {
        let [topology, server, workload, driver] = ["t", "s", "w", "python"].map(str::to_owned);
        CellKey { topology, server, workload, driver, block: 1 }
    }

    /// Every third row is never answered.
    fn stamps(rows: i64) -> Stamps {
        let mut stamps = Stamps::default();
        for row in 0..rows {
            stamps.push(
                40_000 + (row % 7) as u16,
                EPOCH_NS + row * 10,
                (row % 3 != 2).then_some(EPOCH_NS + row * 10 + 4),
            );
        }
        stamps
    }

    #[test]
    fn stamps_come_back_relative_to_the_epoch_over_the_border_of_a_row_group() {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join("a.parquet");
        let mut writer = StampsWriter::create(&path, key()).expect("a file");
        let rows = ROW_GROUP_ROWS as i64 + 5;
        writer.append(&stamps(rows), EPOCH_NS).expect("rows");
        writer.append(&stamps(1), EPOCH_NS).expect("rows");
        assert!(!path.exists(), "it has its name only when it is whole");
        assert_eq!(writer.finish().expect("a whole file"), rows as u64 + 1);
        let read = read(&path).expect("it can be read");
        assert_eq!((read.len() as i64, read.received_ns[0], read.answered_ns[0]), (rows + 1, 0, Some(4)));
        assert_eq!((read.peer_port[2], read.received_ns[2], read.answered_ns[2]), (40_002, 20, None));
        assert_eq!(read.received_ns[rows as usize - 1], (rows - 1) * 10);
    }

    #[test]
    fn a_cell_without_a_request_has_a_file_without_rows() {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join("a.parquet");
        assert_eq!(StampsWriter::create(&path, key()).expect("a file").finish().expect("a whole file"), 0);
        assert!(read(&path).expect("it can be read").is_empty());
    }

    #[test]
    fn a_time_out_of_range_is_refused_and_so_is_what_holds_no_stamps() {
        let folder = TempDir::new().expect("a folder");
        let path = folder.path().join("a.parquet");
        let mut writer = StampsWriter::create(&path, key()).expect("a file");
        let mut early = Stamps::default();
        early.push(1, i64::MIN, None);
        let refusal = writer.append(&early, 1).expect_err("no such time").to_string();
        assert!(refusal.contains("out of range for the epoch 1"), "{refusal}");
        writer.append(&stamps(9), EPOCH_NS).expect("rows");
        writer.finish().expect("a whole file");
        let whole = fs::read(&path).expect("a file");
        for length in (0..whole.len()).step_by(7) {
            fs::write(&path, &whole[..length]).expect("it can be cut");
            assert!(read(&path).expect_err("it is cut").to_string().contains("a.parquet"));
        }
        fs::write(&path, &whole).expect("it can be mended");
        let refusal = crate::store::samples::read(&path).expect_err("no samples").to_string();
        assert!(refusal.contains("does not hold samples: it has no column ok"), "{refusal}");
    }
}
