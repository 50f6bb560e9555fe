//! The words exchanged with a Python worker: one JSON line each, orders on its stdin, reports on its stdout.

use std::net::IpAddr;
use std::path::PathBuf;

use rpycbench_measure::{
    Call, ClientModel, ClientPairing, FlaskMode, RpycMode, Server, ServerKind, Stack, Stamping, Workload,
};
use serde::{Deserialize, Serialize};

/// What a serving worker is told.
#[derive(Debug, Serialize)]
pub struct ServeOrder {
    stack: &'static str,
    mode: &'static str,
    address: IpAddr,
    port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    stamps: Option<StampsOrder>,
}

#[derive(Debug, Serialize)]
struct StampsOrder {
    connections: u32,
    each: u32,
}

impl ServeOrder {
    /// The order to run that server, and to stamp what it is asked.
    pub fn new(server: &Server, address: IpAddr, stamping: Option<Stamping>) -> Self {
        let (stack, mode) = match server.kind {
            ServerKind::Rpyc(RpycMode::Threaded) => ("rpyc", "threaded"),
            ServerKind::Rpyc(RpycMode::Forking) => ("rpyc", "forking"),
            ServerKind::Flask(FlaskMode::Threaded) => ("flask", "threaded"),
        };
        let stamps = stamping.map(|Stamping { connections, each }| StampsOrder { connections, each });
        Self { stack, mode, address, port: server.port.map_or(0, Into::into), stamps }
    }
}

/// What a driving worker is told first.
#[derive(Debug, Serialize)]
pub struct DriveOrder {
    stack: &'static str,
    workload: WorkloadOrder,
    /// A call that takes longer has failed.
    timeout_s: f64,
    stamped: bool,
}

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum WorkloadOrder {
    Connect { count: u32, warmup: u32 },
    Closed { clients: u32, requests: u32, warmup: u32, client_model: &'static str, call: &'static str },
}

impl DriveOrder {
    /// The order to get ready for that load.
    pub fn new(stack: Stack, workload: &Workload, timeout_s: f64, stamped: bool) -> Self {
        let stack = match stack {
            Stack::Rpyc => "rpyc",
            Stack::Http => "requests",
        };
        let workload = match *workload {
            Workload::Connect { count, warmup } => WorkloadOrder::Connect { count, warmup },
            Workload::Closed { clients, requests, warmup, client_model, call } => WorkloadOrder::Closed {
                clients,
                requests,
                warmup,
                client_model: ClientModel::name(client_model),
                call: Call::name(call),
            },
        };
        Self { stack, workload, timeout_s, stamped }
    }
}

/// What a driving worker is told when the server is there.
#[derive(Debug, Serialize)]
pub struct TargetOrder {
    /// The server's address.
    pub address: IpAddr,
    /// The server's port.
    pub port: u16,
}

/// What a worker reports.
#[derive(Debug, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Report {
    /// The server has its port.
    Listening {
        /// The port.
        port: u16,
        /// Where its stamps can be opened, where it was asked for them.
        #[serde(default)]
        stamps: Option<PathBuf>,
    },
    /// The driver is ready but for the target.
    Armed {
        /// Where its recording can be opened.
        recording: PathBuf,
    },
    /// The measured part begins.
    Driving,
    /// The measured part is over.
    Driven(DrivenReport),
    /// It could not do what it was told.
    Failed {
        /// What it was doing.
        phase: String,
        /// Why it failed, one line.
        reason: String,
    },
}

/// What a driver knows beyond its recording.
#[derive(Debug, Deserialize)]
pub struct DrivenReport {
    /// In the recording's order.
    pub clients: Vec<ClientReport>,
    /// Payload bytes of one call.
    pub bytes_out: i64,
    /// Network round trips the caller waits for, measured.
    pub round_trips_per_call: f64,
}

/// What a driver knows of one client.
#[derive(Debug, Deserialize)]
pub struct ClientReport {
    /// The reasons its rows' status points to.
    pub errors: Vec<String>,
    /// Connections opened during the measured part.
    pub connections_opened: u64,
    /// Where it was asked for.
    #[serde(flatten)]
    pub pairing: Option<PairingReport>,
}

/// Which of the server's stamps belong to a client.
#[derive(Debug, Deserialize)]
pub struct PairingReport {
    port: Option<u16>,
    first: u64,
    each: Option<u64>,
    waited: u64,
    unpaired: Option<String>,
}

impl ClientReport {
    /// Which of the server's stamps belong to it; `None` where it was not asked for.
    pub fn pairing(&self) -> Option<ClientPairing> {
        let PairingReport { port, first, each, waited, unpaired } = self.pairing.as_ref()?;
        let (port, first, waited) = (*port, *first, *waited);
        Some(match *each {
            Some(each) if waited <= each => ClientPairing::Rows { port, first, each, waited },
            Some(each) => ClientPairing::Unknown(format!("the driver waited for {waited} of {each} requests")),
            None => {
                ClientPairing::Unknown(unpaired.clone().unwrap_or_else(|| "the driver does not say why".to_owned()))
            }
        })
    }
}

impl Report {
    /// Reads one line of a worker's stdout.
    ///
    /// # Errors
    /// Says what the line was where it is no report.
    pub fn parse(line: &str) -> Result<Self, String> {
        serde_json::from_str(line).map_err(|error| format!("unexpected line from the worker: {line:?} ({error})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clients(line: &str) -> Vec<Option<ClientPairing>> {
        let line =
            format!(r#"{{"event": "driven", "bytes_out": 0, "round_trips_per_call": 1.0, "clients": [{line}]}}"#);
        match Report::parse(&line) {
            Ok(Report::Driven(report)) => report.clients.iter().map(ClientReport::pairing).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_a_client_says_of_its_stamps_is_understood() {
        let of = |rest: &str| clients(&format!(r#"{{"errors": [], "connections_opened": 1{rest}}}"#)).remove(0);
        assert_eq!(of(""), None);
        let rows = |port| ClientPairing::Rows { port, first: 7, each: 3, waited: 2 };
        let each = r#""first": 7, "each": 3, "waited": 2, "unpaired": null"#;
        assert_eq!(of(&format!(r#", "port": 40000, {each}"#)), Some(rows(Some(40_000))));
        assert_eq!(of(&format!(r#", "port": null, {each}"#)), Some(rows(None)));
        let why = r#", "port": null, "first": 0, "each": null, "waited": 0, "unpaired": "a call failed""#;
        assert_eq!(of(why), Some(ClientPairing::Unknown("a call failed".to_owned())));
    }

    #[test]
    fn a_server_is_asked_for_stamps_only_where_there_are_to_be_some() {
        let server = Server { kind: ServerKind::Flask(FlaskMode::Threaded), port: None };
        let order = |stamping| {
            let order = ServeOrder::new(&server, IpAddr::from([127, 0, 0, 1]), stamping);
            serde_json::to_string(&order).expect("JSON")
        };
        assert!(!order(None).contains("stamps"));
        let stamped = order(Some(Stamping { connections: 3, each: 7 }));
        assert!(stamped.contains(r#""stamps":{"connections":3,"each":7}"#), "{stamped}");
    }
}
