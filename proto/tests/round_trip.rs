//! What one side says is what the other side hears.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use rpycbench_measure::histogram::HistogramParts;
use rpycbench_measure::{
    Call, ClientModel, FlaskMode, Placement, RpycMode, Server, ServerKind, Stack, Stamping, Workload,
};
use rpycbench_proto::message::{
    CellName, Consent, CpuUse, Exit, Failure, Kept, Link, Nonce, Open, Part, Pinned, PythonFacts, Stream,
};
use rpycbench_proto::{Command, Event, pb};

fn server() -> impl Strategy<Value = Server> {
    let kind = prop_oneof![
        Just(ServerKind::Rpyc(RpycMode::Threaded)),
        Just(ServerKind::Rpyc(RpycMode::Forking)),
        Just(ServerKind::Flask(FlaskMode::Threaded)),
    ];
    (kind, any::<u16>()).prop_map(|(kind, port)| Server { kind, port: NonZeroU16::new(port) })
}

fn workload() -> impl Strategy<Value = Workload> {
    let client_model = prop_oneof![Just(ClientModel::Threads), Just(ClientModel::Processes)];
    let call = prop_oneof![Just(Call::Attribute), Just(Call::Bound)];
    prop_oneof![
        any::<(u32, u32)>().prop_map(|(count, warmup)| Workload::Connect { count, warmup }),
        (any::<(u32, u32, u32)>(), client_model, call).prop_map(|((clients, requests, warmup), client_model, call)| {
            Workload::Closed { clients, requests, warmup, client_model, call }
        }),
    ]
}

fn placement() -> impl Strategy<Value = Placement> {
    prop_oneof![Just(Placement::Separate), Just(Placement::Same), Just(Placement::Free)]
}

fn stack() -> impl Strategy<Value = Stack> {
    prop_oneof![Just(Stack::Rpyc), Just(Stack::Http)]
}

fn name() -> impl Strategy<Value = CellName> {
    any::<(String, String, String, u32)>().prop_map(|(topology, server, workload, block)| CellName {
        topology,
        server,
        workload,
        block,
    })
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        (any::<(u32, [String; 2], u64)>(), "[a-zA-Z0-9-]{1,64}").prop_map(
            |((protocol, words, expected_ns), run_id)| {
                let [study, controller] = words;
                let expected = Duration::from_nanos(expected_ns);
                Command::Open(Open { protocol, run_id, study, controller, expected })
            }
        ),
        vec(stack(), 0..3).prop_map(|stacks| Command::Prepare { stacks }),
        (any::<(u32, u32, IpAddr)>(), server(), of(stamping()), placement(), name()).prop_map(
            |((cell, attempt, address), server, stamping, placement, name)| Command::Serve {
                cell,
                server,
                address,
                placement,
                name,
                attempt,
                stamping
            }
        ),
        (any::<(u32, u32, bool)>(), stack(), workload(), placement(), name()).prop_map(
            |((cell, attempt, stamped), stack, workload, placement, name)| Command::Arm {
                cell,
                stack,
                workload,
                placement,
                name,
                attempt,
                stamped
            }
        ),
        Just(Command::Collect),
        (any::<u32>(), stream()).prop_map(|(cell, stream)| Command::HandOver { cell, stream }),
        stream().prop_map(|stream| Command::Stored { stream }),
        (any::<(u32, IpAddr, u16)>(), of(consent())).prop_map(|((cell, address, port), consent)| Command::Drive {
            cell,
            target: SocketAddr::new(address, port),
            consent
        }),
        any::<(u32, Nonce)>().prop_map(|(cell, nonce)| Command::Agree { cell, nonce }),
        any::<u32>().prop_map(|cell| Command::Stop { cell }),
        any::<(IpAddr, Nonce)>().prop_map(|(address, nonce)| Command::Echo { address, nonce }),
        any::<(IpAddr, Vec<u16>, Nonce)>().prop_map(|(address, ports, nonce)| Command::Listen {
            address,
            ports,
            nonce
        }),
        (any::<(IpAddr, Vec<u16>)>(), of(consent())).prop_map(|((address, ports), consent)| Command::Reach {
            address,
            ports,
            consent
        }),
        (any::<(IpAddr, u16, u32)>(), of(consent())).prop_map(|((address, port, count), consent)| Command::Ping {
            target: SocketAddr::new(address, port),
            count,
            consent
        }),
    ]
}

fn stream() -> impl Strategy<Value = Stream> {
    ("[a-zA-Z0-9-]{1,64}", any::<(String, u32)>(), name(), part())
        .prop_map(|(run_id, (agent, attempt), cell, part)| Stream { run_id, agent, cell, attempt, part })
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![Just(Part::Samples), Just(Part::Stamps)]
}

fn stamping() -> impl Strategy<Value = Stamping> {
    (1..=Stamping::MOST, 1..=Stamping::MOST).prop_map(|(connections, each)| Stamping { connections, each })
}

fn exit() -> impl Strategy<Value = Exit> {
    let last_words = any::<(Option<i32>, Option<i32>, bool, String, [u64; 4])>();
    (last_words, of(cpu_use())).prop_map(|((code, signal, asked, stderr, figures), cpu_use)| {
        let [user_cpu_ns, system_cpu_ns, peak_memory_bytes, load_cpu_ns] = figures;
        Exit { code, signal, asked, stderr, user_cpu_ns, system_cpu_ns, peak_memory_bytes, load_cpu_ns, cpu_use }
    })
}

fn cpu_use() -> impl Strategy<Value = CpuUse> {
    any::<(u32, [u64; 3], [Option<u64>; 3])>().prop_map(|(cpus, times, told)| {
        let ([wall_ns, busy_ns, stolen_ns], [khz_before, khz_after, throttled]) = (times, told);
        CpuUse { wall_ns, cpus, busy_ns, stolen_ns, khz_before, khz_after, throttled }
    })
}

fn pinned() -> impl Strategy<Value = Pinned> {
    any::<(Vec<u32>, String)>().prop_map(|(cpus, note)| Pinned { cpus, note })
}

fn link() -> impl Strategy<Value = Link> {
    any::<([String; 4], Option<u32>, Option<u32>)>().prop_map(|(words, mtu, speed_mbit_s)| {
        let [interface, kind, driver, note] = words;
        Link { interface, kind, driver, mtu, speed_mbit_s, note }
    })
}

fn consent() -> impl Strategy<Value = Consent> {
    any::<(String, Vec<u8>)>().prop_map(|(certificate, signature)| Consent { certificate, signature })
}

fn event() -> impl Strategy<Value = Event> {
    let maybe_exit = || of(exit());
    prop_oneof![
        any::<(i64, Nonce)>().prop_map(|(epoch_ns, nonce)| Event::Opened { epoch_ns, nonce }),
        any::<(String, u32, u32)>().prop_map(|(what, done, total)| Event::Preparing { what, done, total }),
        any::<(String, String, BTreeMap<String, String>, bool)>().prop_map(
            |(python, implementation, packages, built)| {
                Event::Prepared(PythonFacts { python, implementation, packages, built })
            }
        ),
        (any::<(u32, IpAddr, u16, u64)>(), pinned()).prop_map(|((cell, address, port, startup_ns), pinned)| {
            Event::Serving { cell, address: SocketAddr::new(address, port), pinned, startup_ns }
        }),
        (any::<(u32, Nonce)>(), pinned()).prop_map(|((cell, nonce), pinned)| Event::Armed { cell, pinned, nonce }),
        (any::<u32>(), consent()).prop_map(|(cell, consent)| Event::Agreed { cell, consent }),
        (any::<(IpAddr, Vec<u16>)>(), consent()).prop_map(|((address, ports), consent)| Event::Listening {
            address,
            ports,
            consent
        }),
        Just(Event::Reached),
        (any::<(IpAddr, u16)>(), link(), consent()).prop_map(|((address, port), link, consent)| Event::Echoing {
            address: SocketAddr::new(address, port),
            link,
            consent
        }),
        (any::<(IpAddr, u16, Vec<i64>, u32)>(), link()).prop_map(|((address, port, round_trip_ns, lost), link)| {
            Event::Pinged { target: SocketAddr::new(address, port), round_trip_ns, lost, link }
        }),
        any::<(u32, u64, u64, Vec<u8>, u64, u64, i64)>().prop_map(|(cell, done, failed, v2, below, above, largest)| {
            Event::Progress { cell, done, failed, histogram: HistogramParts { v2, below, above, largest } }
        }),
        any::<(u32, String)>().prop_map(|(cell, trouble)| Event::HandedOver { cell, trouble }),
        (any::<(u32, Vec<u8>)>(), part()).prop_map(|((cell, sealed), part)| Event::Segment { cell, part, sealed }),
        vec((stream(), any::<(u64, bool)>()), 0..3).prop_map(|streams| Event::Kept {
            streams: streams.into_iter().map(|(stream, (samples, whole))| Kept { stream, samples, whole }).collect()
        }),
        (any::<u32>(), maybe_exit(), maybe_exit()).prop_map(|(cell, server, driver)| Event::Stopped {
            cell,
            server,
            driver
        }),
        (any::<(Option<u32>, String, String)>(), maybe_exit())
            .prop_map(|((cell, phase, reason), exit)| { Event::Failed(Failure { cell, phase, reason, exit }) }),
    ]
}

proptest! {
    #[test]
    fn a_command_arrives_as_it_was_sent(command in command()) {
        prop_assert_eq!(Command::try_from(pb::Command::from(command.clone())), Ok(command));
    }

    #[test]
    fn an_event_arrives_as_it_was_sent(event in event()) {
        prop_assert_eq!(Event::try_from(pb::Event::from(event.clone())), Ok(event));
    }
}

#[test]
fn r18_a_kind_of_server_this_version_does_not_know_is_refused_by_name() {
    let server = pb::Server { kind: Some(pb::server::Kind::Rpyc(pb::RpycServer { mode: 99 })), port: 0 };
    let address = "127.0.0.1".to_owned();
    let serve = pb::Serve { cell: 1, server: Some(server), address, placement: 1, ..pb::Serve::default() };
    let command = pb::Command { kind: Some(pb::command::Kind::Serve(serve)) };
    let refusal = Command::try_from(command).expect_err("an unknown mode");
    assert_eq!(refusal.to_string(), "invalid message: server.rpyc.mode has the unknown value 99");
}

#[test]
fn rows_that_no_server_can_be_asked_for_are_refused() {
    for (connections, each) in [(0, 1), (1, 0), (1 << 31, 1), (1, u32::MAX)] {
        let server = Server { kind: ServerKind::Rpyc(RpycMode::Threaded), port: None }.into();
        let serve = pb::Serve {
            server: Some(server),
            address: "127.0.0.1".to_owned(),
            placement: 1,
            stamping: Some(pb::Stamping { connections, each }),
            ..pb::Serve::default()
        };
        let command = pb::Command { kind: Some(pb::command::Kind::Serve(serve)) };
        let refusal = Command::try_from(command).expect_err("too few or too many").to_string();
        assert!(refusal.starts_with("invalid message: serve.stamping has counts from 1 to 2147483647"), "{refusal}");
    }
}

#[test]
fn a_run_whose_name_could_be_more_than_a_name_is_refused() {
    for run_id in ["", "../run", "run\ncell 3", "r\u{fc}n", &"r".repeat(65)] {
        let open = pb::Open { run_id: run_id.to_owned(), ..pb::Open::default() };
        let command = pb::Command { kind: Some(pb::command::Kind::Open(open)) };
        let refusal = Command::try_from(command).expect_err(run_id).to_string();
        assert!(refusal.starts_with("invalid message: open.run_id has 1 to 64 of"), "{refusal}");
    }
}

#[test]
fn an_address_that_is_a_name_is_refused() {
    let drive = pb::Drive { cell: 1, address: "example.invalid".to_owned(), port: 80, consent: None };
    let command = pb::Command { kind: Some(pb::command::Kind::Drive(drive)) };
    let refusal = Command::try_from(command).expect_err("a name");
    assert!(refusal.to_string().contains("drive.address is not a numeric address"), "{refusal}");
}
