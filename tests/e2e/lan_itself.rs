//! The LAN that other tests stand on: what is set on a link is what its packets meet.

use std::io::{ErrorKind, Read};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};
use std::{fs, io, iter};

use rpycbench_tests::lan::{INTERFACE, Lan, Unavailable};
use rpycbench_tests::patience::eventually;

/// Far beyond any delay set here: a packet that takes longer was lost.
const LOST: Duration = Duration::from_secs(20);

/// A LAN, or the reason why there is none here, printed.
fn made(lan: Result<Lan, Unavailable>) -> Option<Lan> {
    lan.inspect_err(|why| println!("skipped: {why}")).ok()
}

/// UDP sockets of turin and hurin that send to each other.
struct Sockets {
    turin: UdpSocket,
    hurin: UdpSocket,
}

impl Sockets {
    fn of(lan: &Lan) -> Self {
        let bound = |host| lan.within(host, || UdpSocket::bind((lan.address(host), 0))).expect("a port is free");
        let (turin, hurin) = (bound("turin"), bound("hurin"));
        for (one, other) in [(&turin, &hurin), (&hurin, &turin)] {
            one.connect(other.local_addr().expect("it is bound")).expect("the address is of this LAN");
            one.set_read_timeout(Some(LOST)).expect("a socket takes a time limit");
        }
        Self { turin, hurin }
    }

    fn there_and_back(&self) -> Duration {
        one_way(&self.turin, &self.hurin) + one_way(&self.hurin, &self.turin)
    }
}

/// How long a packet takes; both hosts have this machine's clock.
fn one_way(from: &UdpSocket, to: &UdpSocket) -> Duration {
    let sent = Instant::now();
    from.send(b"packet").expect("there is a way");
    // A read with a time limit is not taken up again after an interruption, unlike any other.
    while let Err(error) = to.recv(&mut [0; 16]) {
        assert_eq!(error.kind(), ErrorKind::Interrupted, "no packet arrives: {error}");
    }
    sent.elapsed()
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all[all.len() / 2]
}

fn arrived(socket: &UdpSocket) -> Vec<u32> {
    socket.set_nonblocking(true).expect("a socket can be asked not to wait");
    let mut number = [0; 4];
    let read = || match socket.recv(&mut number) {
        Ok(_) => Some(u32::from_be_bytes(number)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        Err(error) => panic!("{error}"),
    };
    iter::from_fn(read).collect()
}

#[test]
fn every_host_reaches_every_other() {
    const HOSTS: [&str; 3] = ["turin", "hurin", "third"];
    for make in [Lan::veth, Lan::switched] {
        let Some(lan) = made(make(&HOSTS)) else { return };
        assert_eq!(HOSTS.map(|host| lan.address(host).to_string()), ["10.211.55.2", "10.211.55.14", "10.211.55.15"]);
        for (server, client) in HOSTS.iter().flat_map(|server| HOSTS.map(|client| (*server, client))) {
            let listener = lan.within(server, || TcpListener::bind((lan.address(server), 0))).expect("a port is free");
            let to = listener.local_addr().expect("it is bound");
            let connection = lan.within(client, || TcpStream::connect_timeout(&to, LOST)).expect("the host is reached");
            let (_, from) = listener.accept().expect("a connection is there");
            assert_eq!(from, connection.local_addr().expect("it is connected"));
            assert_eq!(from.ip(), lan.address(client));
        }
    }
}

#[test]
fn a_host_reaches_nobody_outside() {
    for make in [Lan::veth, Lan::switched] {
        let Some(lan) = made(make(&["turin", "hurin"])) else { return };
        let outside = lan.within("turin", || UdpSocket::bind("0.0.0.0:0")?.connect("192.0.2.1:9"));
        assert_eq!(outside.map_err(|error| error.kind()), Err(ErrorKind::NetworkUnreachable));
        let mut interfaces = lan.within("turin", || procfs_interfaces().expect("a host knows its interfaces"));
        interfaces.sort_unstable();
        assert_eq!(interfaces, [INTERFACE, "lo"]);
    }
    let ours = procfs_interfaces().expect("this machine knows its interfaces");
    assert!(!ours.iter().any(|name| name == INTERFACE), "an end of the LAN is outside of it: {ours:?}");
}

/// The interfaces of the namespace of this thread.
fn procfs_interfaces() -> io::Result<Vec<String>> {
    let table = fs::read_to_string("/proc/thread-self/net/dev")?;
    Ok(table.lines().filter_map(|line| line.split_once(':')).map(|(name, _)| name.trim().to_owned()).collect())
}

#[test]
fn a_command_runs_in_its_host_with_the_environment_it_is_given() {
    for make in [Lan::veth, Lan::switched] {
        let Some(lan) = made(make(&["turin", "hurin"])) else { return };
        let script = "ip -o -4 address show dev lan0; echo $GIVEN";
        let output = lan.command("hurin", "sh").args(["-c", script]).env("GIVEN", "by the test").output();
        let text = String::from_utf8(output.expect("sh starts").stdout).expect("text");
        assert!(text.contains("inet 10.211.55.14/24") && text.contains("by the test"), "{text}");
    }
}

#[test]
fn a_delay_each_way_is_added_twice_to_a_round_trip() {
    let Some(lan) = made(Lan::switched(&["turin", "hurin"])) else { return };
    let (sockets, link) = (Sockets::of(&lan), lan.both_ways("turin", "hurin"));
    let with = |delay| {
        link.delay(delay);
        sockets.there_and_back()
    };
    let (without, delayed): (Vec<_>, Vec<_>) =
        iter::repeat_with(|| (with(Duration::ZERO), with(Duration::from_millis(2)))).take(51).unzip();
    assert!(delayed.iter().min() >= Some(&Duration::from_millis(4)), "a packet was early: {delayed:?}");
    let added = median(delayed).saturating_sub(median(without));
    // Wide: other tests run on the same CPUs.
    assert!((3.5..8.0).contains(&(added.as_secs_f64() * 1e3)), "{added:?} instead of 4 ms");
}

#[test]
fn a_delay_of_one_direction_leaves_the_other_as_it_is() {
    let Some(lan) = made(Lan::switched(&["turin", "hurin"])) else { return };
    let Sockets { turin, hurin } = Sockets::of(&lan);
    lan.link("turin", "hurin").delay(Duration::from_millis(20));
    let both = || (one_way(&turin, &hurin), one_way(&hurin, &turin));
    let (there, back): (Vec<_>, Vec<_>) = iter::repeat_with(both).take(11).unzip();
    assert!(there.iter().min() >= Some(&Duration::from_millis(20)), "a packet was early: {there:?}");
    assert!(median(back.clone()) < Duration::from_millis(10), "{back:?}");
}

#[test]
fn jitter_spreads_packets_and_none_overtakes_another() {
    let Some(lan) = made(Lan::switched(&["turin", "hurin"])) else { return };
    let Sockets { turin, hurin } = Sockets::of(&lan);
    let link = lan.link("turin", "hurin");
    link.jitter(Duration::from_millis(5));
    let alone = iter::repeat_with(|| one_way(&turin, &hurin)).take(50).collect::<Vec<_>>();
    let (least, most) = (alone.iter().min().expect("fifty"), alone.iter().max().expect("fifty"));
    assert!(*most - *least > Duration::from_millis(2), "{alone:?}");
    for number in 0..200_u32 {
        turin.send(&number.to_be_bytes()).expect("there is a way");
    }
    eventually("all packets arrived", || Some(link.packets()).filter(|it| it.passed == 250).ok_or(link.packets()));
    assert_eq!(arrived(&hurin), (0..200).collect::<Vec<_>>());
}

#[test]
fn a_link_loses_the_share_that_it_is_told_to() {
    let Some(lan) = made(Lan::switched(&["turin", "hurin"])) else { return };
    let Sockets { turin, hurin } = Sockets::of(&lan);
    let link = lan.link("turin", "hurin");
    link.loss(0.3);
    let mut received = 0;
    // In parts: what a socket holds for its reader is limited.
    for part in 1..=10 {
        for number in 0..50_u32 {
            turin.send(&number.to_be_bytes()).expect("there is a way");
        }
        eventually("every packet is counted", || {
            let packets = link.packets();
            if packets.passed + packets.dropped() == 50 * part { Ok(()) } else { Err(packets) }
        });
        received += arrived(&hurin).len() as u64;
    }
    let packets = link.packets();
    assert_eq!((packets.passed, packets.dropped()), (received, 500 - received));
    // Five standard deviations of 500 throws.
    assert!(packets.lost.abs_diff(150) <= 51, "{packets:?}");
    assert_eq!(lan.link("hurin", "turin").packets().dropped(), 0);
}

#[test]
fn a_cut_link_stops_one_direction_until_it_is_mended() {
    let Some(lan) = made(Lan::switched(&["turin", "hurin"])) else { return };
    let Sockets { turin, hurin } = Sockets::of(&lan);
    let link = lan.link("turin", "hurin");
    let counted = |what: &str, wanted: u64| {
        eventually(what, || if link.packets().cut == wanted { Ok(()) } else { Err(link.packets()) });
    };

    link.cut();
    turin.send(&7_u32.to_be_bytes()).expect("the sender does not notice");
    counted("the packet is cut off", 1);
    one_way(&hurin, &turin);
    link.mend();
    one_way(&turin, &hurin);

    link.delay(LOST * 100);
    turin.send(&8_u32.to_be_bytes()).expect("there is a way");
    eventually("the packet is on its way", || {
        Some(()).filter(|()| link.packets().on_their_way == 1).ok_or(link.packets())
    });
    link.cut();
    counted("a packet on its way is lost when the link is cut", 2);
    link.perfect();
    one_way(&turin, &hurin);
    assert!(arrived(&hurin).is_empty());
}

#[test]
fn a_limited_link_takes_as_long_as_its_rate_says() {
    let Some(lan) = made(Lan::switched(&["turin", "hurin"])) else { return };
    let listener = lan.within("hurin", || TcpListener::bind((lan.address("hurin"), 0))).expect("a port is free");
    let to = listener.local_addr().expect("it is bound");
    let sent = lan.within("turin", || TcpStream::connect(to)).expect("the host is reached");
    let (mut received, _) = listener.accept().expect("a connection is there");
    lan.link("turin", "hurin").rate(4_000_000);
    let mut data = vec![0; 250_000];
    let begun = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| io::Write::write_all(&mut &sent, &[0; 250_000]).expect("the receiver reads"));
        received.read_exact(&mut data).expect("all of it arrives");
    });
    // Half a second for the data alone; each packet has 52 bytes of headers more.
    assert!(begun.elapsed() >= Duration::from_millis(500), "{:?}", begun.elapsed());
}

#[test]
fn two_lans_at_once_do_not_see_each_other() {
    let both = (Lan::switched(&["turin", "hurin"]), Lan::switched(&["turin", "hurin"]));
    let (Some(one), Some(other)) = (made(both.0), made(both.1)) else { return };
    let Sockets { turin, hurin } = Sockets::of(&one);
    let same = hurin.local_addr().expect("it is bound");
    let bystander = other.within("hurin", || UdpSocket::bind(same)).expect("the port is free there");
    one_way(&turin, &hurin);
    assert!(arrived(&bystander).is_empty());
    assert_eq!(other.both_ways("turin", "hurin").packets().passed, 0);
}

#[test]
fn nothing_is_left_after_a_lan_also_when_its_test_panics() {
    for make in [Lan::veth, Lan::switched] {
        for panics in [false, true] {
            let Some(lan) = made(make(&["turin", "hurin", "third"])) else { return };
            let names =
                ["turin", "hurin", "third"].map(|host| fs::read_link(lan.namespace(host)).expect("it is there"));
            let mut inside = lan.command("hurin", "sh");
            inside.args(["-c", "echo inside; exec sleep 1000"]).stdout(Stdio::piped());
            let mut inside = inside.spawn().expect("sh starts");
            inside.stdout.as_mut().expect("a pipe").read_exact(&mut [0; 6]).expect("it says that it is inside");
            let socket = Sockets::of(&lan).turin;
            let late = || lan.command("hurin", "sleep").arg("1000").spawn().expect("sleep starts");
            let on_their_way = iter::repeat_with(late).take(8).collect::<Vec<_>>();
            let ended = catch_unwind(AssertUnwindSafe(|| {
                let _lan = lan;
                assert!(!panics, "a panic that this test wants");
            }));
            assert_eq!(ended.is_err(), panics);
            for mut child in on_their_way.into_iter().chain([inside]) {
                let status =
                    eventually("whoever is in the LAN ends", || child.try_wait().expect("it was started").ok_or(()));
                assert!(!status.success());
            }
            eventually("nobody holds a namespace", || {
                Some(()).filter(|()| holding(&names).is_empty()).ok_or(holding(&names))
            });
            // A socket keeps its namespace, but the way out of it is gone.
            eventually("the device is gone", || match socket.send(b"anybody?") {
                Err(error) if error.kind() == ErrorKind::NetworkUnreachable => Ok(()),
                other => Err(other),
            });
        }
    }
}

/// Processes, threads and open files in the namespaces of these names.
fn holding(names: &[PathBuf]) -> Vec<PathBuf> {
    let entries = |folder: &str| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let threads = entries("/proc").flat_map(|process| entries(&process.join("task").to_string_lossy()));
    let namespaces = threads.map(|thread| thread.join("ns/net"));
    let files = entries("/proc/self/fd");
    let held = |path: &PathBuf| fs::read_link(path).is_ok_and(|name| names.contains(&name));
    namespaces.chain(files).filter(held).collect()
}

#[test]
fn a_host_that_is_not_there_is_named() {
    let Some(lan) = made(Lan::veth(&["turin"])) else { return };
    let asked = catch_unwind(AssertUnwindSafe(|| lan.address("gondolin")));
    let message = *asked.expect_err("there is no such host").downcast::<String>().expect("a message");
    assert!(message.contains("gondolin"), "{message}");
}
