//! The switch: a TUN device in every host, and threads of this process that carry packets between them.
//!
//! A packet that need not wait is written to its destination by the thread that read it.

use std::collections::HashMap;
use std::io::{self, PipeReader, PipeWriter};
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread::JoinHandle;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tun_rs::{DeviceBuilder, SyncDevice};

use super::line::Line;
use super::namespace::Namespace;
use super::{INTERFACE, Unavailable};

/// That of Ethernet.
const MTU: u16 = 1500;
/// Packets that a host's device holds while the switch is busy: a burst of a TCP window, not to be lost uncounted.
const DEVICE_QUEUE: u32 = 10_000;

/// The lines that leave one host, by destination.
type Routes = HashMap<Ipv4Addr, Arc<Line>>;

/// Carries packets until it is dropped.
#[derive(Debug)]
pub(super) struct Switch {
    routes: HashMap<Ipv4Addr, Arc<Routes>>,
    /// Closing it tells the readers to end.
    stop: Option<PipeWriter>,
    threads: Vec<JoinHandle<()>>,
}

impl Switch {
    pub(super) fn between<'a>(ports: impl Iterator<Item = (Ipv4Addr, &'a Namespace)>) -> Result<Self, Unavailable> {
        let refused = |error: io::Error| Unavailable(format!("no TUN device can be made: {error} (/dev/net/tun)"));
        let plug = |(address, namespace): (Ipv4Addr, &Namespace)| {
            let device = namespace.within(device).and_then(|made| made).map_err(refused)?;
            Ok((address, Arc::new(device)))
        };
        let devices = ports.map(plug).collect::<Result<Vec<_>, _>>()?;
        Self::start(&devices).map_err(|error| Unavailable(format!("the switch does not start: {error}")))
    }

    fn start(devices: &[(Ipv4Addr, Arc<SyncDevice>)]) -> io::Result<Self> {
        let (stopped, stop) = io::pipe()?;
        let mut switch = Self { routes: HashMap::new(), stop: Some(stop), threads: Vec::new() };
        for (from, device) in devices {
            let mut routes = Routes::new();
            for (to, output) in devices.iter().filter(|(to, _)| to != from) {
                let seed = u64::from(from.to_bits()) << u32::BITS | u64::from(to.to_bits());
                let line = Arc::new(Line::new(Arc::clone(output), seed));
                routes.insert(*to, Arc::clone(&line));
                let name = format!("lan {}>{}", from.octets()[3], to.octets()[3]);
                switch.threads.push(std::thread::Builder::new().name(name).spawn(move || line.deliver())?);
            }
            let routes = Arc::new(routes);
            switch.routes.insert(*from, Arc::clone(&routes));
            let (device, stopped) = (Arc::clone(device), stopped.try_clone()?);
            let name = format!("lan {}>", from.octets()[3]);
            switch
                .threads
                .push(std::thread::Builder::new().name(name).spawn(move || read(&device, &stopped, &routes))?);
        }
        Ok(switch)
    }

    pub(super) fn line(&self, from: Ipv4Addr, to: Ipv4Addr) -> &Line {
        let found = self.routes.get(&from).and_then(|routes| routes.get(&to));
        found.unwrap_or_else(|| panic!("{from} has no link to {to}"))
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        drop(self.stop.take());
        for line in self.routes.values().flat_map(|routes| routes.values()) {
            line.close();
        }
        for thread in self.threads.drain(..) {
            if thread.join().is_err() && !std::thread::panicking() {
                panic!("a thread of the switch panicked");
            }
        }
    }
}

/// A device in the namespace of the thread that calls.
fn device() -> io::Result<SyncDevice> {
    let device = DeviceBuilder::new().name(INTERFACE).mtu(MTU).with(|device| {
        device.tx_queue_len(DEVICE_QUEUE);
    });
    let device = device.enable(false).build_sync()?;
    device.set_nonblocking(true)?;
    Ok(device)
}

/// Carries what a host sends, until the other end of `stopped` is closed.
fn read(device: &SyncDevice, stopped: &PipeReader, routes: &Routes) {
    let mut buffer = [0; MTU as usize];
    loop {
        match device.recv(&mut buffer) {
            Ok(length) => {
                let packet = &buffer[..length];
                if let Some(line) = destination(packet).and_then(|to| routes.get(&to)) {
                    line.carry(packet);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let readable = |fd| PollFd::new(fd, PollFlags::POLLIN);
                let mut waiting = [readable(device.as_fd()), readable(stopped.as_fd())];
                // A signal that interrupts is no reason to end.
                let _ = poll(&mut waiting, PollTimeout::NONE);
                if waiting[1].any() == Some(true) {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // The host took its device away.
            Err(_) => return,
        }
    }
}

/// Where an IPv4 packet goes; nothing else is carried.
fn destination(packet: &[u8]) -> Option<Ipv4Addr> {
    let is_ipv4 = packet.first().is_some_and(|first| first >> 4 == 4);
    let bytes: [u8; 4] = packet.get(16..20)?.try_into().ok()?;
    is_ipv4.then(|| Ipv4Addr::from(bytes))
}
