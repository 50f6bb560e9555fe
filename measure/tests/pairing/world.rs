//! Clients and a server of which everything is known: who called when, from which port, and when the server had each request.

use rand::rngs::ChaCha12Rng;
use rand::{RngExt, SeedableRng};
use rpycbench_measure::pairing::{Calls, ClientPairing, Paired, Served, pair};
use rpycbench_measure::stamps::Stamps;

/// What a client asks in one call or on one connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) each: u64,
    pub(crate) waited: u64,
}

/// A row that the server may have.
#[derive(Clone, Copy, Debug)]
struct Row {
    connection: usize,
    port: u16,
    received: i64,
    answered: Option<i64>,
}

/// A connection as it goes on: when the client may go on, and when the server is free.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection {
    number: usize,
    port: u16,
    now: i64,
    served_until: i64,
}

impl Connection {
    /// When its client goes on.
    pub(crate) fn now(&self) -> i64 {
        self.now
    }

    /// When nothing of it is on its way any more.
    pub(crate) fn over(&self) -> i64 {
        self.now.max(self.served_until) + 1
    }
}

pub(crate) struct World {
    pub(crate) random: ChaCha12Rng,
    connections: usize,
    rows: Vec<Row>,
    client: Vec<u32>,
    seq: Vec<u32>,
    start_ns: Vec<i64>,
    end_ns: Vec<i64>,
    pub(crate) ok: Vec<bool>,
    client_port: Vec<Option<u16>>,
    truth: Vec<Option<Served>>,
    /// The server's clock: so far ahead, and so much faster.
    ahead: i64,
    ppm: i64,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = ChaCha12Rng::seed_from_u64(seed);
        let (ahead, ppm) =
            (random.random_range(-1_000_000_000_000..1_000_000_000_000), random.random_range(-100..=100));
        Self {
            random,
            connections: 0,
            rows: Vec::new(),
            client: Vec::new(),
            seq: Vec::new(),
            start_ns: Vec::new(),
            end_ns: Vec::new(),
            ok: Vec::new(),
            client_port: Vec::new(),
            truth: Vec::new(),
            ahead,
            ppm,
        }
    }

    pub(crate) fn samples(&self) -> usize {
        self.start_ns.len()
    }

    /// Whose sample that is.
    pub(crate) fn client(&self, sample: usize) -> u32 {
        self.client[sample]
    }

    pub(crate) fn connect(&mut self, port: u16, now: i64) -> Connection {
        self.connections += 1;
        Connection { number: self.connections, port, now, served_until: now }
    }

    /// Some time, in ns.
    pub(crate) fn while_(&mut self) -> i64 {
        self.random.random_range(1_000..200_000)
    }

    fn at_server(&self, time: i64) -> i64 {
        self.ahead + time + time / 1_000_000 * self.ppm
    }

    /// A request on a connection, and whether its answer is waited for; `None`: there is none.
    fn request(&mut self, on: &mut Connection, waited: Option<bool>) -> (i64, i64) {
        let received = (on.now + self.while_()).max(on.served_until + 1);
        let answered = received + self.while_();
        on.served_until = answered;
        if waited == Some(true) {
            on.now = answered + self.while_();
        }
        let (at, until) = (self.at_server(received), self.at_server(answered));
        let answered = waited.is_some().then_some(until);
        self.rows.push(Row { connection: on.number, port: on.port, received: at, answered });
        (at, until)
    }

    /// Requests that are no sample's.
    pub(crate) fn ask(&mut self, on: &mut Connection, shape: Shape) -> Served {
        let (mut first, mut last, mut server_ns) = (None, 0, 0);
        for number in 0..shape.each {
            let waited = number < shape.waited;
            let (received, answered) = self.request(on, Some(waited));
            if waited {
                (first, last) = (first.or(Some(received)), answered);
                server_ns += answered - received;
            }
        }
        Served { received_ns: first.unwrap_or(0), answered_ns: last, server_ns }
    }

    /// The last request, which is never answered.
    pub(crate) fn goodbye(&mut self, on: &mut Connection) {
        self.request(on, None);
    }

    /// The server does not come to read the last rows of a connection.
    pub(crate) fn lose_last(&mut self, of: &Connection, count: usize) {
        for _ in 0..count {
            let last = self.rows.iter().rposition(|row| row.connection == of.number);
            last.map(|last| self.rows.remove(last));
        }
    }

    /// A call of a client, on a connection that it opened for it or had before.
    pub(crate) fn call(&mut self, client: u32, on: &mut Connection, shape: Shape, opened: bool) {
        let start = on.now;
        let served = self.ask(on, shape);
        self.note(client, start, on, opened, Some(served));
    }

    /// A call that fails: the server may have heard of some of it.
    pub(crate) fn fail(&mut self, client: u32, on: &mut Connection, shape: Shape) {
        let start = on.now;
        for _ in 0..self.random.random_range(0..=shape.each) {
            let answered = self.random.random_bool(0.5).then_some(false);
            self.request(on, answered);
        }
        on.now += 400_000;
        self.note(client, start, on, true, None);
    }

    fn note(&mut self, client: u32, start: i64, on: &Connection, opened: bool, served: Option<Served>) {
        let seq = self.client.iter().filter(|&&other| other == client).count() as u32;
        self.client.push(client);
        self.seq.push(seq);
        self.start_ns.push(start);
        self.end_ns.push(on.now);
        self.ok.push(served.is_some());
        self.client_port.push(opened.then_some(on.port));
        self.truth.push(served);
    }

    /// What is found. `room`: for so many requests there were rows. `forking`: each connection has its rows together.
    pub(crate) fn pair(&self, clients: &[ClientPairing], room: usize, forking: bool) -> Paired {
        let mut rows = self.rows.clone();
        rows.sort_by_key(|row| row.received);
        let full = rows.len() >= room;
        rows.truncate(room);
        if forking {
            let began =
                |of: &Row| self.rows.iter().filter(|row| row.connection == of.connection).map(|row| row.received).min();
            rows.sort_by_key(|row| (began(row), row.received));
        }
        let mut stamps = Stamps::default();
        rows.iter().for_each(|row| stamps.push(row.port, row.received, row.answered));
        let calls = Calls {
            client: &self.client,
            seq: &self.seq,
            start_ns: &self.start_ns,
            end_ns: &self.end_ns,
            ok: &self.ok,
            client_port: &self.client_port,
        };
        pair(&calls, &stamps, clients, full)
    }

    /// How many samples have a pair; each is the right one.
    pub(crate) fn right(&self, paired: &Paired) -> usize {
        assert_eq!(paired.served.len(), self.samples());
        for (sample, found) in paired.served.iter().enumerate() {
            assert!(
                found.is_none() || *found == self.truth[sample],
                "sample {sample}: {found:?}, not {:?}",
                self.truth[sample]
            );
        }
        let found = paired.served.iter().flatten().count();
        assert_eq!(found as u64 + paired.unpaired.values().sum::<u64>(), self.samples() as u64, "all are counted");
        found
    }
}
