//! The files of samples, whole, damaged and somebody else's.

use std::fs;

use rpycbench_controller::store::samples;
use rpycbench_controller::store::table::{CellKey, TableError};
use tempfile::TempDir;

use crate::four_calls;
use crate::run_folder::{self, manifest, write};

#[test]
fn a_truncated_file_is_an_error_that_names_it_wherever_it_was_cut() {
    let (folder, manifest) = four_calls();
    let path = folder.path().join(&manifest.cells[0].samples);
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let error = samples::read(&path).unwrap_err();
        assert!(error.to_string().contains("0000.parquet"), "cut to {length} bytes: {error}");
    }
}

#[test]
fn a_damaged_file_never_panics() {
    let (folder, manifest) = four_calls();
    let path = folder.path().join(&manifest.cells[0].samples);
    let whole = fs::read(&path).unwrap();
    for place in 0..whole.len() {
        for flip in [0x01, 0x80, 0xFF] {
            let mut damaged = whole.clone();
            damaged[place] ^= flip;
            fs::write(&path, &damaged).unwrap();
            // Without a checksum damage may read as other numbers; it must not end the program.
            drop(samples::read(&path));
        }
    }
}

#[test]
fn parquet_that_holds_no_samples_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("other.parquet");
    let schema =
        std::sync::Arc::new(parquet::schema::parser::parse_message_type("message m { required int32 a; }").unwrap());
    let file = fs::File::create(&path).unwrap();
    parquet::file::writer::SerializedFileWriter::new(file, schema, Default::default()).unwrap().close().unwrap();
    let error = samples::read(&path).unwrap_err();
    assert!(matches!(error, TableError::Foreign { .. }), "{error}");
    assert!(error.to_string().contains("no column ok"), "{error}");
}

#[test]
fn a_parquet_file_has_its_name_only_when_it_is_whole() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("a.parquet");
    let key = CellKey {
        topology: "t".to_owned(),
        server: "s".to_owned(),
        workload: "w".to_owned(),
        driver: "python".to_owned(),
        block: 1,
    };
    let mut writer = samples::SamplesWriter::create(&path, key).unwrap();
    writer.append(&run_folder::samples(&[1_000]), run_folder::EPOCH_NS).unwrap();
    assert!(!path.exists());
    assert_eq!(writer.finish().unwrap(), 1);
    let columns = samples::read(&path).unwrap();
    assert_eq!((columns.start_ns, columns.end_ns, columns.ok), (vec![1_000_000], vec![1_001_000], vec![true]));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn samples_come_back_over_the_border_of_a_row_group() {
    let folder = TempDir::new().unwrap();
    let mut manifest = manifest(1);
    let durations: Vec<i64> = (0..300_000).map(|n| if n % 1000 == 7 { -5 } else { n % 997 + 1 }).collect();
    write(folder.path(), &mut manifest, |_| Some(run_folder::samples(&durations)));
    let columns = samples::read(&folder.path().join(&manifest.cells[0].samples)).unwrap();
    let came_back = columns.start_ns.iter().zip(&columns.end_ns).zip(&columns.ok);
    let came_back: Vec<i64> = came_back.map(|((start, end), ok)| if *ok { end - start } else { start - end }).collect();
    assert!(came_back == durations);
}

#[test]
fn times_of_the_server_are_entered_and_nothing_else_changes() {
    let folder = TempDir::new().unwrap();
    let mut manifest = manifest(1);
    let durations: Vec<i64> = (0..200_000).map(|n| if n % 1000 == 7 { -5 } else { n % 997 + 1 }).collect();
    write(folder.path(), &mut manifest, |_| Some(run_folder::samples(&durations)));
    let path = folder.path().join(&manifest.cells[0].samples);
    let before = samples::read(&path).unwrap();
    let time = |row: i64| samples::ServerTime { received_ns: row, answered_ns: row + 1, bound_ns: 7 };
    let times: Vec<_> = (0..200_000).map(|row| (row % 3 != 0).then(|| time(row))).collect();
    // What is entered again replaces what was.
    for times in [vec![Some(time(5)); times.len()], times] {
        samples::enter_server_times(&path, &times).unwrap();
        assert!(samples::read(&path).unwrap() == before);
        let entered = run_folder::int64s(&path, ["server_recv_ns", "server_send_ns", "clock_bound_ns"]);
        let expected = times.iter().map(|it| match it {
            Some(it) => [Some(it.received_ns), Some(it.answered_ns), Some(it.bound_ns)],
            None => [None; 3],
        });
        assert!(entered == expected.collect::<Vec<_>>());
    }
    let whole = fs::read(&path).unwrap();
    let error = samples::enter_server_times(&path, &[None; 3]).unwrap_err();
    assert!(error.to_string().contains("other rows"), "{error}");
    assert!(fs::read(&path).unwrap() == whole);
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
}
