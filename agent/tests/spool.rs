//! What is kept is found again, as it was, and nothing else is.

#![expect(clippy::expect_used, reason = "test code: a panic is how a test fails")]

use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rpycbench_agent::spool::{KEPT_FOR, Spool, SpoolError, sweep};
use rpycbench_measure::{Samples, Stamps};
use rpycbench_proto::message::{Begin, CellName, Driven, Kept, Part, Stamped, Stream};
use tempfile::TempDir;

fn stream(agent: &str, workload: &str) -> Stream {
    let cell = CellName { topology: "lan".into(), server: "rpyc".into(), workload: workload.into(), block: 1 };
    Stream { run_id: "run-1".into(), agent: agent.into(), cell, attempt: 1, part: Part::Samples }
}

fn begin(stream: &Stream) -> Begin {
    Begin { stream: stream.clone(), cpus: Vec::new() }
}

fn rows(count: u32) -> Samples {
    let numbers = || (0..count).map(i64::from);
    Samples {
        client: vec![0; count as usize],
        seq: (0..count).collect(),
        start_ns: numbers().collect(),
        end_ns: numbers().map(|start| start + 5).collect(),
        error: vec![0; count as usize],
        bytes_out: vec![1; count as usize],
        bytes_in: vec![2; count as usize],
        ..Samples::default()
    }
}

/// Keeps a stream of seven rows; returns its segments as they were sealed.
async fn keep(spool: &Spool, stream: &Stream, driven: Option<Driven>) -> Vec<Vec<u8>> {
    let (mut spooling, first) = spool.begin(begin(stream)).expect("there is room");
    let rows = [3, 4].map(|count| spooling.rows(rows(count)).expect("there is room"));
    let last = spooling.end(driven).await.expect("it is flushed");
    [vec![first], rows.to_vec(), vec![last]].concat()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let runs = fs::read_dir(folder.join("spool")).into_iter().flatten().flatten();
    runs.flat_map(|run| fs::read_dir(run.path()).expect("a folder").flatten().map(|file| file.path())).collect()
}

#[tokio::test]
async fn a_stream_is_read_as_it_was_sealed_until_it_is_forgotten() {
    let folder = TempDir::new().expect("a folder");
    let spool = Spool::of_host(folder.path());
    let (ours, theirs) = (stream("hurin", "calls"), stream("turin", "calls"));
    let sealed = keep(&spool, &ours, Some(Driven::default())).await;
    keep(&spool, &theirs, None).await;
    let read: Vec<Vec<u8>> = spool.read(&ours).expect("it is kept").map(|it| it.expect("it is whole").1).collect();
    assert_eq!(read, sealed);

    let kept = |agent: &str| spool.kept("run-1", agent).expect("it can be listed");
    assert_eq!(kept("hurin"), [Kept { stream: ours.clone(), samples: 7, whole: true }]);
    assert_eq!(kept("turin"), [Kept { stream: theirs.clone(), samples: 7, whole: false }]);
    assert_eq!(spool.kept("run-2", "hurin").expect("nothing to list"), []);

    spool.forget(&ours).expect("it can be removed");
    assert!(matches!(spool.read(&ours), Err(SpoolError::Unknown { .. })));
    spool.forget(&ours).expect("nothing is left to do");
    spool.forget(&theirs).expect("it can be removed");
    assert!(!folder.path().join("spool/run-1").exists(), "the last one takes the run's folder along");
}

#[tokio::test]
async fn r14_a_stream_that_was_cut_anywhere_is_kept_up_to_there() {
    let folder = TempDir::new().expect("a folder");
    let spool = Spool::of_host(folder.path());
    let stream = stream("hurin", "calls");
    let sealed = keep(&spool, &stream, Some(Driven::default())).await;
    let file = files(folder.path()).remove(0);
    let bytes = fs::read(&file).expect("a file");
    let ends: Vec<usize> = (1..=sealed.len()).map(|count| sealed[..count].iter().map(Vec::len).sum()).collect();
    for length in (0..bytes.len()).rev() {
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(&file, &bytes[..length]).expect("it can be cut");
        let whole = ends.iter().filter(|&&end| end <= length).count();
        let expected = match whole {
            0 => None,
            1 => Some(0),
            2 => Some(3),
            _ => Some(7),
        };
        let kept = spool.kept("run-1", "hurin").expect("it can be listed");
        assert_eq!(kept.first().map(|kept| (kept.samples, kept.whole)), expected.map(|rows| (rows, false)), "{length}");
        assert_eq!(file.exists(), expected.is_some(), "nothing is in a file of {length} bytes");
    }
}

#[tokio::test]
async fn an_attempt_is_kept_once() {
    let folder = TempDir::new().expect("a folder");
    let spool = Spool::of_host(folder.path());
    let stream = stream("hurin", "calls");
    keep(&spool, &stream, None).await;
    let refusal = spool.begin(begin(&stream)).expect_err("it is kept").to_string();
    assert!(refusal.starts_with("samples of attempt 1 at lan/rpyc/calls/b1 are already kept in "), "{refusal}");
    spool.begin(begin(&Stream { attempt: 2, ..stream })).expect("another attempt is another stream");
}

#[tokio::test]
async fn samples_and_stamps_of_one_attempt_are_two_streams() {
    let folder = TempDir::new().expect("a folder");
    let spool = Spool::of_host(folder.path());
    let samples = stream("hurin", "calls");
    let stamps = Stream { part: Part::Stamps, ..samples.clone() };
    let of_samples = keep(&spool, &samples, Some(Driven::default())).await;
    let (mut spooling, first) = spool.begin(begin(&stamps)).expect("another stream");
    let mut rows = Stamps::default();
    rows.push(40_000, 10, Some(12));
    rows.push(40_000, 20, None);
    let second = spooling.stamps(rows).expect("there is room");
    let last = spooling.end_stamps(Some(Stamped { full: false })).await.expect("it is flushed");

    let read = |stream| -> Vec<Vec<u8>> {
        spool.read(stream).expect("it is kept").map(|it| it.expect("it is whole").1).collect()
    };
    assert_eq!((read(&stamps), read(&samples)), (vec![first, second, last], of_samples));
    let mut kept = spool.kept("run-1", "hurin").expect("it can be listed");
    kept.sort_by_key(|kept| kept.stream.part);
    let whole = |stream: &Stream, samples| Kept { stream: stream.clone(), samples, whole: true };
    assert_eq!(kept, [whole(&samples, 7), whole(&stamps, 2)]);
    spool.forget(&samples).expect("it can be removed");
    assert_eq!(spool.kept("run-1", "hurin").expect("it can be listed"), [whole(&stamps, 2)]);
}

#[tokio::test]
async fn names_cannot_lead_out_of_the_spool() {
    let folder = TempDir::new().expect("a folder");
    let spool = Spool::of_host(folder.path());
    keep(&spool, &stream("../../hurin", "/etc/\n../passwd"), None).await;
    let found = files(folder.path());
    assert!(found.len() == 1 && found[0].starts_with(folder.path().join("spool/run-1")), "{found:?}");
}

#[test]
fn samples_that_do_not_fit_are_refused_with_how_much_is_free() {
    let folder = TempDir::new().expect("a folder");
    let spool = Spool::of_host(&folder.path().join("not/there/yet"));
    spool.room_for(1).expect("one byte is free");
    let refusal = spool.room_for(u64::MAX).expect_err("no disk is as large").to_string();
    assert!(refusal.contains("KiB of samples and stamps do not fit") && refusal.contains("are free in /"), "{refusal}");
}

#[tokio::test]
async fn what_nobody_came_back_for_is_swept_and_nothing_younger() {
    let folder = TempDir::new().expect("a folder");
    let spool = Spool::of_host(folder.path());
    let (old, young) = (stream("hurin", "old"), stream("hurin", "young"));
    keep(&spool, &old, None).await;
    let now = SystemTime::now();
    let long_ago = now - KEPT_FOR - Duration::from_secs(60);
    let file = File::options().write(true).open(&files(folder.path())[0]).expect("a file");
    file.set_times(FileTimes::new().set_modified(long_ago)).expect("its time can be set");
    keep(&spool, &young, None).await;
    sweep(folder.path(), now);
    assert!(spool.read(&old).is_err() && spool.read(&young).is_ok());
}
