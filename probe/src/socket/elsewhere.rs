//! Without stamps of the kernel.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use super::Kernel;

pub(super) fn enable(_: &UdpSocket) -> Kernel {
    Kernel::Nothing
}

pub(super) fn of_sending(_: &UdpSocket, _: u32, _: Duration) -> io::Result<Option<i64>> {
    Ok(None)
}

pub(super) fn receive(
    socket: &UdpSocket,
    into: &mut [u8],
    limit: Option<Duration>,
) -> io::Result<Option<(usize, SocketAddr, Option<i64>)>> {
    // Zero means no limit there.
    socket.set_read_timeout(limit.map(|limit| limit.max(Duration::from_micros(1))))?;
    match socket.recv_from(into) {
        Ok((length, from)) => Ok(Some((length, from, None))),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => Ok(None),
        Err(error) => Err(error),
    }
}
