//! When a server had received each request and answered it.

/// Stamps of one server as columns of equal length, a row for each request, those of one connection in their order.
///
/// Times are nanoseconds on the serving host's clock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamps {
    /// The port that the connection came from.
    pub peer_port: Vec<u16>,
    /// The library had the whole request.
    pub received_ns: Vec<i64>,
    /// Just before the last of the answer was handed to the kernel; `None` for a request that is never answered.
    pub answered_ns: Vec<Option<i64>>,
}

impl Stamps {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.received_ns.len()
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.received_ns.is_empty()
    }

    /// Adds a row.
    pub fn push(&mut self, peer_port: u16, received_ns: i64, answered_ns: Option<i64>) {
        self.peer_port.push(peer_port);
        self.received_ns.push(received_ns);
        self.answered_ns.push(answered_ns);
    }

    /// True when every column is as long as it must be.
    pub fn is_rectangular(&self) -> bool {
        self.peer_port.len() == self.len() && self.answered_ns.len() == self.len()
    }
}
