//! An agent with the real API that does not keep to it. It serves and drives nothing; what it gets wrong is said in the
//! variable `LIE`. Laid beside a controller under the agent's name, it is started like the real one.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "test code: a panic is how a test fails")]

use std::io;
use std::pin::Pin;
use std::sync::Arc;

use rpycbench_certs::Identity;
use rpycbench_measure::{RunningHistogram, Samples, Stamps};
use rpycbench_proto::frame::{CommandFrame, EventFrame, Word};
use rpycbench_proto::message::{
    Begin, Consent, Driven, Link, Part, Pinned, PythonFacts, Stamped, Stream as StreamName,
};
use rpycbench_proto::pb::agent_server::{Agent, AgentServer};
use rpycbench_proto::segment::Chain;
use rpycbench_proto::{Command, Event, PROTOCOL, pb};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

/// Rows it sends and, unless it lies, counts.
const ROWS: u32 = 10;
/// What its clock says when the run is opened.
const EPOCH_NS: i64 = 1;
/// What it makes of the plan, where that is its lie.
const FEWER: u32 = 6;

#[tokio::main]
async fn main() {
    let mut order = String::new();
    io::stdin().read_line(&mut order).expect("an order");
    let order: serde_json::Value = serde_json::from_str(&order).expect("JSON");
    let identity: Identity = serde_json::from_value(order["identity"].clone()).expect("an identity");
    let acceptor = TlsAcceptor::from(Arc::new(identity.server_config().expect("TLS settings")));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("{{\"address\":\"{}\"}}", listener.local_addr().expect("an address"));

    let (sender, connections) = mpsc::channel::<io::Result<TlsStream<TcpStream>>>(4);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let stream = acceptor.accept(socket).await;
            if sender.send(stream).await.is_err() {
                break;
            }
        }
    });
    let controller_gone = tokio::task::spawn_blocking(|| io::stdin().read_line(&mut String::new()));
    let lie = std::env::var("LIE").expect("a lie");
    let agent = identity.holder().expect("a name").name;
    tonic::transport::Server::builder()
        .add_service(AgentServer::new(Liar { lie, agent }))
        .serve_with_incoming_shutdown(ReceiverStream::new(connections), async { drop(controller_gone.await) })
        .await
        .expect("it serves");
}

struct Liar {
    lie: String,
    agent: String,
}

#[tonic::async_trait]
impl Agent for Liar {
    async fn hello(&self, _: Request<pb::HelloRequest>) -> Result<Response<pb::HelloReply>, Status> {
        let protocol = if self.lie == "protocol" { PROTOCOL + 7 } else { PROTOCOL };
        Ok(Response::new(pb::HelloReply { protocol, build: "lying".to_owned(), ..pb::HelloReply::default() }))
    }

    type RunStream = Pin<Box<dyn Stream<Item = Result<pb::EventFrame, Status>> + Send>>;

    async fn run(&self, request: Request<Streaming<pb::CommandFrame>>) -> Result<Response<Self::RunStream>, Status> {
        let (lie, mut commands) = (self.lie.clone(), request.into_inner());
        let mut stream = StreamName { agent: self.agent.clone(), ..StreamName::default() };
        let (sender, events) = mpsc::channel(64);
        tokio::spawn(async move {
            let (mut taken, mut said) = (0, 0);
            while let Ok(Some(frame)) = commands.message().await {
                let mut frames = vec![EventFrame { acknowledged: taken, event: None }];
                match CommandFrame::try_from(frame).expect("a frame").word {
                    Word::Attach { .. } | Word::Beat => {}
                    Word::Leave => return,
                    Word::Command { number, command } => {
                        taken = number;
                        for event in answer(&lie, &mut stream, Arc::unwrap_or_clone(command)) {
                            said += 1;
                            frames.push(EventFrame { acknowledged: taken, event: Some((said, Arc::new(event))) });
                        }
                    }
                }
                for frame in frames {
                    if sender.send(Ok(pb::EventFrame::from(frame))).await.is_err() {
                        return;
                    }
                }
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(events))))
    }
}

fn answer(lie: &str, stream: &mut StreamName, command: Command) -> Vec<Event> {
    match command {
        Command::Open(open) => {
            stream.run_id = open.run_id;
            vec![Event::Opened { epoch_ns: EPOCH_NS, nonce: [0; 32] }]
        }
        Command::Prepare { .. } => vec![Event::Prepared(PythonFacts::default())],
        Command::Echo { address, .. } => {
            let (address, consent) = ((address, 1).into(), Consent::default());
            vec![Event::Echoing { address, link: Link::default(), consent }]
        }
        Command::Ping { target, .. } => {
            vec![Event::Pinged { target, round_trip_ns: vec![50_000], lost: 0, link: Link::default() }]
        }
        Command::Serve { cell, address, .. } => {
            vec![Event::Serving { cell, address: (address, 1).into(), pinned: Pinned::default(), startup_ns: 1 }]
        }
        Command::Arm { cell, name, attempt, .. } => {
            (stream.cell, stream.attempt) = (name, attempt);
            vec![Event::Armed { cell, pinned: Pinned::default(), nonce: [0; 32] }]
        }
        Command::Drive { cell, .. } => {
            let histogram = RunningHistogram::default().parts().expect("a histogram");
            let mut events = vec![Event::Progress { cell, done: 5, failed: 0, histogram }];
            let part = Part::Samples;
            events.extend(segments(lie, stream).into_iter().map(|sealed| Event::Segment { cell, part, sealed }));
            if lie == "no-end" {
                events.pop();
                events.push(Event::Stopped { cell, server: None, driver: None });
            }
            events
        }
        Command::Listen { address, ports, .. } => {
            vec![Event::Listening { address, ports, consent: Consent::default() }]
        }
        Command::Agree { cell, .. } => vec![Event::Agreed { cell, consent: Consent::default() }],
        Command::Reach { .. } => vec![Event::Reached],
        Command::Stop { cell } => {
            let (part, stamps) = (Part::Stamps, stamps(lie, stream).into_iter());
            let mut events: Vec<Event> = stamps.map(|sealed| Event::Segment { cell, part, sealed }).collect();
            events.push(Event::Stopped { cell, server: None, driver: None });
            events
        }
        Command::Collect => vec![Event::Kept { streams: Vec::new() }],
        Command::HandOver { .. } | Command::Stored { .. } => Vec::new(),
    }
}

fn segments(lie: &str, stream: &StreamName) -> Vec<Vec<u8>> {
    let mut stream = stream.clone();
    if lie == "attempt" {
        stream.attempt += 1;
    }
    let mut chain = Chain::default();
    let mut segments = vec![chain.begin(Begin { stream, cpus: Vec::new() }), chain.rows(rows(lie))];
    match lie {
        "twice" => segments.push(segments[1].clone()),
        // Made and not sent.
        "missing" => drop(chain.rows(rows(lie))),
        "changed" => segments[1][20] ^= 1,
        _ => {}
    }
    let expected = match lie {
        "early" => u64::from(ROWS) + 5,
        "fewer" => u64::from(FEWER),
        _ => u64::from(ROWS),
    };
    let driven = Driven { expected, round_trips_per_call: 1.0, connections_opened: 0, clients: Vec::new() };
    segments.push(chain.end(Some(driven)));
    segments
}

/// What its server has stamped: one request.
fn stamps(lie: &str, samples: &StreamName) -> Vec<Vec<u8>> {
    let mut stream = StreamName { part: Part::Stamps, ..samples.clone() };
    if lie == "stamps-of-another" {
        stream.part = Part::Samples;
    }
    let mut chain = Chain::default();
    let mut rows = Stamps::default();
    rows.push(40_000, 100, Some(200));
    let mut segments = vec![chain.begin(Begin { stream, cpus: Vec::new() }), chain.stamps(rows)];
    let stamped = (lie != "server-that-fell").then_some(Stamped { full: false });
    segments.push(chain.end_stamps(stamped));
    match lie {
        "no-stamps" => segments.clear(),
        "stamps-cut" => drop(segments.pop()),
        _ => {}
    }
    segments
}

fn rows(lie: &str) -> Samples {
    let mut samples = Samples::default();
    for seq in 0..if lie == "fewer" { FEWER } else { ROWS } {
        samples.client.push(0);
        samples.seq.push(seq);
        samples.start_ns.push(i64::from(seq) * 1000);
        samples.end_ns.push(i64::from(seq) * 1000 + 500);
        samples.error.push(0);
        samples.bytes_out.push(0);
        samples.bytes_in.push(4);
    }
    if lie == "before-all-time" {
        samples.start_ns[0] = i64::MIN;
    }
    samples
}
