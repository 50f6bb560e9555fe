//! What `run.json` has of a cell's stamps.

use rpycbench_measure::ClientPairing;
use serde::{Deserialize, Serialize};

use crate::store::words::below;

/// What the server of a cell has stamped, and to whom of the driver's clients that belongs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StampsRecord {
    /// Where the stamps are, relative to the run folder. Their times are those of the host that serves.
    #[serde(deserialize_with = "below")]
    pub file: String,
    /// Stamps the serving agent says it sent, if it lived to say so.
    pub reported: Option<u64>,
    /// Stamps stored here.
    pub stored: u64,
    /// Every row the server had was taken: there may have been requests without one.
    pub full: bool,
    /// By client; empty where the driver did not reach its end.
    pub clients: Vec<PairingRecord>,
}

impl StampsRecord {
    /// What the driver told of each client.
    pub fn pairings(&self) -> Vec<ClientPairing> {
        self.clients.iter().map(Into::into).collect()
    }
}

/// Which of the server's stamps belong to the samples of one client: of those with one peer port, in their order. Where there is
/// a `port`, sample k has those from `first + k * each` on; else each sample has those from `first` on of its `client_port`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairingRecord {
    /// Of the client's connection.
    pub port: Option<u16>,
    /// Requests before.
    pub first: u64,
    /// Requests of a sample; `null` where it cannot be told which they are.
    pub each: Option<u64>,
    /// Those of them that the caller waited for, which come first.
    pub waited: u64,
    /// Why it cannot be told.
    pub unpaired: Option<String>,
}

impl From<&ClientPairing> for PairingRecord {
    fn from(client: &ClientPairing) -> Self {
        match client {
            &ClientPairing::Rows { port, first, each, waited } => {
                Self { port, first, each: Some(each), waited, unpaired: None }
            }
            ClientPairing::Unknown(why) => Self { unpaired: Some(why.clone()), ..Self::default() },
        }
    }
}

impl From<&PairingRecord> for ClientPairing {
    fn from(record: &PairingRecord) -> Self {
        let &PairingRecord { port, first, each, waited, .. } = record;
        match each {
            Some(each) => Self::Rows { port, first, each, waited },
            None => Self::Unknown(record.unpaired.clone().unwrap_or_default()),
        }
    }
}
