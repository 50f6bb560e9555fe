//! A LAN of network namespaces: hosts with addresses of their own, on this machine, for as long as a test lives.
//!
//! The namespaces have no name: what keeps them are file descriptors of this process, so that the kernel removes them,
//! with all devices in them, also when this process is killed. They have no way to the machine's own network.

mod attacker;
mod line;
mod link;
mod namespace;
mod switch;

use std::ffi::OsStr;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::Command;

pub use attacker::Attack;
pub use line::Packets;
pub use link::Link;

use namespace::Namespace;
use switch::Switch;

/// The interface that a host has on the LAN.
pub const INTERFACE: &str = "lan0";

/// The network of the study; a host is told apart by the last number.
const NETWORK: [u8; 3] = [10, 211, 55];
/// The study's turin and hurin; a third host comes after hurin.
const FIRST: u8 = 2;
const SECOND: u8 = 14;

/// Hosts that reach each other and nothing else. Dropping it kills what still runs in them and removes them.
#[derive(Debug)]
pub struct Lan {
    /// Before the hosts: a switch lets go of their devices when it goes.
    switch: Option<Switch>,
    hosts: Vec<Host>,
    /// What a bridge between more than two hosts is in.
    _bridge: Option<Namespace>,
}

#[derive(Debug)]
struct Host {
    name: String,
    address: Ipv4Addr,
    namespace: Namespace,
}

/// Why there can be no LAN here, in one line.
#[derive(Debug)]
pub struct Unavailable(String);

impl fmt::Display for Unavailable {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for Unavailable {}

impl Lan {
    /// Hosts on a switch of this process: real IP packets, and [`Lan::link`] decides what becomes of them.
    ///
    /// The first has 10.211.55.2, the second .14, then .15, .16 and so on.
    ///
    /// # Errors
    /// When this process may not make namespaces or TUN devices, or a program for it is missing.
    ///
    /// # Panics
    /// When two hosts have one name, or there are more than addresses.
    pub fn switched(names: &[&str]) -> Result<Self, Unavailable> {
        let hosts = hosts(names)?;
        let ports = hosts.iter().map(|host| (host.address, &host.namespace));
        let switch = Switch::between(ports)?;
        for host in &hosts {
            host.namespace.ip(&host.interface_up())?;
        }
        Ok(Self { switch: Some(switch), hosts, _bridge: None })
    }

    /// Hosts joined by cables inside the kernel: faster than a switch, and nothing can be done to them.
    ///
    /// # Errors
    /// As for [`Lan::switched`].
    ///
    /// # Panics
    /// As for [`Lan::switched`].
    pub fn veth(names: &[&str]) -> Result<Self, Unavailable> {
        let hosts = hosts(names)?;
        let cable = |name: &str, host: &Host| {
            let end = host.namespace.path();
            format!("link add {name} type veth peer name {INTERFACE} netns {}\n", end.display())
        };
        let bridge = if let [one, other] = hosts.as_slice() {
            one.namespace.ip(&cable(INTERFACE, other))?;
            None
        } else {
            let bridge = Namespace::new()?;
            let mut wiring = String::from("link add lan type bridge\nlink set lan up\n");
            for (port, host) in hosts.iter().enumerate() {
                let port = format!("port{port}");
                wiring += &cable(&port, host);
                wiring += &format!("link set {port} master lan up\n");
            }
            bridge.ip(&wiring)?;
            Some(bridge)
        };
        for host in &hosts {
            host.namespace.ip(&host.interface_up())?;
        }
        Ok(Self { switch: None, hosts, _bridge: bridge })
    }

    /// A command that will run in a host, with this process's environment, user and files.
    ///
    /// # Panics
    /// When there is no such host.
    pub fn command(&self, host: &str, program: impl AsRef<OsStr>) -> Command {
        self.host(host).namespace.command(program.as_ref())
    }

    /// Does `work` on a thread that is in a host. Sockets made there stay in that host.
    ///
    /// # Panics
    /// When there is no such host, and when `work` panics.
    pub fn within<T: Send>(&self, host: &str, work: impl FnOnce() -> T + Send) -> T {
        self.host(host).namespace.within(work).expect("a namespace that this process made can be entered")
    }

    /// The address of a host.
    ///
    /// # Panics
    /// When there is no such host.
    pub fn address(&self, host: &str) -> IpAddr {
        self.host(host).address.into()
    }

    /// A path at which any process of this user finds a host's namespace, for `nsenter --net=`.
    ///
    /// # Panics
    /// When there is no such host.
    pub fn namespace(&self, host: &str) -> PathBuf {
        self.host(host).namespace.path()
    }

    /// The way of packets from one host to another; the way back is another link.
    ///
    /// # Panics
    /// When there is no such host, or this LAN has no switch.
    pub fn link(&self, from: &str, to: &str) -> Link<'_> {
        let switch = self.switch.as_ref().expect("only a switched LAN has links: use Lan::switched");
        Link::new([switch.line(self.host(from).address, self.host(to).address)])
    }

    /// Both ways between two hosts: what is done to it is done to each of them.
    ///
    /// # Panics
    /// As for [`Lan::link`].
    pub fn both_ways(&self, one: &str, other: &str) -> Link<'_> {
        self.link(one, other).and(self.link(other, one))
    }

    fn host(&self, name: &str) -> &Host {
        let found = self.hosts.iter().find(|host| host.name == name);
        found.unwrap_or_else(|| panic!("no host {name:?} on this LAN"))
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        for host in &self.hosts {
            host.namespace.kill_everyone();
        }
    }
}

fn hosts(names: &[&str]) -> Result<Vec<Host>, Unavailable> {
    namespace::programs_are_there()?;
    let last = |index: usize| match index {
        0 => FIRST,
        _ => u8::try_from(index).ok().and_then(|index| (SECOND - 1).checked_add(index)).expect("an address is left"),
    };
    let host = |(index, name): (usize, &&str)| {
        assert!(!names[..index].contains(name), "two hosts have the name {name:?}");
        let [a, b, c] = NETWORK;
        let address = Ipv4Addr::new(a, b, c, last(index));
        Ok(Host { name: (*name).to_owned(), address, namespace: Namespace::new()? })
    };
    names.iter().enumerate().map(host).collect()
}

impl Host {
    fn interface_up(&self) -> String {
        format!("address add {}/24 dev {INTERFACE}\nlink set {INTERFACE} up\n", self.address)
    }
}
