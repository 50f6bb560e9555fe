//! What a run asks about the network before its first cell.

use std::net::{IpAddr, SocketAddr};

use rpycbench_certs::consent::Purpose;
use rpycbench_proto::message::{Consent, Event, Nonce};

use super::{Ended, Run, whole_run};
use crate::{link, ping, reach};

impl Run<'_> {
    /// Answers datagrams from now on.
    pub(super) async fn echo(&mut self, address: IpAddr, nonce: &Nonce) {
        if let Err(denial) = self.terms.limits.bind(address) {
            return self.send(whole_run("echo", denial.to_string())).await;
        }
        match ping::bind(address).await {
            Ok(socket) => {
                let bound = socket.local_addr().unwrap_or_else(|_| (address, 0).into());
                self.background.spawn(ping::echo(socket));
                match self.consent(Purpose::Ping, None, nonce, bound.ip(), &[bound.port()]) {
                    Ok(consent) => {
                        let link = link::with_address(bound.ip());
                        self.send(Event::Echoing { address: bound, link, consent }).await;
                    }
                    Err(reason) => self.send(whole_run("echo", reason)).await,
                }
            }
            Err(error) => {
                let reason = format!("cannot bind {address}: {error}; name an address of this host in serve_on");
                self.send(whole_run("echo", reason)).await;
            }
        }
    }

    /// Sends datagrams; how long they took is told when they are back.
    pub(super) async fn ping(&mut self, target: SocketAddr, count: u32, consent: Option<Consent>) {
        if let Err(reason) = self.may_try(Purpose::Ping, target.ip(), &[target.port()], consent.as_ref()) {
            return self.send(whole_run("ping", reason)).await;
        }
        self.tasks.spawn(async move {
            let trips = tokio::task::spawn_blocking(move || ping::ping(target, count)).await;
            Ended::Pinged(target, trips.map_err(std::io::Error::other).and_then(|trips| trips))
        });
    }

    /// Waits for a caller on those of the ports that are free.
    pub(super) async fn listen(&mut self, address: IpAddr, ports: &[u16], nonce: &Nonce) {
        let limits = &self.terms.limits;
        if let Err(denial) = limits.bind(address).and_then(|()| ports.iter().try_for_each(|&port| limits.port(port))) {
            return self.send(whole_run("listen", denial.to_string())).await;
        }
        let listeners = reach::listen(address, ports).await;
        let ports: Vec<u16> =
            listeners.iter().filter_map(|listener| Some(listener.local_addr().ok()?.port())).collect();
        for listener in listeners {
            self.background.spawn(reach::answer_once(listener));
        }
        match self.consent(Purpose::Reach, None, nonce, address, &ports) {
            Ok(consent) => self.send(Event::Listening { address, ports, consent }).await,
            Err(reason) => self.send(whole_run("listen", reason)).await,
        }
    }

    /// Calls these ports of another host.
    pub(super) async fn reach(&mut self, address: IpAddr, ports: Vec<u16>, consent: Option<Consent>) {
        if let Err(reason) = self.may_try(Purpose::Reach, address, &ports, consent.as_ref()) {
            return self.send(whole_run("reach", reason)).await;
        }
        self.tasks.spawn(async move {
            let targets: Vec<_> = ports.into_iter().map(|port| SocketAddr::new(address, port)).collect();
            Ended::Called(reach::call(&targets).await)
        });
    }
}
