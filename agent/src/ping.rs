//! The network alone: datagrams of 64 bytes there and back, between the user spaces of two hosts.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use rpycbench_probe::clock;
use rpycbench_proto::message::Link;

use crate::link;

/// What `ping` sends by default, and small enough to fit every network whole.
const BYTES: usize = 64;
/// A datagram without an answer by then is lost.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);
/// This many in a row without any answer, and the rest would be silence too; only those that were sent are counted.
const SILENT: u32 = 3;
/// Most pings of one order: a second of them at a millisecond each.
const MAX_COUNT: u32 = 1_000;

/// Round trips in the order they were sent, and how many had no answer.
pub(crate) struct RoundTrips {
    pub(crate) ns: Vec<i64>,
    pub(crate) lost: u32,
    /// What they left by.
    pub(crate) link: Link,
}

/// Binds a free port of that address to answer on.
pub(crate) async fn bind(address: IpAddr) -> io::Result<tokio::net::UdpSocket> {
    tokio::net::UdpSocket::bind((address, 0)).await
}

/// Answers every datagram with itself, for as long as it is let.
pub(crate) async fn echo(socket: tokio::net::UdpSocket) {
    let mut datagram = [0; BYTES];
    loop {
        // An error here is an answer that nobody took; the next datagram is another matter.
        if let Ok((length, peer)) = socket.recv_from(&mut datagram).await {
            drop(socket.send_to(&datagram[..length], peer).await);
        }
    }
}

/// Sends datagrams one after the other and times each from before the send to after the receive. Blocks.
pub(crate) fn ping(target: SocketAddr, count: u32) -> io::Result<RoundTrips> {
    let any: IpAddr = if target.is_ipv4() { [0, 0, 0, 0].into() } else { [0u16; 8].into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(target)?;
    socket.set_read_timeout(Some(ANSWER_LIMIT))?;
    // Connected, it has the address that the kernel's routes give it.
    let link = link::from_to(socket.local_addr()?.ip(), target.ip());
    let mut trips = RoundTrips { ns: Vec::new(), lost: 0, link };
    for number in 0..count.min(MAX_COUNT) {
        match once(&socket, number)? {
            Some(ns) => trips.ns.push(ns),
            None => trips.lost += 1,
        }
        if trips.ns.is_empty() && trips.lost == SILENT {
            break;
        }
    }
    Ok(trips)
}

fn once(socket: &UdpSocket, number: u32) -> io::Result<Option<i64>> {
    let mut datagram = [0; BYTES];
    datagram[..4].copy_from_slice(&number.to_le_bytes());
    let start = clock::raw_ns()?;
    socket.send(&datagram)?;
    loop {
        let mut answer = [0; BYTES];
        match socket.recv(&mut answer) {
            Ok(length) => {
                let end = clock::raw_ns()?;
                // Anything else is the late answer to one that was lost.
                if answer[..length] == datagram {
                    return Ok(Some(end - start));
                }
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                return Ok(None);
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return Ok(None),
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_datagram_comes_back() {
        let socket = bind([127, 0, 0, 1].into()).await.expect("a port");
        let target = socket.local_addr().expect("an address");
        let echoing = tokio::spawn(echo(socket));
        let trips = tokio::task::spawn_blocking(move || ping(target, 20)).await.expect("it ends").expect("it pings");
        echoing.abort();
        assert_eq!((trips.ns.len(), trips.lost), (20, 0));
        assert!(trips.ns.iter().all(|&ns| ns > 0));
        assert_eq!(trips.link.kind, "loopback");
    }

    #[test]
    fn what_nobody_answers_is_lost_and_counted() {
        // Bound, and never read.
        let silent = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let trips = ping(silent.local_addr().expect("an address"), 1).expect("it pings");
        assert_eq!((trips.ns.len(), trips.lost), (0, 1));
    }
}
