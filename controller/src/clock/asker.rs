//! Asks by datagrams, or over a TCP connection, on a thread of its own: it waits for nothing but answers, and what the controller's
//! runtime does meanwhile delays none.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::time::{Duration, Instant};

use rpycbench_probe::datagram::BYTES;
use rpycbench_probe::{Datagram, Stamp, StampedSocket, StampedStream};
use tokio::sync::mpsc::UnboundedSender;

use super::probes::Transport;
use super::schedule::{Order, Owed, Schedule};
use super::session::Input;

/// An answer that has not come by then is not waited for; it counts if it comes later.
const ANSWER_LIMIT: Duration = Duration::from_millis(50);
/// Questions by which is found out whether datagrams pass at all.
const FIRST: u32 = 3;

/// To connect takes a round trip.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);

/// An asker that is about to begin.
pub(super) struct Asker {
    line: Line,
    session: [u8; 16],
    number: u64,
    user_stamps: bool,
    inputs: UnboundedSender<Input>,
}

/// The way to an agent.
enum Line {
    Datagrams(StampedSocket),
    Stream(StampedStream),
}

impl Line {
    fn send(&mut self, question: Datagram) -> io::Result<Stamp> {
        match self {
            Self::Datagrams(socket) => socket.send(&question.to_bytes(), None),
            Self::Stream(stream) => stream.send(&question.to_bytes()),
        }
    }

    /// `None` where nothing of the kind comes in time.
    fn receive(&mut self, limit: Duration) -> io::Result<Option<(Datagram, Stamp)>> {
        match self {
            Self::Datagrams(socket) => {
                let mut bytes = [0; BYTES + 1];
                let come = socket.receive(&mut bytes, Some(limit))?;
                Ok(come.and_then(|(length, _, stamp)| Some((Datagram::parse(bytes.get(..length)?)?, stamp))))
            }
            Self::Stream(stream) => {
                let come = stream.receive(limit)?;
                Ok(come.and_then(|(bytes, stamp)| Some((Datagram::parse(&bytes)?, stamp))))
            }
        }
    }
}

impl Asker {
    /// By datagrams, of that session, to the agent's address.
    ///
    /// # Errors
    /// When there is no socket, or no clock.
    pub(super) fn by_datagrams(
        target: SocketAddr,
        session: [u8; 16],
        user_stamps: bool,
        inputs: UnboundedSender<Input>,
    ) -> io::Result<Self> {
        let any: IpAddr = if target.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect(target)?;
        let line = Line::Datagrams(StampedSocket::new(socket)?);
        Ok(Self { line, session, number: 0, user_stamps, inputs })
    }

    /// Over a TCP connection, whose stamps are the programs' own; blocks.
    ///
    /// # Errors
    /// When there is none to be had.
    pub(super) fn over_tcp(target: SocketAddr, session: [u8; 16], inputs: UnboundedSender<Input>) -> io::Result<Self> {
        let line = Line::Stream(StampedStream::new(TcpStream::connect_timeout(&target, CONNECT_LIMIT)?)?);
        // No number that was asked for otherwise before.
        Ok(Self { line, session, number: u64::from(FIRST), user_stamps: true, inputs })
    }

    /// How it asks.
    pub(super) fn transport(&self) -> Transport {
        match self.line {
            Line::Datagrams(_) => Transport::Udp,
            Line::Stream(_) => Transport::Tcp,
        }
    }

    /// Whether any of the first questions was answered. Blocks.
    pub(super) fn is_answered(&mut self) -> bool {
        (0..FIRST).any(|_| self.ask())
    }

    /// Asks as ordered, on a thread of its own, until nobody can order any more.
    ///
    /// # Errors
    /// When there can be no thread.
    pub(super) fn start(mut self, owed: Owed) -> io::Result<Sender<Order>> {
        let (sender, orders) = std::sync::mpsc::channel();
        std::thread::Builder::new().name("clock".to_owned()).spawn(move || self.go_on(&orders, owed))?;
        Ok(sender)
    }

    fn go_on(&mut self, orders: &Receiver<Order>, owed: Owed) {
        let mut schedule = Schedule::new(owed);
        let mut last = Instant::now();
        loop {
            let order = match schedule.gap() {
                None => orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(gap) => match gap.checked_sub(last.elapsed()).filter(|left| !left.is_zero()) {
                    None => orders.try_recv().map_err(|error| match error {
                        TryRecvError::Empty => RecvTimeoutError::Timeout,
                        TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
                    }),
                    Some(left) => orders.recv_timeout(left),
                },
            };
            match order {
                Ok(order) => schedule.obey(order),
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    last = Instant::now();
                    self.ask();
                    schedule.asked();
                }
            }
        }
    }

    fn best(&self, stamp: Stamp) -> Stamp {
        if self.user_stamps { stamp.by_user() } else { stamp }
    }

    /// Asks, and waits for the answer; whether it came.
    fn ask(&mut self) -> bool {
        self.number += 1;
        let (session, number, asked) = (self.session, self.number, rand::random::<u64>() | 1);
        let question = Datagram { session, number, asked, answered: 0 };
        // A host that refuses is silent like any other.
        let Ok(sent) = self.line.send(question) else { return false };
        let sent = self.best(sent);
        let (t1, by_kernel, transport) = (sent.ns(), sent.kernel_ns.is_some(), self.transport());
        drop(self.inputs.send(Input::Sent { number, transport, asked, t1, by_kernel }));
        let since = Instant::now();
        while let Some(left) = ANSWER_LIMIT.checked_sub(since.elapsed()) {
            let (answer, stamp) = match self.line.receive(left) {
                Ok(Some((answer, stamp))) => (Some(answer), stamp),
                Ok(None) => continue,
                // Of datagrams, an earlier one's.
                Err(_) if matches!(self.line, Line::Datagrams(_)) => continue,
                Err(_) => return false,
            };
            let Some(answer) = answer.filter(|it| it.session == session && it.answered != 0) else { continue };
            let (number, answered) = (answer.number, answer.answered);
            let stamp = self.best(stamp);
            drop(self.inputs.send(Input::Back {
                number,
                answered,
                t4: stamp.ns(),
                by_kernel: stamp.kernel_ns.is_some(),
            }));
            if number == self.number {
                return true;
            }
        }
        false
    }
}
