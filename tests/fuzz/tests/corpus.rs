//! The corpus, as it is and damaged in every place.

#![expect(clippy::expect_used, reason = "test code: a panic is how a test fails")]

use std::fs;
use std::path::{Path, PathBuf};

use rpycbench_fuzz::TARGETS;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// The files of a target: names and contents.
fn files(target: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(corpus().join(target)).expect("a folder of that target");
    let file = |path: PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        (name, fs::read(&path).expect("it can be read"))
    };
    entries.map(|entry| file(entry.expect("an entry").path())).collect()
}

#[test]
fn s9_of_what_strangers_send_what_is_malformed_is_refused() {
    let mut wrong = Vec::new();
    for (target, take) in TARGETS {
        let mut counts = [0, 0];
        for (name, bytes) in files(target) {
            let taken = take(&bytes);
            let expected = match name.split('-').next() {
                Some("valid") => true,
                Some("malformed") => false,
                // Whatever once went wrong with it, it has come to an end.
                Some("found") => continue,
                _ => panic!("{target}/{name} is neither valid, malformed nor found"),
            };
            counts[usize::from(taken)] += 1;
            if taken != expected {
                wrong.push(format!("{target}/{name}"));
            }
        }
        assert!(counts.iter().all(|&count| count >= 2), "{target}: {counts:?} malformed and valid");
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn every_folder_of_the_corpus_has_a_target() {
    for entry in fs::read_dir(corpus()).expect("a corpus") {
        let name = entry.expect("an entry").file_name();
        assert!(TARGETS.iter().any(|(target, _)| *target == name), "{name:?} has no target");
    }
}

#[test]
fn s9_what_is_cut_short_or_has_another_byte_is_taken_or_refused_and_nothing_else() {
    for (target, take) in TARGETS {
        for (_, bytes) in files(target) {
            for at in 0..bytes.len() {
                take(&bytes[..at]);
                let mut other = bytes.clone();
                for byte in [0, 0xff, bytes[at] ^ 1, bytes[at] ^ 0x80] {
                    other[at] = byte;
                    take(&other);
                }
            }
        }
    }
}
