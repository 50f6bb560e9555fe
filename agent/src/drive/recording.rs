//! The memory a driver writes its stamps into. The agent reads it through a file, also while the driver runs: that costs
//! the driver nothing.
//!
//! Rows of seven little-endian `i64`, `clients × requests` of them, a client's rows together: start, end, status, payload
//! bytes of the answer, for `connect` the start and end of the TCP handshake, and where stamps are asked for the local port
//! of the connection that the sample opened. A row is complete when its end is set.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rpycbench_measure::{RunningHistogram, Samples, Stack, Workload};
use rpycbench_proto::message::{CellId, Event};

use crate::python::worker::ClientReport;
use crate::shared_rows;

const FIELDS: usize = 7;
const ROW_BYTES: usize = FIELDS * 8;
/// Rows read at once while the driver runs.
const CHUNK_ROWS: u64 = 4096;
/// The reason of a row whose driver did not live to tell it.
const REASON_LOST: &str = "the driver ended before it told the reason";

#[derive(Clone, Copy)]
struct Row {
    start_ns: i64,
    end_ns: i64,
    status: i64,
    bytes_in: i64,
    tcp_start_ns: i64,
    tcp_end_ns: i64,
    port: i64,
}

/// How large a workload's recording is.
pub(super) fn bytes(workload: &Workload) -> u64 {
    workload.expected_samples() * ROW_BYTES as u64
}

/// An open recording.
pub(super) struct Recording {
    file: File,
    clients: u64,
    requests: u64,
    /// `connect` rows carry the parts of a connection.
    connects: bool,
    /// Whether the protocol shakes hands after TCP has.
    has_handshake: bool,
    /// Complete rows of each client that progress has seen.
    seen: Vec<u64>,
    failed: u64,
}

/// What is new since the last look.
pub(super) struct Progress {
    done: u64,
    failed: u64,
    histogram: RunningHistogram,
}

impl Progress {
    pub(super) fn into_event(self, cell: CellId) -> io::Result<Event> {
        let histogram = self.histogram.parts().map_err(io::Error::other)?;
        Ok(Event::Progress { cell, done: self.done, failed: self.failed, histogram })
    }
}

impl Recording {
    /// Opens what a driver has allocated.
    pub(super) fn open(path: &Path, stack: Stack, workload: &Workload) -> io::Result<Self> {
        let file = shared_rows::open(path, bytes(workload))?;
        let (clients, requests, connects) = match *workload {
            Workload::Connect { count, .. } => (1, u64::from(count), true),
            Workload::Closed { clients, requests, .. } => (u64::from(clients), u64::from(requests), false),
        };
        let seen = vec![0; clients.try_into().map_err(io::Error::other)?];
        Ok(Self { file, clients, requests, connects, has_handshake: stack == Stack::Rpyc, seen, failed: 0 })
    }

    /// Looks at the rows that have become complete since the last look.
    pub(super) fn progress(&mut self) -> io::Result<Progress> {
        let mut histogram = RunningHistogram::default();
        for client in 0..self.seen.len() {
            while self.seen[client] < self.requests {
                let wanted = CHUNK_ROWS.min(self.requests - self.seen[client]);
                let rows = self.rows(client as u64 * self.requests + self.seen[client], wanted)?;
                let ended = rows.iter().take_while(|row| row.end_ns != 0).count();
                // The end is not the last field to be written: a row is whole for sure when the one after it has begun.
                let complete = if ended < rows.len() { ended.saturating_sub(1) } else { ended };
                for row in &rows[..complete] {
                    if row.status == 0 {
                        histogram.record(row.end_ns - row.start_ns);
                    } else {
                        self.failed += 1;
                    }
                }
                self.seen[client] += complete as u64;
                if complete < rows.len() {
                    break;
                }
            }
        }
        Ok(Progress { done: self.seen.iter().sum(), failed: self.failed, histogram })
    }

    /// Complete rows from row `from` on, out of the next `limit`, and the row to go on with; `None` past the last.
    pub(super) fn samples(
        &self,
        from: u64,
        limit: usize,
        reports: &[ClientReport],
        bytes_out: i64,
    ) -> io::Result<Option<(Samples, u64)>> {
        let total = self.clients * self.requests;
        if from >= total {
            return Ok(None);
        }
        let count = (limit as u64).min(total - from);
        let mut samples = Samples::default();
        for (row, index) in self.rows(from, count)?.into_iter().zip(from..) {
            if row.end_ns == 0 {
                continue;
            }
            let client = index / self.requests;
            let error = self.reason(&mut samples, row.status, reports.get(client as usize));
            samples.client.push(client as u32);
            samples.seq.push((index % self.requests) as u32);
            samples.start_ns.push(row.start_ns);
            samples.end_ns.push(row.end_ns);
            samples.error.push(error);
            samples.bytes_out.push(bytes_out);
            samples.bytes_in.push(row.bytes_in);
            samples.client_port.push(u16::try_from(row.port).ok().filter(|&port| port != 0));
            if self.connects {
                let tcp_done = row.tcp_end_ns != 0;
                samples.tcp_ns.push(tcp_done.then_some(row.tcp_end_ns - row.tcp_start_ns));
                let shaken = tcp_done && self.has_handshake && row.status == 0;
                samples.handshake_ns.push(shaken.then_some(row.end_ns - row.tcp_end_ns));
            }
        }
        if samples.client_port.iter().all(Option::is_none) {
            samples.client_port.clear();
        }
        Ok(Some((samples, from + count)))
    }

    /// The error number of a row in its batch, with its reason entered there.
    fn reason(&self, samples: &mut Samples, status: i64, report: Option<&ClientReport>) -> u32 {
        if status == 0 {
            return 0;
        }
        let known = usize::try_from(status - 1).ok().and_then(|index| report?.errors.get(index));
        let reason = known.map_or(REASON_LOST, String::as_str);
        let index = samples.errors.iter().position(|known| known == reason).unwrap_or_else(|| {
            samples.errors.push(reason.to_owned());
            samples.errors.len() - 1
        });
        index as u32 + 1
    }

    fn rows(&self, from: u64, count: u64) -> io::Result<Vec<Row>> {
        let mut bytes = vec![0; count as usize * ROW_BYTES];
        self.file.read_exact_at(&mut bytes, from * ROW_BYTES as u64)?;
        let (fields, _) = bytes.as_chunks::<8>();
        let field = |row: usize, column: usize| i64::from_le_bytes(fields[row * FIELDS + column]);
        Ok((0..count as usize)
            .map(|row| Row {
                start_ns: field(row, 0),
                end_ns: field(row, 1),
                status: field(row, 2),
                bytes_in: field(row, 3),
                tcp_start_ns: field(row, 4),
                tcp_end_ns: field(row, 5),
                port: field(row, 6),
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use rpycbench_measure::{Call, ClientModel};
    use tempfile::NamedTempFile;

    use super::*;

    fn closed(clients: u32, requests: u32) -> Workload {
        let (client_model, call) = (ClientModel::Threads, Call::Attribute);
        Workload::Closed { clients, requests, warmup: 0, client_model, call }
    }

    /// `rows` are without the port.
    fn recorded(rows: &[[i64; FIELDS - 1]], stack: Stack, workload: &Workload) -> io::Result<Recording> {
        let mut file = NamedTempFile::new()?;
        for field in rows.iter().flat_map(|row| row.iter().chain(&[40_000])) {
            file.write_all(&field.to_le_bytes())?;
        }
        Recording::open(file.path(), stack, workload)
    }

    fn report(errors: &[&str]) -> ClientReport {
        let errors = errors.iter().map(|&error| error.to_owned()).collect();
        ClientReport { errors, connections_opened: 0, pairing: None }
    }

    #[test]
    fn rows_become_samples_of_their_client_and_number() {
        let rows = [[10, 12, 0, 4, 0, 0], [20, 25, 1, 0, 0, 0], [11, 14, 0, 4, 0, 0], [21, 22, 2, 0, 0, 0]];
        let recording = recorded(&rows, Stack::Rpyc, &closed(2, 2)).expect("it opens");
        let reports = [report(&["late"]), report(&["never", "gone"])];
        let (samples, next) = recording.samples(0, 100, &reports, 7).expect("it reads").expect("rows");
        assert_eq!((samples.client.as_slice(), samples.seq.as_slice()), (&[0, 0, 1, 1][..], &[0, 1, 0, 1][..]));
        assert_eq!(
            (samples.start_ns.as_slice(), samples.end_ns.as_slice()),
            (&[10, 20, 11, 21][..], &[12, 25, 14, 22][..])
        );
        let reasons: Vec<Option<&str>> = (0..4).map(|row| samples.reason(row)).collect();
        assert_eq!(reasons, [None, Some("late"), None, Some("gone")]);
        assert_eq!((samples.bytes_out[0], samples.bytes_in[0], samples.tcp_ns.len()), (7, 4, 0));
        assert_eq!(samples.client_port, [Some(40_000); 4]);
        assert!(samples.is_rectangular());
        assert!(recording.samples(next, 100, &reports, 7).expect("it reads").is_none());
    }

    #[test]
    fn batches_of_any_size_hold_the_same_rows() {
        let rows: Vec<[i64; FIELDS - 1]> = (1..=10).map(|row| [row, row + 5, 0, 4, 0, 0]).collect();
        let recording = recorded(&rows, Stack::Http, &closed(5, 2)).expect("it opens");
        for limit in [1, 3, 10, 100] {
            let (mut from, mut starts) = (0, Vec::new());
            while let Some((samples, next)) = recording.samples(from, limit, &[], 0).expect("it reads") {
                starts.extend(samples.start_ns);
                from = next;
            }
            assert_eq!(starts, (1..=10).collect::<Vec<i64>>(), "batches of {limit}");
        }
    }

    #[test]
    fn a_row_that_never_ended_is_no_sample() {
        let rows = [[10, 12, 0, 4, 0, 0], [20, 0, 0, 0, 0, 0]];
        let recording = recorded(&rows, Stack::Rpyc, &closed(1, 2)).expect("it opens");
        let (samples, _) = recording.samples(0, 100, &[], 0).expect("it reads").expect("rows");
        assert_eq!(samples.start_ns, [10]);
    }

    #[test]
    fn progress_tells_each_row_once_and_waits_for_one_that_may_be_half_written() {
        let rows = [[10, 12, 0, 4, 0, 0], [20, 25, 1, 0, 0, 0], [30, 37, 0, 4, 0, 0], [0; FIELDS - 1], [0; FIELDS - 1]];
        let mut recording = recorded(&rows, Stack::Rpyc, &closed(1, 5)).expect("it opens");
        let progress = recording.progress().expect("it reads");
        assert_eq!((progress.done, progress.failed, progress.histogram.count()), (2, 1, 1));
        let again = recording.progress().expect("it reads");
        assert_eq!((again.done, again.failed, again.histogram.count()), (2, 1, 0));
    }

    #[test]
    fn a_connection_is_split_where_its_protocol_shakes_hands() {
        let rows = [[10, 30, 0, 0, 11, 15], [10, 30, 1, 0, 0, 0]];
        let workload = Workload::Connect { count: 2, warmup: 0 };
        let of = |stack| {
            let recording = recorded(&rows, stack, &workload).expect("it opens");
            recording.samples(0, 100, &[report(&["refused"])], 0).expect("it reads").expect("rows").0
        };
        let rpyc = of(Stack::Rpyc);
        assert_eq!((rpyc.tcp_ns, rpyc.handshake_ns), (vec![Some(4), None], vec![Some(15), None]));
        let http = of(Stack::Http);
        assert_eq!((http.tcp_ns, http.handshake_ns), (vec![Some(4), None], vec![None, None]));
    }

    #[test]
    fn a_recording_that_is_too_small_is_refused() {
        let refusal = recorded(&[[0; FIELDS - 1]], Stack::Rpyc, &closed(2, 2)).err().expect("it is too small");
        assert_eq!(refusal.to_string(), "it has 56 bytes where 224 were expected");
    }
}
