//! What Linux says of an interface: its kind and MTU by netlink, which speaks of this process's own network namespace; its
//! speed and driver from /sys, which may show another's and is believed only where it shows the same interface.

use rpycbench_proto::message::Link;

use super::netlink::{self, Interface};
use super::sysfs::{self, Device};

/// The kernel's numbers for what is below an interface (`linux/if_arp.h`).
const ARPHRD_ETHER: u16 = 1;
const ARPHRD_LOOPBACK: u16 = 772;

/// Everything there is to know of the interface of that name.
pub(super) fn of(interface: &str) -> Link {
    match netlink::interface(interface) {
        Ok(found) => {
            let device = sysfs::device(&found);
            link(found, device)
        }
        Err(error) => Link {
            interface: interface.to_owned(),
            note: format!("the kernel does not describe it: {error}"),
            ..Link::default()
        },
    }
}

fn link(interface: Interface, device: Option<Device>) -> Link {
    let hidden = device.is_none();
    let device = device.unwrap_or_default();
    let kind = match (&interface.kind, interface.hardware) {
        (Some(kind), _) => kind.clone(),
        (None, ARPHRD_LOOPBACK) => "loopback".to_owned(),
        (None, ARPHRD_ETHER) if device.wireless => "wireless".to_owned(),
        (None, ARPHRD_ETHER) => "ethernet".to_owned(),
        // Infiniband and rarer ones.
        (None, hardware) => format!("hardware type {hardware}"),
    };
    // Loopback has neither speed nor driver to be missed.
    let note = if hidden && kind != "loopback" {
        "speed and driver cannot be told: /sys does not show this interface".to_owned()
    } else {
        String::new()
    };
    let (driver, speed_mbit_s) = (device.driver, device.speed_mbit_s);
    Link { interface: interface.name, kind, driver, mtu: interface.mtu, speed_mbit_s, note }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ethernet(kind: Option<&str>) -> Interface {
        Interface {
            name: "eth0".to_owned(),
            index: 2,
            hardware: ARPHRD_ETHER,
            mtu: Some(1500),
            kind: kind.map(str::to_owned),
            address: vec![2, 0, 0, 0, 0, 1],
        }
    }

    #[test]
    fn a_card_is_ethernet_or_wireless_and_a_virtual_one_what_the_kernel_calls_it() {
        let card = Device { driver: "e1000e".to_owned(), speed_mbit_s: Some(1000), wireless: false };
        let wired = link(ethernet(None), Some(card.clone()));
        assert_eq!((wired.kind.as_str(), wired.speed_mbit_s, wired.note.as_str()), ("ethernet", Some(1000), ""));
        assert_eq!(link(ethernet(None), Some(Device { wireless: true, ..card.clone() })).kind, "wireless");
        assert_eq!(link(ethernet(Some("veth")), Some(card)).kind, "veth");
    }

    #[test]
    fn what_sys_does_not_show_is_not_made_up() {
        let link = link(ethernet(None), None);
        assert_eq!((link.speed_mbit_s, link.driver.as_str(), link.mtu), (None, "", Some(1500)));
        assert!(link.note.contains("/sys does not show this interface"), "{link:?}");
    }
}
