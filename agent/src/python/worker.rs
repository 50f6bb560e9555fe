//! The words exchanged with a Python worker: one JSON line each, orders on its stdin, reports on its stdout.

use std::net::IpAddr;
use std::path::PathBuf;

use rpycbench_measure::{Call, ClientModel, FlaskMode, RpycMode, Server, ServerKind, Stack, Workload};
use serde::{Deserialize, Serialize};

/// What a serving worker is told.
#[derive(Debug, Serialize)]
pub struct ServeOrder {
    stack: &'static str,
    mode: &'static str,
    address: IpAddr,
    port: u16,
}

impl ServeOrder {
    /// The order to run that server.
    pub fn new(server: &Server, address: IpAddr) -> Self {
        let (stack, mode) = match server.kind {
            ServerKind::Rpyc(RpycMode::Threaded) => ("rpyc", "threaded"),
            ServerKind::Rpyc(RpycMode::Forking) => ("rpyc", "forking"),
            ServerKind::Flask(FlaskMode::Threaded) => ("flask", "threaded"),
        };
        Self { stack, mode, address, port: server.port.map_or(0, Into::into) }
    }
}

/// What a driving worker is told first.
#[derive(Debug, Serialize)]
pub struct DriveOrder {
    stack: &'static str,
    workload: WorkloadOrder,
    /// A call that takes longer has failed.
    timeout_s: f64,
}

#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum WorkloadOrder {
    Connect { count: u32, warmup: u32 },
    Closed { clients: u32, requests: u32, warmup: u32, client_model: &'static str, call: &'static str },
}

impl DriveOrder {
    /// The order to get ready for that load.
    pub fn new(stack: Stack, workload: &Workload, timeout_s: f64) -> Self {
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
        Self { stack, workload, timeout_s }
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
