//! What the plan sets against each other.

use serde::{Deserialize, Serialize};

use crate::store::words::{perhaps_word, word};

/// A topology of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopologyRecord {
    /// Its name.
    #[serde(deserialize_with = "word")]
    pub name: String,
    /// The host that drives.
    #[serde(deserialize_with = "word")]
    pub client: String,
    /// The host that serves.
    #[serde(deserialize_with = "word")]
    pub server: String,
    /// The topology its differences are taken against.
    #[serde(default, deserialize_with = "perhaps_word")]
    pub baseline: Option<String>,
}

/// A server of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerRecord {
    /// Its name.
    #[serde(deserialize_with = "word")]
    pub name: String,
    /// `rpyc`, `flask`.
    #[serde(deserialize_with = "word")]
    pub kind: String,
    /// `threaded`, `forking`.
    #[serde(deserialize_with = "word")]
    pub mode: String,
    /// The server that it is the same as in all but its name; absent where it is one of the plan's own.
    #[serde(default, deserialize_with = "perhaps_word", skip_serializing_if = "Option::is_none")]
    pub twin_of: Option<String>,
}

/// A workload of the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadRecord {
    /// Its name.
    #[serde(deserialize_with = "word")]
    pub name: String,
    /// `connect`, `closed`.
    #[serde(deserialize_with = "word")]
    pub kind: String,
    /// Clients at the same time.
    pub clients: u32,
    /// Calls (or connections) of each client in each block.
    pub requests: u32,
    /// Those before the measured part, of each client.
    pub warmup: u32,
    /// `threads`, `processes`.
    #[serde(deserialize_with = "word")]
    pub client_model: String,
    /// `attribute`, `bound`; of RPyC's calls.
    #[serde(deserialize_with = "word")]
    pub call: String,
    /// `python`.
    #[serde(deserialize_with = "word")]
    pub driver: String,
}
