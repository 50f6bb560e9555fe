//! A UDP socket that tells when each datagram was sent and received.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as stamps;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(not(target_os = "linux"))]
use elsewhere as stamps;

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use crate::clock::raw_ns;
use crate::ledger::{Break, BreakKind, Reading};

/// When a datagram was sent or received, by CLOCK_MONOTONIC_RAW of this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The program's own: before the sending, after the receiving.
    pub user_ns: i64,
    /// The kernel's, nearer to the wire; never a later sending, nor an earlier receiving, than there was.
    pub kernel_ns: Option<i64>,
}

impl Stamp {
    /// The best there is.
    pub fn ns(&self) -> i64 {
        self.kernel_ns.unwrap_or(self.user_ns)
    }

    /// The program's own alone.
    #[must_use]
    pub fn by_user(self) -> Self {
        Self { kernel_ns: None, ..self }
    }
}

/// What the kernel stamps here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kernel {
    /// Nothing.
    #[default]
    Nothing,
    /// What is received.
    Received,
    /// What is sent as well.
    Both,
}

/// How long a stamp of sending is waited for. The kernel hands it over with the packet, or not at all.
const SENDING_LIMIT: Duration = Duration::from_millis(20);
/// So many sendings in a row without one, and none are waited for any more: the interface's driver has none.
const HOPELESS: u32 = 8;

/// A UDP socket that tells when each datagram was sent and received.
#[derive(Debug)]
pub struct StampedSocket {
    socket: UdpSocket,
    kernel: Kernel,
    /// Datagrams sent, which is how the kernel names them.
    sent: u32,
    /// Sendings in a row without a stamp.
    unstamped: u32,
    reading: Reading,
    breaks: Vec<Break>,
}

impl StampedSocket {
    /// Has the kernel stamp what passes through a socket, as far as it can.
    ///
    /// # Errors
    /// When the system lacks a clock.
    pub fn new(socket: UdpSocket) -> io::Result<Self> {
        let kernel = stamps::enable(&socket);
        Ok(Self { socket, kernel, sent: 0, unstamped: 0, reading: Reading::take()?, breaks: Vec::new() })
    }

    /// What the kernel stamps, as far as is known by now.
    pub fn kernel(&self) -> Kernel {
        match self.kernel {
            Kernel::Both if self.unstamped >= HOPELESS => Kernel::Received,
            kernel => kernel,
        }
    }

    /// The socket.
    pub fn inner(&self) -> &UdpSocket {
        &self.socket
    }

    /// What has happened to this host's clocks since this was last asked.
    pub fn breaks(&mut self) -> Vec<Break> {
        std::mem::take(&mut self.breaks)
    }

    /// Sends a datagram, to where the socket is connected or to that address.
    ///
    /// # Errors
    /// The network's; one that is reported here may be about an earlier datagram.
    pub fn send(&mut self, bytes: &[u8], to: Option<SocketAddr>) -> io::Result<Stamp> {
        let user_ns = raw_ns()?;
        match to {
            None => self.socket.send(bytes)?,
            Some(to) => self.socket.send_to(bytes, to)?,
        };
        let number = self.sent;
        self.sent = self.sent.wrapping_add(1);
        let stamped = match self.kernel() {
            Kernel::Both => stamps::of_sending(&self.socket, number, SENDING_LIMIT)?,
            Kernel::Received | Kernel::Nothing => None,
        };
        self.unstamped = if stamped.is_some() { 0 } else { self.unstamped.saturating_add(1) };
        let kernel_ns = match stamped {
            None => None,
            Some(realtime_ns) => self.look()?.map(|reading| reading.raw_at_the_earliest(realtime_ns)),
        };
        // What the kernel stamps lies after the call that sends; where it does not, the clock was set unseen.
        Ok(Stamp { user_ns, kernel_ns: kernel_ns.map(|kernel_ns| kernel_ns.max(user_ns)) })
    }

    /// Receives a datagram, its length and whose it is; `None` where none comes in time.
    ///
    /// # Errors
    /// The network's, which may be about a datagram that was sent.
    pub fn receive(
        &mut self,
        into: &mut [u8],
        limit: Option<Duration>,
    ) -> io::Result<Option<(usize, SocketAddr, Stamp)>> {
        let Some((length, from, stamped)) = stamps::receive(&self.socket, into, limit)? else { return Ok(None) };
        let user_ns = raw_ns()?;
        let kernel_ns = match stamped {
            None => None,
            Some(realtime_ns) => self.look()?.map(|reading| reading.raw_at_the_latest(realtime_ns)),
        };
        Ok(Some((length, from, Stamp { user_ns, kernel_ns: kernel_ns.map(|kernel_ns| kernel_ns.min(user_ns)) })))
    }

    /// All clocks, unless the wall clock was set since they were last read: then the kernel's stamps mean nothing.
    fn look(&mut self) -> io::Result<Option<Reading>> {
        let before = std::mem::replace(&mut self.reading, Reading::take()?);
        let broken = self.reading.break_since(&before);
        self.breaks.extend(broken);
        Ok(broken.is_none().then_some(self.reading))
    }

    /// Reads the clocks, to notice what happens to them while nothing is sent.
    ///
    /// # Errors
    /// When the system lacks a clock.
    pub fn look_at_clocks(&mut self) -> io::Result<()> {
        self.look().map(drop)
    }
}

/// Whether stamps of CLOCK_MONOTONIC_RAW from before it say nothing about those from after it.
impl Break {
    /// As it is.
    pub fn parts_stamps(&self) -> bool {
        self.kind == BreakKind::Slept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (StampedSocket, StampedSocket) {
        let [one, other] = [0, 0].map(|_| UdpSocket::bind("127.0.0.1:0").expect("a port"));
        one.connect(other.local_addr().expect("an address")).expect("loopback");
        other.connect(one.local_addr().expect("an address")).expect("loopback");
        (StampedSocket::new(one).expect("clocks"), StampedSocket::new(other).expect("clocks"))
    }

    #[test]
    fn what_is_received_was_sent_before_by_every_stamp() {
        let (mut one, mut other) = pair();
        for number in 0..200_u8 {
            let sent = one.send(&[number; 64], None).expect("it is sent");
            let mut bytes = [0; 64];
            let limit = Some(Duration::from_secs(5));
            let (length, from, received) = other.receive(&mut bytes, limit).expect("loopback").expect("it comes");
            assert_eq!((length, bytes), (64, [number; 64]));
            assert_eq!(from, one.inner().local_addr().expect("an address"));
            assert!(sent.user_ns <= sent.ns() && sent.ns() <= received.ns() && received.ns() <= received.user_ns);
        }
        assert_eq!((one.breaks(), other.breaks()), (Vec::new(), Vec::new()));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_kernel_stamps_both_on_loopback() {
        let (mut one, mut other) = pair();
        let sent = one.send(&[1; 64], None).expect("it is sent");
        let received =
            other.receive(&mut [0; 64], Some(Duration::from_secs(5))).expect("loopback").expect("it comes").2;
        assert_eq!((one.kernel(), other.kernel()), (Kernel::Both, Kernel::Both));
        assert!(sent.kernel_ns.is_some() && received.kernel_ns.is_some(), "{sent:?} {received:?}");
    }

    #[test]
    fn nothing_is_waited_for_longer_than_asked() {
        let (mut one, _other) = pair();
        assert!(one.receive(&mut [0; 64], Some(Duration::from_millis(1))).expect("loopback").is_none());
    }
}
