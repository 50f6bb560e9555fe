//! The kernel's software stamps: see Documentation/networking/timestamping.rst of the kernel.

use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use nix::cmsg_space;
use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, TimestampingFlag, Timestamps, recvmsg, setsockopt, sockopt,
};
use nix::sys::time::TimeSpec;

use super::Kernel;

/// Has the kernel stamp, and says what it will.
pub(super) fn enable(socket: &UdpSocket) -> Kernel {
    let received = TimestampingFlag::SOF_TIMESTAMPING_RX_SOFTWARE | TimestampingFlag::SOF_TIMESTAMPING_SOFTWARE;
    let both = received
        | TimestampingFlag::SOF_TIMESTAMPING_TX_SOFTWARE
        | TimestampingFlag::SOF_TIMESTAMPING_OPT_ID
        | TimestampingFlag::SOF_TIMESTAMPING_OPT_TSONLY;
    if setsockopt(socket, sockopt::Timestamping, &both).is_ok() {
        Kernel::Both
    } else if setsockopt(socket, sockopt::Timestamping, &received).is_ok() {
        Kernel::Received
    } else {
        Kernel::Nothing
    }
}

/// When the kernel sent the datagram of that number, CLOCK_REALTIME; `None` where it does not say so in time.
pub(super) fn of_sending(socket: &UdpSocket, number: u32, limit: Duration) -> io::Result<Option<i64>> {
    let since = Instant::now();
    loop {
        while let Some((found, realtime_ns)) = next_of_sendings(socket)? {
            if found == number {
                return Ok(Some(realtime_ns));
            }
        }
        let Some(left) = limit.checked_sub(since.elapsed()).filter(|left| !left.is_zero()) else { return Ok(None) };
        // Waiting for nothing but what is always told: errors, and stamps are queued as such.
        let mut waiting = [PollFd::new(socket.as_fd(), PollFlags::empty())];
        wait(&mut waiting, Some(left))?;
    }
}

/// A stamp that lies in the queue of errors: the datagram's number and the time. Other errors there are about the peer, and the
/// next call tells of them.
fn next_of_sendings(socket: &UdpSocket) -> io::Result<Option<(u32, i64)>> {
    let mut space = cmsg_space!(Timestamps, libc::sock_extended_err, libc::sockaddr_in6);
    loop {
        let mut nothing = [0; 1];
        let mut parts = [IoSliceMut::new(&mut nothing)];
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let message = match recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, Some(&mut space), flags) {
            Ok(message) => message,
            Err(Errno::EAGAIN) => return Ok(None),
            Err(Errno::EINTR) => continue,
            Err(error) => return Err(error.into()),
        };
        let (mut number, mut realtime_ns) = (None, None);
        for part in message.cmsgs()? {
            match part {
                ControlMessageOwned::ScmTimestampsns(stamps) => realtime_ns = in_ns(stamps.system),
                ControlMessageOwned::Ipv4RecvErr(error, _) | ControlMessageOwned::Ipv6RecvErr(error, _) => {
                    number = (error.ee_origin == libc::SO_EE_ORIGIN_TIMESTAMPING).then_some(error.ee_data);
                }
                _ => {}
            }
        }
        if let (Some(number), Some(realtime_ns)) = (number, realtime_ns) {
            return Ok(Some((number, realtime_ns)));
        }
    }
}

/// What comes, whose it is, and when the kernel received it, CLOCK_REALTIME.
pub(super) fn receive(
    socket: &UdpSocket,
    into: &mut [u8],
    limit: Option<Duration>,
) -> io::Result<Option<(usize, SocketAddr, Option<i64>)>> {
    let since = Instant::now();
    let mut space = cmsg_space!(Timestamps);
    // Without a limit the call itself waits, which is two calls fewer.
    let flags = if limit.is_none() { MsgFlags::empty() } else { MsgFlags::MSG_DONTWAIT };
    loop {
        let mut parts = [IoSliceMut::new(into)];
        let found = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut parts, Some(&mut space), flags);
        match found {
            Ok(message) => {
                let stamped = message.cmsgs()?.find_map(|part| match part {
                    ControlMessageOwned::ScmTimestampsns(stamps) => in_ns(stamps.system),
                    _ => None,
                });
                let from = message.address.as_ref().and_then(address);
                let from = from.ok_or_else(|| io::Error::other("a datagram from no address"))?;
                return Ok(Some((message.bytes, from, stamped)));
            }
            Err(Errno::EAGAIN) => {}
            Err(Errno::EINTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let left = limit.map(|limit| limit.saturating_sub(since.elapsed()));
        if left.is_some_and(|left| left.is_zero()) {
            return Ok(None);
        }
        let mut waiting = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        wait(&mut waiting, left)?;
    }
}

fn wait(waiting: &mut [PollFd<'_>], limit: Option<Duration>) -> io::Result<()> {
    // Rounded up: a wait for nothing would be repeated at once.
    let limit = limit.map(|limit| limit.as_micros().div_ceil(1000).try_into().unwrap_or(i32::MAX));
    let limit = limit.map_or(Ok(PollTimeout::NONE), PollTimeout::try_from).unwrap_or(PollTimeout::MAX);
    match poll(waiting, limit) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// `None` for a stamp that was not taken.
fn in_ns(stamp: TimeSpec) -> Option<i64> {
    let ns = stamp.tv_sec() * 1_000_000_000 + stamp.tv_nsec();
    (ns != 0).then_some(ns)
}

fn address(found: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = found.as_sockaddr_in().map(|address| SocketAddr::V4((*address).into()));
    v4.or_else(|| found.as_sockaddr_in6().map(|address| SocketAddr::V6((*address).into())))
}
