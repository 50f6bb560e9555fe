//! What a server has stamped in shared memory, read when it has ended: reading it costs the server nothing.
//!
//! Rows of three little-endian `i64`: the peer's port, received, answered. A row is there when received is set.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rpycbench_measure::{RpycMode, ServerKind, Stamping, Stamps};
use rpycbench_proto::message::{Begin, Event, Stamped};
use tokio::sync::mpsc;

use super::Serve;
use crate::spool::{Delivery, SpoolError};

const FIELDS: usize = 3;
const ROW_BYTES: u64 = Stamping::ROW_BYTES;
/// Rows in one segment, some 250 KiB of the 4 MiB that gRPC takes.
const BATCH_ROWS: u64 = 16 * 1024;

/// An open file of stamps. The rows stay there when the server has ended, as long as this lives.
pub(super) struct StampsFile {
    file: File,
    stamping: Stamping,
    /// Whether each connection has rows of its own.
    apart: bool,
}

impl StampsFile {
    pub(super) fn new(file: File, stamping: Stamping, server: ServerKind) -> Self {
        let apart = match server {
            ServerKind::Rpyc(RpycMode::Forking) => true,
            ServerKind::Rpyc(RpycMode::Threaded) | ServerKind::Flask(_) => false,
        };
        Self { file, stamping, apart }
    }

    /// Spools and sends every row that is there. `whole` says that the server has ended as it was told.
    pub(super) async fn hand_over(
        &self,
        order: &Serve,
        whole: bool,
        events: &mpsc::Sender<Event>,
    ) -> Result<(), (&'static str, String)> {
        let unkept = |error: SpoolError| ("keep stamps", error.to_string());
        let unread = |error: io::Error| ("read stamps", format!("cannot read the stamps: {error}"));
        let begin = Begin { stream: order.stream.clone(), cpus: Vec::new() };
        let mut delivery = Delivery::begin(&order.spool, begin, order.cell, events).await.map_err(unkept)?;
        let (mut from, mut full) = (0, false);
        while from < self.stamping.rows() {
            let count = BATCH_ROWS.min(self.stamping.rows() - from);
            let (stamps, last) = self.rows(from, count).map_err(unread)?;
            (from, full) = (from + count, full || last);
            if !stamps.is_empty() {
                delivery.stamps(stamps).await.map_err(unkept)?;
            }
        }
        delivery.end_stamps(whole.then_some(Stamped { full })).await.map_err(unkept)
    }

    /// Those of the rows that are there, and whether there may have been requests without one.
    fn rows(&self, from: u64, count: u64) -> io::Result<(Stamps, bool)> {
        let mut bytes = vec![0; (count * ROW_BYTES) as usize];
        self.file.read_exact_at(&mut bytes, from * ROW_BYTES)?;
        let (mut stamps, mut full) = (Stamps::default(), false);
        let (fields, _) = bytes.as_chunks::<8>();
        for (row, index) in fields.chunks_exact(FIELDS).zip(from..) {
            let field = |column: usize| i64::from_le_bytes(row[column]);
            let (port, received, answered) = (field(0), field(1), field(2));
            if received == 0 {
                continue;
            }
            let port = u16::try_from(port)
                .map_err(|_| io::Error::other(format!("row {index} is of port {port}, which is none")))?;
            stamps.push(port, received, (answered != 0).then_some(answered));
            full |= self.is_last(index);
        }
        Ok((stamps, full))
    }

    /// Whether a request after that of this row may have found none.
    fn is_last(&self, row: u64) -> bool {
        let (total, each) = (self.stamping.rows(), u64::from(self.stamping.each));
        if self.apart {
            // A connection has no rows but its own, and one after the last connection has none at all.
            (row + 1).is_multiple_of(each) || row + each >= total
        } else {
            row + 1 == total
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use rpycbench_measure::FlaskMode;

    use super::*;

    const FLASK: ServerKind = ServerKind::Flask(FlaskMode::Threaded);
    const FORKING: ServerKind = ServerKind::Rpyc(RpycMode::Forking);

    fn stamped(rows: &[[i64; FIELDS]], connections: u32, server: ServerKind) -> StampsFile {
        let mut file = tempfile::tempfile().expect("a file");
        for field in rows.iter().flatten() {
            file.write_all(&field.to_le_bytes()).expect("it can be written");
        }
        let each = rows.len() as u32 / connections;
        StampsFile::new(file, Stamping { connections, each }, server)
    }

    #[test]
    fn rows_that_are_there_are_read_in_their_order_and_one_without_an_answer_says_so() {
        let file = stamped(&[[40_000, 10, 12], [0; 3], [40_001, 20, 0], [0; 3]], 2, FORKING);
        let (stamps, _) = file.rows(0, 4).expect("it reads");
        assert_eq!((stamps.peer_port, stamps.received_ns), (vec![40_000, 40_001], vec![10, 20]));
        assert_eq!(stamps.answered_ns, [Some(12), None]);
        assert!(file.rows(1, 1).expect("it reads").0.is_empty());
    }

    #[test]
    fn a_row_of_no_port_is_refused() {
        let file = stamped(&[[70_000, 10, 12]], 1, FLASK);
        let refusal = file.rows(0, 1).expect_err("no port").to_string();
        assert_eq!(refusal, "row 0 is of port 70000, which is none");
    }

    #[test]
    fn rows_are_full_where_a_request_may_have_found_none() {
        let (row, none) = ([1, 10, 12], [0; 3]);
        let full = |rows: &[[i64; 3]], connections, server| {
            stamped(rows, connections, server).rows(0, rows.len() as u64).expect("it reads").1
        };
        assert!(!full(&[row, row, row, none], 2, FLASK));
        assert!(full(&[row, row, row, row], 2, FLASK));
        assert!(!full(&[row, none, none, none], 2, FORKING));
        assert!(full(&[row, row, none, none], 2, FORKING), "a connection has used all of its own");
        assert!(full(&[row, none, row, none], 2, FORKING), "there may have been a third connection");
    }
}
