//! Who asks: for the log, which has a line with the target `audit` for everyone who was not let in, everything that was
//! denied, and every run from its beginning to its end.

use std::fmt;
use std::sync::Arc;

use rpycbench_certs::Holder;
use rpycbench_proto::message::CellId;
use tonic::Request;

/// The other end of a connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Where it is, as `address:port`.
    pub address: String,
    /// Whom its certificate names; `None` without one, which is so where an agent is enrolled.
    pub holder: Option<Holder>,
    /// That certificate, DER.
    pub certificate: Option<Arc<[u8]>>,
}

impl Peer {
    /// Who sends a request.
    pub fn of<T>(request: &Request<T>) -> Self {
        let unknown = || Self { address: "unknown".to_owned(), holder: None, certificate: None };
        request.extensions().get().cloned().unwrap_or_else(unknown)
    }

    /// Its URI, in words where there is none.
    pub fn identity(&self) -> String {
        self.holder.as_ref().map_or_else(|| "no certificate".to_owned(), ToString::to_string)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

/// What a reason ends with where the kernel has held a role to a limit of this host.
pub(crate) fn denied(cell: CellId, why: Option<String>) -> String {
    let Some(denial) = why else { return String::new() };
    tracing::warn!(target: "audit", cell, %denial, "denied");
    format!(": {denial}")
}
