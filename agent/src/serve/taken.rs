//! Who has the port that a server did not get. Nothing is done to them: they are none of the agent's.

use std::net::SocketAddr;

use procfs::net::{TcpNetEntry, TcpState, tcp, tcp6};
use procfs::process::{FDTarget, Process, all_processes};

/// In words, `None` where nobody listens there. Of a process of another user an agent that is not root learns the user alone.
pub(super) fn by(address: SocketAddr) -> Option<String> {
    let all = tcp().unwrap_or_default().into_iter().chain(tcp6().unwrap_or_default());
    let entry = all.into_iter().find(|entry| entry.state == TcpState::Listen && stands_in_the_way(entry, address))?;
    let uid = entry.uid;
    let owner = all_processes().ok()?.flatten().find(|process| has(process, entry.inode));
    Some(match owner {
        Some(process) => {
            let name = process.stat().map(|stat| stat.comm).unwrap_or_default();
            format!("the port is used by process {} ({}, uid {uid})", process.pid, name.escape_debug())
        }
        None => format!("the port is used by a process of uid {uid}"),
    })
}

fn stands_in_the_way(entry: &TcpNetEntry, address: SocketAddr) -> bool {
    let local = entry.local_address;
    local.port() == address.port() && (local.ip() == address.ip() || local.ip().is_unspecified())
}

fn has(process: &Process, socket: u64) -> bool {
    let is_it = |target: FDTarget| matches!(target, FDTarget::Socket(inode) if inode == socket);
    process.fd().is_ok_and(|mut files| files.any(|file| file.is_ok_and(|file| is_it(file.target))))
}
