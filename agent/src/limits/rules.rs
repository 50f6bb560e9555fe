//! What is asked of an agent, and whether its limits allow it.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use rpycbench_measure::{FlaskMode, RpycMode, Server, ServerKind, Workload};

use super::{Denial, Limits, Ports};

/// Every kind, by the word it has in limits.
pub(super) const SERVERS: [(&str, ServerKind); 3] = [
    ("rpyc-threaded", ServerKind::Rpyc(RpycMode::Threaded)),
    ("rpyc-forking", ServerKind::Rpyc(RpycMode::Forking)),
    ("flask-threaded", ServerKind::Flask(FlaskMode::Threaded)),
];

impl Limits {
    /// A run that is expected to take so long.
    ///
    /// # Errors
    /// When that is too long.
    pub fn run(&self, expected: Duration) -> Result<(), Denial> {
        if self.max_run.value.allows(expected) {
            return Ok(());
        }
        let asked = format!("the run is expected to take {:.0} s", expected.as_secs_f64());
        Err(self.denial("max_run", &self.max_run, asked))
    }

    /// What is said of a run that has had its time.
    pub fn overrun(&self) -> Denial {
        self.denial("max_run", &self.max_run, "the run has had that time, and is ended")
    }

    /// What is said of a role whose processes want more memory.
    pub fn more_memory(&self) -> Denial {
        self.denial("max_memory", &self.max_memory, "its processes together asked for more memory")
    }

    /// What is said of a role that wants more processes.
    pub fn more_processes(&self) -> Denial {
        self.denial("max_processes", &self.max_processes, "it asked for more processes and threads")
    }

    /// A server at that address.
    ///
    /// # Errors
    /// When it is not to run, or not there.
    pub fn server(&self, server: &Server, address: IpAddr) -> Result<(), Denial> {
        if !self.servers.value.contains(&server.kind) {
            let word = SERVERS.iter().find(|(_, kind)| *kind == server.kind).map_or("another", |(word, _)| word);
            return Err(self.denial("servers", &self.servers, format!("the cell asks for {word}")));
        }
        self.bind(address)?;
        self.port(server.port.map_or(0, Into::into))
    }

    /// Anything at that address of this host.
    ///
    /// # Errors
    /// When nothing is to be there.
    pub fn bind(&self, address: IpAddr) -> Result<(), Denial> {
        let itself = |network: &IpNet| network.addr() == address && network.prefix_len() == network.max_prefix_len();
        let listed = if address.is_unspecified() {
            self.serve_on.value.iter().any(itself)
        } else {
            within(&self.serve_on.value, address)
        };
        if listed {
            return Ok(());
        }
        Err(self.denial("serve_on", &self.serve_on, format!("the controller asks to serve on {address}")))
    }

    /// That port; 0 is one that the system chooses.
    ///
    /// # Errors
    /// When it is not to be taken.
    pub fn port(&self, port: u16) -> Result<(), Denial> {
        let allowed = |ports: &Ports| match *ports {
            Ports::System => port == 0,
            Ports::Range(first, last) => port != 0 && (first..=last).contains(&port),
        };
        if self.ports.value.iter().any(allowed) {
            return Ok(());
        }
        let asked = match port {
            0 => "the plan leaves the port to the system: name one of these in it".to_owned(),
            port => format!("the controller asks for port {port}"),
        };
        Err(self.denial("ports", &self.ports, asked))
    }

    /// A load of that size.
    ///
    /// # Errors
    /// When it is too large.
    pub fn workload(&self, workload: &Workload) -> Result<(), Denial> {
        let (clients, requests) = match *workload {
            Workload::Connect { count, warmup } => (1, u64::from(count) + u64::from(warmup)),
            Workload::Closed { clients, requests, warmup, .. } => {
                let each = u64::from(requests) + u64::from(warmup);
                (u64::from(clients), each.saturating_mul(u64::from(clients)))
            }
        };
        if !self.max_clients.value.allows(clients) {
            return Err(self.denial("max_clients", &self.max_clients, format!("the cell asks for {clients}")));
        }
        if !self.max_requests.value.allows(requests) {
            let asked = format!("the cell asks for {requests}, warm-up included");
            return Err(self.denial("max_requests", &self.max_requests, asked));
        }
        Ok(())
    }

    /// Samples or stamps of that many bytes beside those that are kept of the run, or will be.
    ///
    /// # Errors
    /// When that is too much.
    pub fn spool(&self, used: u64, needed: u64) -> Result<(), Denial> {
        if self.max_spool.value.allows(used.saturating_add(needed)) {
            return Ok(());
        }
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        let asked = format!("the cell may take {} MiB, and {} MiB are the run's already", mib(needed), mib(used));
        Err(self.denial("max_spool", &self.max_spool, asked))
    }

    /// Packets to an address whose agent has consented.
    ///
    /// # Errors
    /// When none are to go there, whoever consents.
    pub fn drive_at_agent(&self, address: IpAddr) -> Result<(), Denial> {
        if within(&self.drive_at_agents.value, address) {
            return Ok(());
        }
        let asked = format!("the agent at {address} has consented, and is not to be driven at");
        Err(self.denial("drive_at_agents", &self.drive_at_agents, asked))
    }

    /// Packets to an address where nobody has consented.
    ///
    /// # Errors
    /// When none are to go there.
    pub fn drive_at_other(&self, address: IpAddr) -> Result<(), Denial> {
        if within(&self.drive_at_others.value, address) {
            return Ok(());
        }
        let asked = format!("no agent at {address} has consented");
        Err(self.denial("drive_at_others", &self.drive_at_others, asked))
    }
}

/// An IPv4 address in the clothes of IPv6 is the IPv4 address.
fn within(networks: &[IpNet], address: IpAddr) -> bool {
    let address = address.to_canonical();
    networks.iter().any(|network| network.contains(&address))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;
    use std::path::Path;

    use rpycbench_measure::{Call, ClientModel};

    use super::*;

    fn limits(text: &str) -> Limits {
        let listen = "192.0.2.1".parse().expect("an address");
        Limits::parse(Path::new("limits.toml"), text, Some(listen)).expect("sound")
    }

    fn closed(clients: u32, requests: u32) -> Workload {
        let (client_model, call) = (ClientModel::Threads, Call::Bound);
        Workload::Closed { clients, requests, warmup: 0, client_model, call }
    }

    fn flask(port: u16) -> Server {
        Server { kind: ServerKind::Flask(FlaskMode::Threaded), port: NonZeroU16::new(port) }
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[track_caller]
    fn denied(answer: Result<(), Denial>, wanted: &str) {
        assert_eq!(answer.expect_err("denied").to_string(), wanted);
    }

    #[test]
    fn s7_the_most_is_allowed_and_one_more_is_denied_with_rule_value_and_what_was_asked() {
        let limits = limits("max_clients = 16\nmax_requests = 1000\nmax_run = \"1m\"\n");
        limits.workload(&closed(16, 62)).expect("allowed");
        denied(limits.workload(&closed(17, 1)), "denied by max_clients = 16 in limits.toml: the cell asks for 17");
        limits.workload(&closed(10, 100)).expect("allowed");
        let more = "denied by max_requests = 1000 in limits.toml: the cell asks for 1001, warm-up included";
        denied(limits.workload(&closed(1, 1001)), more);
        denied(limits.workload(&Workload::Connect { count: 1000, warmup: 1 }), more);
        limits.run(Duration::from_secs(60)).expect("allowed");
        let long = "denied by max_run = \"1m\" in limits.toml: the run is expected to take 61 s";
        denied(limits.run(Duration::from_secs(61)), long);
        denied(
            limits.workload(&closed(u32::MAX, u32::MAX)),
            &format!("denied by max_clients = 16 in limits.toml: the cell asks for {}", u32::MAX),
        );
    }

    #[test]
    fn samples_are_kept_as_long_as_they_fit() {
        let limits = limits("max_spool = \"10MiB\"");
        limits.spool(4 << 20, 6 << 20).expect("allowed");
        denied(
            limits.spool(4 << 20, (6 << 20) + 1),
            "denied by max_spool = \"10MiB\" in limits.toml: the cell may take 7 MiB, and 4 MiB are the run's already",
        );
        assert!(limits.spool(u64::MAX, u64::MAX).is_err());
    }

    #[test]
    fn s7_a_server_runs_where_kind_address_and_port_are_listed() {
        let limits = limits(
            "servers = [\"flask-threaded\"]\nserve_on = [\"listen\", \"10.0.0.0/8\"]\nports = [\"20000-20999\", \"80\"]\n",
        );
        for (ip, port) in [("192.0.2.1", 20000), ("10.1.2.3", 20999), ("10.255.255.255", 80)] {
            limits.server(&flask(port), address(ip)).expect("allowed");
        }
        let at = |ip: &str, port| limits.server(&flask(port), address(ip));
        denied(
            at("192.0.2.2", 80),
            "denied by serve_on = [\"listen\", \"10.0.0.0/8\"] in limits.toml: the controller asks to serve on 192.0.2.2",
        );
        assert!(at("0.0.0.0", 80).is_err() && at("::", 80).is_err() && at("127.0.0.1", 80).is_err());
        assert!(at("10.0.0.1", 21000).is_err() && at("10.0.0.1", 81).is_err());
        assert!(at("10.0.0.1", 0).expect_err("denied").to_string().contains("leaves the port to the system"));
        let rpyc = Server { kind: ServerKind::Rpyc(RpycMode::Forking), port: NonZeroU16::new(80) };
        denied(
            limits.server(&rpyc, address("10.0.0.1")),
            "denied by servers = [\"flask-threaded\"] in limits.toml: the cell asks for rpyc-forking",
        );
    }

    #[test]
    fn all_addresses_at_once_are_for_who_lists_them_by_name() {
        let anywhere = limits("serve_on = [\"0.0.0.0/0\", \"::/0\"]");
        anywhere.bind(address("203.0.113.9")).expect("allowed");
        assert!(anywhere.bind(address("0.0.0.0")).is_err() && anywhere.bind(address("::")).is_err());
        limits("serve_on = [\"0.0.0.0\"]").bind(address("0.0.0.0")).expect("allowed");
    }

    #[test]
    fn s7_load_goes_nowhere_unless_somebody_has_said_so() {
        let none = limits("");
        denied(
            none.drive_at_other(address("203.0.113.9")),
            "denied by drive_at_others = [] in limits.toml: no agent at 203.0.113.9 has consented",
        );
        none.drive_at_agent(address("203.0.113.9")).expect("allowed");
        let lan = limits("drive_at_agents = [\"10.0.0.0/8\"]\ndrive_at_others = [\"198.51.100.7\"]");
        assert!(lan.drive_at_agent(address("203.0.113.9")).is_err());
        assert!(lan.drive_at_agent(address("::ffff:10.0.0.1")).is_ok(), "the same address, written otherwise");
        lan.drive_at_other(address("198.51.100.7")).expect("allowed");
        assert!(lan.drive_at_other(address("198.51.100.8")).is_err());
    }
}
