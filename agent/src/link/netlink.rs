//! One interface, asked for by rtnetlink (RFC 3549, rtnetlink(7)): unlike /sys it always speaks of the network namespace of
//! the process that asks.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::net::if_::if_nametoindex;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send, socket,
};

/// `linux/netlink.h`, `linux/rtnetlink.h`, `linux/if_link.h`.
const NLM_F_REQUEST: u16 = 1;
const RTM_NEWLINK: u16 = 16;
const RTM_GETLINK: u16 = 18;
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_LINKINFO: u16 = 18;
const IFLA_INFO_KIND: u16 = 1;
/// Two bits of a type say how its value is nested and ordered.
const TYPE: u16 = 0x3fff;
const MESSAGE_HEADER: usize = 16;
const INTERFACE_HEADER: usize = 16;
const ATTRIBUTE_HEADER: usize = 4;
/// An answer about one interface has a few KiB.
const ANSWER: usize = 64 * 1024;

/// An interface as the kernel knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) name: String,
    pub(super) index: u32,
    /// `ARPHRD_…`.
    pub(super) hardware: u16,
    /// Bytes.
    pub(super) mtu: Option<u32>,
    /// The kernel's word for a virtual one.
    pub(super) kind: Option<String>,
    /// Of its hardware, 6 bytes for ethernet; empty where it has none.
    pub(super) address: Vec<u8>,
}

/// Asks for the interface of that name.
pub(super) fn interface(name: &str) -> io::Result<Interface> {
    let index = if_nametoindex(name)?;
    let socket: OwnedFd =
        socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkRoute)?;
    bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
    send(socket.as_raw_fd(), &request(index), MsgFlags::empty())?;
    let mut answer = vec![0; ANSWER];
    // The kernel has answered before `send` returns.
    let length = recv(socket.as_raw_fd(), &mut answer, MsgFlags::MSG_DONTWAIT)?;
    parse(answer.get(..length).unwrap_or_default())
        .ok_or_else(|| io::Error::other(format!("an answer of {length} bytes is not understood")))
}

fn request(index: u32) -> Vec<u8> {
    let mut request = Vec::with_capacity(MESSAGE_HEADER + INTERFACE_HEADER);
    request.extend(((MESSAGE_HEADER + INTERFACE_HEADER) as u32).to_ne_bytes());
    request.extend(RTM_GETLINK.to_ne_bytes());
    request.extend(NLM_F_REQUEST.to_ne_bytes());
    // Sequence and port: one question on a socket of its own needs neither.
    request.extend([0; 8]);
    // Family and hardware: any.
    request.extend([0; 4]);
    request.extend(index.to_ne_bytes());
    // Flags and which of them to change: none.
    request.extend([0; 8]);
    request
}

fn parse(answer: &[u8]) -> Option<Interface> {
    let length = u32_at(answer, 0)? as usize;
    let answer = answer.get(..length)?;
    if u16_at(answer, 4)? != RTM_NEWLINK {
        return None;
    }
    let mut interface = Interface {
        name: String::new(),
        index: u32_at(answer, MESSAGE_HEADER + 4)?,
        hardware: u16_at(answer, MESSAGE_HEADER + 2)?,
        mtu: None,
        kind: None,
        address: Vec::new(),
    };
    for (kind, value) in attributes(answer.get(MESSAGE_HEADER + INTERFACE_HEADER..)?) {
        match kind {
            IFLA_IFNAME => interface.name = text(value),
            IFLA_MTU => interface.mtu = u32_at(value, 0),
            IFLA_ADDRESS => interface.address = value.to_vec(),
            IFLA_LINKINFO => {
                let found = attributes(value).into_iter().find(|(kind, _)| *kind == IFLA_INFO_KIND);
                interface.kind = found.map(|(_, kind)| text(kind));
            }
            _ => {}
        }
    }
    Some(interface)
}

/// Type and value of each, up to the first that does not fit.
fn attributes(mut bytes: &[u8]) -> Vec<(u16, &[u8])> {
    let mut attributes = Vec::new();
    while let (Some(length), Some(kind)) = (u16_at(bytes, 0), u16_at(bytes, 2)) {
        let Some(value) = bytes.get(ATTRIBUTE_HEADER..usize::from(length)) else { break };
        attributes.push((kind & TYPE, value));
        // Each begins at a multiple of four.
        bytes = bytes.get(usize::from(length).next_multiple_of(4)..).unwrap_or_default();
    }
    attributes
}

fn u16_at(bytes: &[u8], place: usize) -> Option<u16> {
    bytes.get(place..)?.first_chunk().map(|bytes| u16::from_ne_bytes(*bytes))
}

fn u32_at(bytes: &[u8], place: usize) -> Option<u32> {
    bytes.get(place..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes))
}

/// Up to the zero that ends it.
fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_describes_loopback() {
        let found = interface("lo").expect("every host has it");
        assert_eq!((found.name.as_str(), found.hardware, found.kind), ("lo", 772, None));
        assert_eq!((found.address, found.index), (vec![0; 6], if_nametoindex("lo").expect("an index")));
    }

    #[test]
    fn an_interface_that_is_not_there_is_an_error() {
        assert!(interface("nowhere0").is_err());
    }

    #[test]
    fn an_answer_cut_anywhere_is_refused_or_tells_less_and_never_panics() {
        let mut answer = request(7);
        answer[4..6].copy_from_slice(&RTM_NEWLINK.to_ne_bytes());
        for (kind, value) in [(IFLA_IFNAME, &b"veth0\0"[..]), (IFLA_LINKINFO, b"\x09\0\x01\0veth\0\0\0\0")] {
            answer.extend(((ATTRIBUTE_HEADER + value.len()) as u16).to_ne_bytes());
            answer.extend(kind.to_ne_bytes());
            answer.extend(value);
            answer.resize(answer.len().next_multiple_of(4), 0);
        }
        for length in 0..=answer.len() {
            let mut cut = answer[..length].to_vec();
            if let Some(field) = cut.first_chunk_mut() {
                *field = (length as u32).to_ne_bytes();
            }
            let found = parse(&cut);
            let whole = found.as_ref().and_then(|it| it.kind.as_deref()) == Some("veth");
            assert_eq!(whole, length == answer.len(), "{length}: {found:?}");
        }
    }
}
