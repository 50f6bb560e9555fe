//! Speed and driver of a network device, from /sys/class/net.

use std::path::{Path, PathBuf};

use super::netlink::Interface;

const CLASS: &str = "/sys/class/net";

/// What is below an interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Device {
    /// Empty where there is no device, as for virtual ones.
    pub(super) driver: String,
    /// `None` where the driver does not say.
    pub(super) speed_mbit_s: Option<u32>,
    pub(super) wireless: bool,
}

/// `None` where /sys does not show this interface: it may belong to another network namespace than this process.
pub(super) fn device(interface: &Interface) -> Option<Device> {
    device_in(Path::new(CLASS), interface)
}

fn device_in(class: &Path, interface: &Interface) -> Option<Device> {
    let folder: PathBuf = class.join(&interface.name);
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).ok().map(|text| text.trim().to_owned());
    let same = read("ifindex")?.parse() == Ok(interface.index) && address(&read("address")?) == interface.address;
    same.then(|| Device {
        driver: driver(&folder.join("device/driver")),
        // An interface that is down, or has no such thing, fails to be read; a driver that does not know says -1.
        speed_mbit_s: read("speed").and_then(|speed| speed.parse().ok()),
        wireless: folder.join("wireless").is_dir() || folder.join("phy80211").exists(),
    })
}

fn driver(link: &Path) -> String {
    let target = std::fs::read_link(link).unwrap_or_default();
    target.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// From `02:fc:00:00:00:01`; empty for interfaces that have none.
fn address(text: &str) -> Vec<u8> {
    text.split(':').filter_map(|byte| u8::from_str_radix(byte, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn interface() -> Interface {
        let address = vec![2, 252, 0, 0, 0, 1];
        Interface { name: "eth0".to_owned(), index: 4, hardware: 1, mtu: Some(1400), kind: None, address }
    }

    fn class(speed: &str) -> tempfile::TempDir {
        let class = tempfile::tempdir().expect("a folder");
        let folder = class.path().join("eth0");
        fs::create_dir_all(folder.join("device")).expect("a folder");
        std::os::unix::fs::symlink("../../bus/virtio/drivers/virtio_net", folder.join("device/driver"))
            .expect("a link");
        for (name, text) in [("ifindex", "4\n"), ("address", "02:fc:00:00:00:01\n"), ("speed", speed)] {
            fs::write(folder.join(name), text).expect("a file");
        }
        class
    }

    #[test]
    fn a_speed_is_what_the_driver_says_and_minus_one_is_none() {
        for (text, speed) in [("10000\n", Some(10_000)), ("-1\n", None), ("", None)] {
            let device = device_in(class(text).path(), &interface()).expect("the same interface");
            assert_eq!((device.speed_mbit_s, device.driver.as_str()), (speed, "virtio_net"));
        }
    }

    #[test]
    fn an_interface_of_the_same_name_in_another_namespace_is_not_taken_for_this_one() {
        let class = class("1000\n");
        let others = [
            Interface { index: 5, ..interface() },
            Interface { address: vec![2, 252, 0, 0, 0, 2], ..interface() },
            Interface { name: "eth1".to_owned(), ..interface() },
        ];
        for other in others {
            assert_eq!(device_in(class.path(), &other), None, "{other:?}");
        }
    }
}
