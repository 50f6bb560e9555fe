//! A TCP connection that tells when each question was sent and received, by the programs' own stamps: where no datagram passes.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::clock::raw_ns;
use crate::datagram::BYTES;
use crate::socket::Stamp;

/// A TCP connection over which datagrams go one after the other, each as soon as it is there.
#[derive(Debug)]
pub struct StampedStream {
    stream: TcpStream,
    /// What has come of the next one.
    next: [u8; BYTES],
    come: usize,
}

impl StampedStream {
    /// Over a connection that blocks.
    ///
    /// # Errors
    /// When the connection cannot be told to wait for nothing.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, next: [0; BYTES], come: 0 })
    }

    /// Sends a datagram.
    ///
    /// # Errors
    /// The connection's, which is of no use then.
    pub fn send(&mut self, bytes: &[u8; BYTES]) -> io::Result<Stamp> {
        let user_ns = raw_ns()?;
        self.stream.write_all(bytes)?;
        Ok(Stamp { user_ns, kernel_ns: None })
    }

    /// Receives a datagram; `None` where none is whole within about that time, and what has come of it is kept.
    ///
    /// # Errors
    /// The connection's, or that it has ended.
    pub fn receive(&mut self, limit: Duration) -> io::Result<Option<([u8; BYTES], Stamp)>> {
        // A limit of nothing would be none.
        self.stream.set_read_timeout(Some(limit.max(Duration::from_millis(1))))?;
        while self.come < BYTES {
            let rest = self.next.get_mut(self.come..).unwrap_or_default();
            match self.stream.read(rest) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => self.come += read,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let user_ns = raw_ns()?;
        self.come = 0;
        Ok(Some((self.next, Stamp { user_ns, kernel_ns: None })))
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn pair() -> (StampedStream, StampedStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let one = TcpStream::connect(listener.local_addr().expect("an address")).expect("loopback");
        let other = listener.accept().expect("loopback").0;
        (StampedStream::new(one).expect("an option"), StampedStream::new(other).expect("an option"))
    }

    #[test]
    fn what_is_received_was_sent_before_and_comes_in_order() {
        let (mut one, mut other) = pair();
        for number in 0..100_u8 {
            let sent = one.send(&[number; BYTES]).expect("it is sent");
            let (bytes, received) = other.receive(Duration::from_secs(5)).expect("loopback").expect("it comes");
            assert_eq!(bytes, [number; BYTES]);
            assert!(sent.ns() <= received.ns());
        }
    }

    #[test]
    fn half_of_one_is_waited_for_no_longer_than_asked_and_kept() {
        let (mut one, mut other) = pair();
        let whole = [7; BYTES];
        let (first, rest) = whole.split_at(BYTES / 2);
        one.stream.write_all(first).expect("loopback");
        assert!(other.receive(Duration::from_millis(20)).expect("loopback").is_none());
        one.stream.write_all(rest).expect("loopback");
        let (bytes, _) = other.receive(Duration::from_secs(5)).expect("loopback").expect("it comes");
        assert_eq!(bytes, [7; BYTES]);
        drop(one);
        assert_eq!(
            other.receive(Duration::from_secs(5)).map(|_| ()).map_err(|it| it.kind()),
            Err(ErrorKind::UnexpectedEof)
        );
    }
}
