//! What was sealed is opened as it was, and nothing else is.

use proptest::collection::vec;
use proptest::prelude::*;
use rpycbench_measure::{ClientPairing, Samples, Stamps};
use rpycbench_proto::message::{Begin, CellName, Driven, End, Part, Stamped, Stream};
use rpycbench_proto::segment::{Chain, Segment, SegmentError};

fn begin(attempt: u32) -> Begin {
    let cell = CellName { topology: "lan".into(), server: "rpyc".into(), workload: "calls".into(), block: 1 };
    let stream = Stream { run_id: "run-1".into(), agent: "hurin".into(), cell, attempt, part: Part::Samples };
    Begin { stream, cpus: vec![1] }
}

/// Rows whose times may be anything, also what no clock says.
fn samples() -> impl Strategy<Value = Samples> {
    type Row = (u32, u32, i64, i64, u32, i64, i64, Option<i64>, Option<i64>, Option<u16>);
    (vec(any::<Row>(), 0..60), vec(".{0,10}", 0..4), any::<bool>()).prop_map(|(rows, errors, connects)| {
        let mut samples = Samples { errors, ..Samples::default() };
        for (client, seq, start, end, error, bytes_out, bytes_in, tcp, handshake, port) in rows {
            samples.client.push(client);
            samples.seq.push(seq);
            samples.start_ns.push(start);
            samples.end_ns.push(end);
            samples.error.push(error % (samples.errors.len() as u32 + 1));
            samples.bytes_out.push(bytes_out);
            samples.bytes_in.push(bytes_in);
            samples.client_port.push(port);
            if connects {
                samples.tcp_ns.push(tcp);
                samples.handshake_ns.push(handshake);
            }
        }
        // A column of nulls and no column are the same.
        for column in [&mut samples.tcp_ns, &mut samples.handshake_ns] {
            if column.iter().all(Option::is_none) {
                column.clear();
            }
        }
        if samples.client_port.iter().all(Option::is_none) {
            samples.client_port.clear();
        }
        samples
    })
}

fn driven() -> impl Strategy<Value = Option<Driven>> {
    let client = any::<(Option<u16>, u64, u64, u64, Option<String>)>();
    let client = client.prop_map(|(port, first, one, other, unpaired)| match unpaired {
        Some(why) => ClientPairing::Unknown(why),
        None => ClientPairing::Rows { port, first, each: one.max(other), waited: one.min(other) },
    });
    let driven = (any::<(u64, f64, u64)>(), vec(client, 0..4)).prop_map(|(figures, clients)| {
        let (expected, round_trips_per_call, connections_opened) = figures;
        Driven { expected, round_trips_per_call, connections_opened, clients }
    });
    proptest::option::of(driven)
}

/// Stamps at any time, also what no clock says.
fn stamps() -> impl Strategy<Value = Stamps> {
    vec(any::<(u16, i64, Option<i64>)>(), 0..60).prop_map(|rows| {
        let mut stamps = Stamps::default();
        rows.into_iter().for_each(|(port, received, answered)| stamps.push(port, received, answered));
        stamps
    })
}

fn begin_stamps() -> Begin {
    let Begin { stream, .. } = begin(1);
    Begin { stream: Stream { part: Part::Stamps, ..stream }, cpus: Vec::new() }
}

/// A stream's segments, sealed.
fn sealed(batches: &[Samples], driven: Option<&Driven>) -> Vec<Vec<u8>> {
    let mut chain = Chain::default();
    let mut segments = vec![chain.begin(begin(1))];
    segments.extend(batches.iter().map(|batch| chain.rows(batch.clone())));
    segments.push(chain.end(driven.cloned()));
    segments
}

/// Three rows in two batches.
fn small() -> Vec<Vec<u8>> {
    let batch = |rows: std::ops::Range<i64>| {
        let mut samples = Samples::default();
        for row in rows {
            samples.client.push(0);
            samples.seq.push(row as u32);
            samples.start_ns.push(row * 10);
            samples.end_ns.push(row * 10 + 5);
            samples.error.push(0);
            samples.bytes_out.push(1);
            samples.bytes_in.push(2);
        }
        samples
    };
    sealed(&[batch(0..2), batch(2..3)], Some(&Driven { expected: 3, ..Driven::default() }))
}

/// Opens as much as can be opened: how many segments, and what was wrong with the next.
fn open(mut bytes: &[u8]) -> (u64, Option<SegmentError>) {
    let mut chain = Chain::default();
    let mut opened = 0;
    while !bytes.is_empty() {
        match chain.open(bytes) {
            Ok((_, length)) => bytes = &bytes[length..],
            Err(error) => return (opened, Some(error)),
        }
        opened += 1;
    }
    (opened, None)
}

#[test]
fn samples_have_no_place_among_stamps_nor_stamps_among_samples() {
    let senseless = |begin, second: &dyn Fn(&mut Chain) -> Vec<u8>| {
        let mut chain = Chain::default();
        let bytes = [chain.begin(begin), second(&mut chain)].concat();
        match open(&bytes) {
            (1, Some(SegmentError::Senseless { number: 1, what })) => what,
            other => panic!("{other:?}"),
        }
    };
    let samples = |chain: &mut Chain| chain.rows(Samples::default());
    let stamps = |chain: &mut Chain| chain.stamps(Stamps::default());
    assert!(senseless(begin_stamps(), &samples).contains("has no place there"));
    assert!(senseless(begin(1), &stamps).contains("has no place there"));
    let driven = |chain: &mut Chain| chain.end(Some(Driven::default()));
    let stamped = |chain: &mut Chain| chain.end_stamps(Some(Stamped::default()));
    assert_eq!(senseless(begin_stamps(), &driven), "is not the end of stamps");
    assert_eq!(senseless(begin(1), &stamped), "is not the end of samples");
}

proptest! {
    #[test]
    fn a_stream_of_stamps_is_opened_as_it_was_sealed(batches in vec(stamps(), 0..5), full: Option<bool>) {
        let stamped = full.map(|full| Stamped { full });
        let mut sealing = Chain::default();
        let mut bytes = sealing.begin(begin_stamps());
        batches.iter().for_each(|batch| bytes.extend(sealing.stamps(batch.clone())));
        bytes.extend(sealing.end_stamps(stamped));
        let (mut chain, mut rest, mut opened) = (Chain::default(), bytes.as_slice(), Vec::new());
        while !rest.is_empty() {
            let (segment, length) = chain.open(rest).map_err(|error| TestCaseError::fail(error.to_string()))?;
            opened.push(segment);
            rest = &rest[length..];
        }
        let rows: usize = batches.iter().map(Stamps::len).sum();
        let mut expected = vec![Segment::Begin(begin_stamps())];
        expected.extend(batches.into_iter().map(Segment::Stamps));
        expected.push(Segment::End(End { samples: rows as u64, failed: 0, driven: None, stamped }));
        prop_assert_eq!(opened, expected);
        prop_assert!(chain.has_ended());
    }

    #[test]
    fn a_stream_is_opened_as_it_was_sealed(batches in vec(samples(), 0..5), driven in driven()) {
        let bytes = sealed(&batches, driven.as_ref()).concat();
        let (mut chain, mut rest, mut opened) = (Chain::default(), bytes.as_slice(), Vec::new());
        while !rest.is_empty() {
            let (segment, length) = chain.open(rest).map_err(|error| TestCaseError::fail(error.to_string()))?;
            opened.push(segment);
            rest = &rest[length..];
        }
        let rows: usize = batches.iter().map(Samples::len).sum();
        let failed: usize = batches.iter().map(Samples::failed).sum();
        let end = End { samples: rows as u64, failed: failed as u64, driven, stamped: None };
        let mut expected = vec![Segment::Begin(begin(1))];
        expected.extend(batches.into_iter().map(Segment::Rows));
        expected.push(Segment::End(end));
        prop_assert_eq!(opened, expected);
        prop_assert!(chain.has_ended());
    }

    #[test]
    fn bytes_of_anything_else_are_refused_without_a_panic(bytes in vec(any::<u8>(), 0..300)) {
        prop_assert!(Chain::default().open(&bytes).is_err());
    }
}

#[test]
fn r14_a_stream_that_was_cut_anywhere_gives_every_whole_segment_and_says_where_it_is_torn() {
    let segments = small();
    let ends: Vec<usize> = segments
        .iter()
        .scan(0, |end, segment| {
            *end += segment.len();
            Some(*end)
        })
        .collect();
    let bytes = segments.concat();
    for length in 0..bytes.len() {
        let whole = ends.iter().filter(|&&end| end <= length).count() as u64;
        let (opened, error) = open(&bytes[..length]);
        assert_eq!(opened, whole, "cut after {length} bytes");
        let at_an_end = length == 0 || ends.contains(&length);
        assert_eq!(matches!(error, Some(SegmentError::Torn { number, .. }) if number == whole), !at_an_end);
    }
}

#[test]
fn r14_a_stream_with_any_byte_changed_is_opened_up_to_that_segment_and_no_further() {
    let segments = small();
    let bytes = segments.concat();
    for place in 0..bytes.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[place] ^= change;
            let mut end = 0;
            let whole = segments.iter().take_while(|segment| {
                end += segment.len();
                end <= place
            });
            let (opened, error) = open(&changed);
            assert!(
                opened == whole.count() as u64 && error.is_some(),
                "byte {place} changed by {change:#x}: {error:?}"
            );
        }
    }
}

#[test]
fn r13_a_segment_that_comes_again_or_too_early_is_refused_by_its_number() {
    let [first, second, third, ..] = small().try_into().map(|it: [Vec<u8>; 4]| it).expect("four segments");
    let mut chain = Chain::default();
    chain.open(&first).expect("it is due");
    assert_eq!(chain.open(&first).err(), Some(SegmentError::Number { due: 1, found: 0 }));
    assert_eq!(chain.open(&third).err(), Some(SegmentError::Number { due: 1, found: 2 }));
    // A refusal leaves the chain as it was.
    chain.open(&second).expect("it is due");
    chain.open(&third).expect("it is due");
}

#[test]
fn r13_a_segment_of_another_attempt_does_not_fit() {
    let mut other = Chain::default();
    other.begin(begin(2));
    let forged = other.rows(Samples::default());
    let mut chain = Chain::default();
    chain.open(&small()[0]).expect("it is due");
    assert_eq!(chain.open(&forged).err(), Some(SegmentError::Hash { number: 1 }));
}

#[test]
fn nothing_comes_before_the_beginning_or_after_the_end() {
    let mut chain = Chain::default();
    let early = chain.clone().rows(Samples::default());
    assert!(matches!(Chain::default().open(&early), Err(SegmentError::Senseless { number: 0, .. })));
    let (begin, end) = (chain.begin(begin(1)), chain.end(None));
    let late = chain.rows(Samples::default());
    let mut opening = Chain::default();
    opening.open(&begin).expect("it is due");
    opening.open(&end).expect("it is due");
    let refusal = opening.open(&late).expect_err("it is over").to_string();
    assert_eq!(refusal, "segment 2 comes after the end");
}

#[test]
fn a_length_that_no_segment_has_is_not_waited_for() {
    let mut bytes = small().concat();
    bytes[..4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(Chain::default().open(&bytes), Err(SegmentError::TooLong { number: 0, .. })));
}
