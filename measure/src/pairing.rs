//! Which of a server's stamps belong to which sample.

/// Which of a server's stamps belong to the samples of one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientPairing {
    /// Of the stamps with one peer port, in their order.
    Rows {
        /// Of the client's connection: sample k has the stamps from `first + k * each` on. `None`: each sample has those
        /// from `first` on of the connection that it opened.
        port: Option<u16>,
        /// Requests before.
        first: u64,
        /// Requests of a sample.
        each: u64,
        /// How many of them the caller waited for: they come before the others.
        waited: u64,
    },
    /// It cannot be told, for this reason.
    Unknown(String),
}
