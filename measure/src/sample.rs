//! Samples of one cell as columns.

/// Rows of one cell, one per call, as columns of equal length.
///
/// Times are nanoseconds on the driving host's clock. Optional columns are either empty (null in every row) or as long
/// as the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Samples {
    /// Which client made the call, from 0.
    pub client: Vec<u32>,
    /// The call's number within its client, from 0.
    pub seq: Vec<u32>,
    /// Just before the call.
    pub start_ns: Vec<i64>,
    /// Just after it returned or failed.
    pub end_ns: Vec<i64>,
    /// 0 is ok; k means that the call failed with `errors[k - 1]`.
    pub error: Vec<u32>,
    /// The reasons that `error` points to.
    pub errors: Vec<String>,
    /// Payload bytes of the call.
    pub bytes_out: Vec<i64>,
    /// Payload bytes of the answer.
    pub bytes_in: Vec<i64>,
    /// Time in the TCP handshake; `connect` only.
    pub tcp_ns: Vec<Option<i64>>,
    /// Time in the protocol's own handshake; `connect` of protocols that have one.
    pub handshake_ns: Vec<Option<i64>>,
    /// The local port of the connection that the sample opened, where stamps are asked for.
    pub client_port: Vec<Option<u16>>,
}

impl Samples {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.start_ns.len()
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.start_ns.is_empty()
    }

    /// How many rows failed.
    pub fn failed(&self) -> usize {
        self.error.iter().filter(|&&error| error != 0).count()
    }

    /// The reason a row failed for, or `None` where it is ok.
    pub fn reason(&self, row: usize) -> Option<&str> {
        match self.error.get(row).copied() {
            None | Some(0) => None,
            Some(error) => self.errors.get(error as usize - 1).map(String::as_str),
        }
    }

    /// True when every column is as long as it must be and every error has its reason.
    pub fn is_rectangular(&self) -> bool {
        let rows = self.len();
        let whole = [
            self.client.len(),
            self.seq.len(),
            self.end_ns.len(),
            self.error.len(),
            self.bytes_out.len(),
            self.bytes_in.len(),
        ];
        let optional = [self.tcp_ns.len(), self.handshake_ns.len(), self.client_port.len()];
        whole.iter().all(|&length| length == rows)
            && optional.iter().all(|&length| length == 0 || length == rows)
            && self.error.iter().all(|&error| error as usize <= self.errors.len())
    }
}
