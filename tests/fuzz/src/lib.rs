//! What parses bytes that a stranger may have chosen, each as one function over any bytes.
//!
//! A new one is a function here, a row in [`TARGETS`] and a folder in `corpus/` with what it takes and what it refuses.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use prost::Message;
use prost::bytes::Bytes;
use rpycbench_agent::limits::Limits;
use rpycbench_certs::enrol::Code;
use rpycbench_certs::{Holder, Validity};
use rpycbench_controller::plan::Plan;
use rpycbench_controller::store::{samples as of_samples, stamps as of_stamps};
use rpycbench_controller::{report, results};
use rpycbench_proto::frame::{CommandFrame, EventFrame};
use rpycbench_proto::segment::{Chain, Segment};
use rpycbench_proto::{InvalidMessage, pb};
use tokio_rustls::rustls::pki_types::CertificateDer;

/// Takes any bytes without a panic and with little memory, and says whether they were something.
pub type Target = fn(&[u8]) -> bool;

/// All targets, by the names of their folders.
pub const TARGETS: [(&str, Target); 10] = [
    ("plan", plan),
    ("limits", limits),
    ("enrolment-code", enrolment_code),
    ("command-frame", command_frame),
    ("event-frame", event_frame),
    ("segments", segments),
    ("certificate", certificate),
    ("run", run),
    ("samples", samples),
    ("stamps", stamps),
];

/// A plan as a user is given it by somebody else.
fn plan(bytes: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(bytes) else { return false };
    let Ok(plan) = Plan::parse(Path::new("plan.toml"), text) else { return false };
    // What `check` prints of it.
    let guesses = plan.cells().into_iter().map(|cell| (plan.cell_name(cell).to_string().len(), plan.guess(cell)));
    assert!(guesses.take(1000).all(|(length, guess)| length > 0 && !guess.is_zero()));
    true
}

/// An administrator's limits.
fn limits(bytes: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(bytes) else { return false };
    let listen = IpAddr::V4(Ipv4Addr::LOCALHOST);
    Limits::parse(Path::new("limits.toml"), text, Some(listen)).is_ok_and(|limits| !limits.keys().is_empty())
}

/// A code as somebody has pasted it.
fn enrolment_code(bytes: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(bytes) else { return false };
    let Ok(code) = text.parse::<Code>() else { return false };
    assert_eq!(code.to_string().parse(), Ok(code), "a code is read as it is printed");
    true
}

/// What a controller says to an agent.
fn command_frame(bytes: &[u8]) -> bool {
    said_again::<pb::CommandFrame, CommandFrame>(bytes)
}

/// What an agent says to a controller.
fn event_frame(bytes: &[u8]) -> bool {
    said_again::<pb::EventFrame, EventFrame>(bytes)
}

/// What lies in a spool, or is said to.
fn segments(bytes: &[u8]) -> bool {
    let (mut chain, mut rest, mut rows) = (Chain::default(), bytes, 0);
    while !rest.is_empty() {
        let before = chain.clone();
        match chain.open(rest) {
            Ok((segment, length)) => {
                match segment {
                    Segment::Rows(samples) => {
                        assert!(samples.is_rectangular(), "rows are whole");
                        rows += samples.len() as u64;
                    }
                    Segment::Stamps(stamps) => {
                        assert!(stamps.is_rectangular(), "rows are whole");
                        rows += stamps.len() as u64;
                    }
                    Segment::Begin(_) | Segment::End(_) => {}
                }
                rest = &rest[length..];
            }
            Err(_) => {
                assert_eq!(chain, before, "what is refused leaves no trace");
                return false;
            }
        }
    }
    assert_eq!(chain.samples(), rows, "rows are counted");
    chain.has_ended()
}

/// Whether the bytes are a frame. What was understood of it says the same when it is said again.
fn said_again<Wire, Frame>(bytes: &[u8]) -> bool
where
    Wire: Message + Default + From<Frame>,
    Frame: TryFrom<Wire, Error = InvalidMessage>,
{
    let Some(frame) = Wire::decode(bytes).ok().and_then(|wire| Frame::try_from(wire).ok()) else { return false };
    let said = Wire::from(frame).encode_to_vec();
    let heard = Wire::decode(&said[..]).ok().and_then(|wire| Frame::try_from(wire).ok());
    let heard = heard.map(|frame| Wire::from(frame).encode_to_vec());
    assert_eq!(heard, Some(said), "a frame is heard as it was said");
    true
}

/// A certificate, as DER whom it names, and as PEM until when it is good.
fn certificate(bytes: &[u8]) -> bool {
    let named = Holder::of(&CertificateDer::from(bytes));
    let dated = str::from_utf8(bytes).map(Validity::of);
    named.is_ok_and(|holder| holder.to_string().starts_with("spiffe://")) || dated.is_ok_and(|dated| dated.is_ok())
}

/// The `run.json` of a folder that somebody has sent, whose samples are missing: results and report are made all the same.
fn run(bytes: &[u8]) -> bool {
    let Ok(manifest) = results::parse_manifest(Path::new("run.json"), bytes) else { return false };
    let nowhere = Path::new("nowhere");
    let results = results::compute_of(nowhere, &manifest);
    let report = report::text(&manifest, &results);
    let page = report::page(&manifest, &results, &results::curves::of(nowhere, &manifest), None);
    report.is_ok_and(|text| !text.is_empty()) && page.is_ok_and(|page| page.ends_with("</html>\n"))
}

/// A file of samples from there.
fn samples(bytes: &[u8]) -> bool {
    let columns = of_samples::read_from(Bytes::copy_from_slice(bytes), Path::new("samples.parquet"));
    columns.is_ok_and(|columns| columns.start_ns.len() == columns.end_ns.len())
}

/// A file of stamps from there.
fn stamps(bytes: &[u8]) -> bool {
    let stamps = of_stamps::read_from(Bytes::copy_from_slice(bytes), Path::new("stamps.parquet"));
    stamps.is_ok_and(|stamps| stamps.is_rectangular())
}
