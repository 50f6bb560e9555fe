//! What lies between hosts.

use serde::{Deserialize, Serialize};

use crate::store::words::word;

/// Round trips of single UDP datagrams of 64 bytes, measured by the agents before the first cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PingRecord {
    /// The topology's name.
    #[serde(deserialize_with = "word")]
    pub topology: String,
    /// The address that answered.
    pub address: String,
    /// Datagrams that were answered.
    pub count: u32,
    /// Datagrams that were not.
    pub lost: u32,
    /// Shortest.
    pub min_ns: Option<f64>,
    /// Median.
    pub p50_ns: Option<f64>,
    /// 99th percentile.
    pub p99_ns: Option<f64>,
    /// Longest.
    pub max_ns: Option<f64>,
}

/// One end of a topology: the interface that carries it there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRecord {
    /// The topology's name.
    #[serde(deserialize_with = "word")]
    pub topology: String,
    /// The host's name in the plan.
    #[serde(deserialize_with = "word")]
    pub host: String,
    /// `drives` or `serves`.
    #[serde(deserialize_with = "word")]
    pub role: String,
    /// Its name on that host; empty where it cannot be told.
    pub interface: String,
    /// `loopback`, `ethernet`, `wireless`, the kernel's own word for a virtual one (`veth`, `tun`, `bridge`, `vlan`,
    /// `bond` …), or empty where it cannot be told.
    pub kind: String,
    /// Driver of the device below it; empty where there is none, or it cannot be told.
    pub driver: String,
    /// Bytes.
    pub mtu: Option<u32>,
    /// What the driver says; `null` where it says nothing.
    pub speed_mbit_s: Option<u32>,
    /// Why less is known of it than there is to know, or empty.
    pub note: String,
}
