//! Which interface of this host carries what is sent to or from an address, and what is known of it.

#[cfg_attr(target_os = "linux", path = "linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "elsewhere.rs")]
mod details;
#[cfg(target_os = "linux")]
mod netlink;
#[cfg(target_os = "linux")]
mod sysfs;

use std::net::IpAddr;

use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::SockaddrStorage;
use rpycbench_proto::message::Link;

/// The interface that has an address of this host.
pub(crate) fn with_address(address: IpAddr) -> Link {
    match interfaces() {
        Ok(all) => describe(has(&all, address), address),
        Err(link) => link,
    }
}

/// The interface by which packets leave from `own` for `peer`: the kernel carries those for itself over loopback,
/// whichever address they name.
pub(crate) fn from_to(own: IpAddr, peer: IpAddr) -> Link {
    match interfaces() {
        Ok(all) if has(&all, peer).is_some() => describe(loopback(&all), peer),
        Ok(all) => describe(has(&all, own), own),
        Err(link) => link,
    }
}

fn interfaces() -> Result<Vec<InterfaceAddress>, Link> {
    let all = getifaddrs().map_err(|error| unknown(format!("the interfaces of this host cannot be listed: {error}")));
    Ok(all?.collect())
}

fn has(all: &[InterfaceAddress], address: IpAddr) -> Option<&str> {
    let exact = all.iter().find(|it| it.address.as_ref().and_then(ip) == Some(address));
    // All of 127.0.0.0/8 is on loopback, and only one of it is listed.
    exact.map(|it| it.interface_name.as_str()).or_else(|| address.is_loopback().then(|| loopback(all)).flatten())
}

fn loopback(all: &[InterfaceAddress]) -> Option<&str> {
    let found = all.iter().find(|it| it.flags.contains(InterfaceFlags::IFF_LOOPBACK));
    found.map(|it| it.interface_name.as_str())
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|it| it.ip().into());
    v4.or_else(|| address.as_sockaddr_in6().map(|it| it.ip().into()))
}

fn describe(interface: Option<&str>, address: IpAddr) -> Link {
    match interface {
        Some(interface) => details::of(interface),
        None => unknown(format!("no interface of this host has the address {address}")),
    }
}

fn unknown(note: String) -> Link {
    Link { note, ..Link::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_loopback_address_is_on_loopback_and_so_is_the_way_to_it() {
        for last in 1..4 {
            let address = IpAddr::from([127, 0, 0, last]);
            for link in [with_address(address), from_to([127, 0, 0, 1].into(), address)] {
                assert_eq!((link.kind.as_str(), link.driver.as_str(), link.note.as_str()), ("loopback", "", ""));
                assert!(link.mtu.is_some_and(|mtu| mtu >= 1500), "{link:?}");
                assert_eq!(link.speed_mbit_s, None);
            }
        }
    }

    #[test]
    fn an_address_of_nobody_here_has_no_interface_and_says_so() {
        let link = with_address([192, 0, 2, 1].into());
        assert_eq!((link.interface.as_str(), link.mtu), ("", None));
        assert_eq!(link.note, "no interface of this host has the address 192.0.2.1");
    }

    #[test]
    fn what_is_sent_to_an_own_address_goes_over_loopback() {
        let all = interfaces().expect("interfaces");
        let own = all.iter().filter(|it| !it.flags.contains(InterfaceFlags::IFF_LOOPBACK));
        for address in own.filter_map(|it| it.address.as_ref().and_then(ip)) {
            assert_eq!(from_to(address, address).kind, "loopback", "{address}");
            assert_ne!(with_address(address).kind, "loopback", "{address}");
        }
    }
}
