//! What the key of a controller's run is good for in the wrong hands: load at agents that consent, and at nobody else.

use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};

use rpycbench_certs::consent::{Purpose, Statement, this_loopback};
use rpycbench_certs::{AGENT_LIFE, Authority, Identity, agent_dns_name};
use rpycbench_measure::{Placement, Stack, Workload};
use rpycbench_proto::message::{CellName, Consent, Failure, Nonce, Open};
use rpycbench_proto::{Command, Event, PROTOCOL};
use rpycbench_tests::Sandbox;
use rpycbench_tests::agent::channel;
use rpycbench_tests::forge::Forge;
use rpycbench_tests::installed::Installed;
use rpycbench_tests::patience::eventually;
use rpycbench_tests::spoken::Spoken;

const RUN: &str = "the-run";
const NOBODY: &str = "denied by drive_at_others = []";
const NOT_THIS: &str = "spiffe://mine.rpycbench.invalid/agent/morwen has not consented to this";

/// Somebody who has asked for nothing, and counts what comes.
struct Victim {
    tcp: TcpListener,
    udp: UdpSocket,
    at: SocketAddr,
}

impl Victim {
    fn new() -> Self {
        let tcp = TcpListener::bind("127.0.0.9:0").expect("a port");
        let at = tcp.local_addr().expect("an address");
        let udp = UdpSocket::bind(at).expect("the same port");
        tcp.set_nonblocking(true).and_then(|()| udp.set_nonblocking(true)).expect("it is ours");
        Self { tcp, udp, at }
    }

    fn was_called(&self) -> bool {
        !matches!(self.tcp.accept(), Err(error) if error.kind() == ErrorKind::WouldBlock)
    }

    fn got_a_datagram(&self) -> bool {
        !matches!(self.udp.recv(&mut [0; 100]), Err(error) if error.kind() == ErrorKind::WouldBlock)
    }
}

/// A run of somebody who has the key, and does not keep to what a controller does.
struct Thief {
    spoken: Spoken,
    /// Of the run.
    nonce: Nonce,
}

impl Thief {
    async fn open(agent: &Installed, key: &Identity) -> Self {
        let config = key.client_config().expect("TLS settings");
        let channel = channel(&agent.address, config, &agent_dns_name("hurin")).await.expect("a connection");
        let spoken = Spoken::begin(channel, RUN).await.expect("a stream");
        let mut thief = Self { spoken, nonce: [0; 32] };
        thief.say(Command::Open(Open { protocol: PROTOCOL, run_id: RUN.to_owned(), ..Open::default() }));
        let Event::Opened { nonce, .. } = thief.hear().await else { panic!("it is not open") };
        thief.nonce = nonce;
        thief
    }

    fn say(&mut self, command: Command) {
        self.spoken.say(command);
    }

    async fn hear(&mut self) -> Event {
        self.spoken.hear().await.expect("an event")
    }

    async fn prepare(&mut self) {
        self.say(Command::Prepare { stacks: vec![Stack::Rpyc] });
        while !matches!(self.hear().await, Event::Prepared(_)) {}
    }

    async fn arm(&mut self, cell: u32) -> Nonce {
        let workload = Workload::Connect { count: 1, warmup: 0 };
        let (stack, placement, name) = (Stack::Rpyc, Placement::Free, CellName::default());
        self.say(Command::Arm { cell, stack, workload, placement, name, attempt: 1, stamped: false });
        match self.hear().await {
            Event::Armed { nonce, .. } => nonce,
            other => panic!("{other:?}"),
        }
    }

    /// What is said to a command that must come to nothing.
    async fn is_refused(&mut self, command: Command) -> String {
        self.say(command);
        match self.hear().await {
            Event::Failed(Failure { reason, exit: None, .. }) => reason,
            other => panic!("{other:?}"),
        }
    }

    /// Ends a cell; none of its processes is left then.
    async fn stop(&mut self, cell: u32) {
        self.say(Command::Stop { cell });
        while !matches!(self.hear().await, Event::Stopped { .. }) {}
    }
}

fn signed(who: &Identity, statement: &Statement<'_>) -> Option<Consent> {
    let (certificate, signature) = (who.certificate().to_owned(), who.consent(statement).expect("signed"));
    Some(Consent { certificate, signature })
}

#[tokio::test(flavor = "multi_thread")]
async fn s8_the_key_of_a_run_aims_at_nobody_who_has_not_consented() {
    let sandbox = Sandbox::new();
    sandbox.prepare(&["rpyc-threaded"]);
    let forge = Forge::new(&sandbox);
    let identity = |name: &str| forge.authority.agent(name, AGENT_LIFE).expect("an identity");
    let hurin = Installed::start_as(&sandbox, "hurin", "127.0.0.2", &identity("hurin"));
    let morwen = identity("morwen");
    let key = forge.authority.controller("run", AGENT_LIFE).expect("an identity");
    let other = Authority::open(&sandbox.path().join("other"), "mine").expect("an authority");
    let stranger = other.agent("morwen", AGENT_LIFE).expect("an identity");
    let victim = Victim::new();
    let (address, port, here) = (victim.at.ip(), victim.at.port(), this_loopback());
    let (ports, next_port) = ([port], [port + 1]);

    let mut thief = Thief::open(&hurin, &key).await;
    thief.prepare().await;
    let mut stale = [0; 32];
    for case in 0..12_u32 {
        let cell = case + 1;
        let nonce = thief.arm(cell).await;
        let drive = Purpose::Drive;
        let right = Statement {
            purpose: drive,
            run: RUN,
            cell: Some(cell),
            nonce: &nonce,
            address,
            ports: &ports,
            loopback: &here,
        };
        let elsewhere: IpAddr = [127, 0, 0, 8].into();
        let everybody: IpAddr = [0, 0, 0, 0].into();
        let (consent, target, wanted) = match case {
            0 => (None, address, NOBODY),
            1 => (signed(&morwen, &Statement { address: elsewhere, ..right }), address, NOT_THIS),
            2 => (signed(&morwen, &Statement { ports: &next_port, ..right }), address, NOT_THIS),
            3 => (signed(&morwen, &Statement { run: "another-run", ..right }), address, NOT_THIS),
            4 => (signed(&morwen, &Statement { cell: Some(cell + 1), ..right }), address, NOT_THIS),
            5 => (signed(&morwen, &Statement { nonce: &stale, ..right }), address, NOT_THIS),
            6 => (signed(&morwen, &Statement { nonce: &thief.nonce, ..right }), address, NOT_THIS),
            7 => (signed(&morwen, &Statement { purpose: Purpose::Reach, ..right }), address, NOT_THIS),
            8 => (signed(&morwen, &Statement { loopback: "of another host", ..right }), address, NOT_THIS),
            9 => (signed(&key, &right), address, "is that of the controller \"run\", not of an agent"),
            10 => (signed(&stranger, &right), address, "who consents is no agent of this controller"),
            _ => {
                let any = Statement { address: everybody, ..right };
                (signed(&morwen, &any), everybody, "0.0.0.0 is not the address of one host")
            }
        };
        let said = thief.is_refused(Command::Drive { cell, target: (target, port).into(), consent }).await;
        assert!(said.contains(wanted), "case {case}: {said}");
        assert!(hurin.log().contains("denied"), "{}", hurin.log());
        thief.stop(cell).await;
        stale = nonce;
    }
    for purpose in [Purpose::Ping, Purpose::Reach] {
        let statement =
            Statement { purpose, run: RUN, cell: None, nonce: &stale, address, ports: &ports, loopback: &here };
        for (consent, wanted) in [(None, NOBODY), (signed(&morwen, &statement), NOT_THIS)] {
            let said = thief.is_refused(attempt(purpose, victim.at, consent)).await;
            assert!(said.contains(wanted), "{purpose}: {said}");
        }
    }
    assert!(!victim.was_called() && !victim.got_a_datagram(), "nobody there has consented");

    goes_through_once(&mut thief, &victim, &morwen).await;
}

/// All of that was refused for what was wrong with it: with nothing wrong it goes through, once.
async fn goes_through_once(thief: &mut Thief, victim: &Victim, morwen: &Identity) {
    let (address, ports, here) = (victim.at.ip(), [victim.at.port()], this_loopback());
    let nonce = thief.nonce;
    let ping = Purpose::Ping;
    let right =
        Statement { purpose: ping, run: RUN, cell: None, nonce: &nonce, address, ports: &ports, loopback: &here };
    let consent = signed(morwen, &right);
    thief.say(attempt(ping, victim.at, consent.clone()));
    assert!(matches!(thief.hear().await, Event::Pinged { .. }));
    assert!(victim.got_a_datagram());
    let said = thief.is_refused(attempt(ping, victim.at, consent)).await;
    assert!(said.contains("the consent to ping 127.0.0.9 has been used"), "{said}");
    let nonce = thief.arm(99).await;
    let right = Statement { purpose: Purpose::Drive, cell: Some(99), nonce: &nonce, ..right };
    let consent = signed(morwen, &right);
    thief.say(Command::Drive { cell: 99, target: victim.at, consent });
    eventually("the driver calls", || if victim.was_called() { Ok(()) } else { Err("no call") });
    thief.stop(99).await;
}

fn attempt(purpose: Purpose, at: SocketAddr, consent: Option<Consent>) -> Command {
    match purpose {
        Purpose::Ping => Command::Ping { target: at, count: 1, consent },
        Purpose::Reach | Purpose::Drive => Command::Reach { address: at.ip(), ports: vec![at.port()], consent },
    }
}

#[tokio::test]
async fn an_address_that_the_limits_list_needs_no_consent() {
    let sandbox = Sandbox::new();
    let forge = Forge::new(&sandbox);
    let file = sandbox.path().join("limits.toml");
    fs::write(&file, "drive_at_others = [\"127.0.0.9\"]\ndrive_at_agents = [\"127.0.0.2\"]").expect("writable");
    let identity = |name: &str| forge.authority.agent(name, AGENT_LIFE).expect("an identity");
    let file = file.display().to_string();
    let hurin =
        Installed::start_with_identity(&sandbox, "hurin", "127.0.0.2", &["--limits", &file], &identity("hurin"));
    let key = forge.authority.controller("run", AGENT_LIFE).expect("an identity");
    let mut thief = Thief::open(&hurin, &key).await;
    let listed = Victim::new();
    thief.say(attempt(Purpose::Ping, listed.at, None));
    assert!(matches!(thief.hear().await, Event::Pinged { .. }));
    assert!(listed.got_a_datagram());

    // The administrator may also say where consent does not count.
    let (address, ports, here) = (IpAddr::from([127, 0, 0, 8]), [9], this_loopback());
    let (purpose, nonce) = (Purpose::Ping, thief.nonce);
    let right = Statement { purpose, run: RUN, cell: None, nonce: &nonce, address, ports: &ports, loopback: &here };
    let consent = signed(&identity("morwen"), &right);
    let said = thief.is_refused(attempt(purpose, (address, 9).into(), consent)).await;
    assert!(said.contains("denied by drive_at_agents = [\"127.0.0.2\"] in "), "{said}");
}
