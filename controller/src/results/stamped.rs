//! The calls of a cell together with what its server has stamped.

use std::path::Path;

use rpycbench_measure::clock::Call;
use rpycbench_measure::pairing::{Served, pair};

use crate::store::manifest::{CellRecord, StampsRecord};
use crate::store::samples::{self, BlockColumns};
use crate::store::stamps;

/// What a server did for the samples of a cell.
pub(super) struct Stamped {
    /// For each sample; none where it cannot be told.
    pub(super) served: Vec<Option<Served>>,
    /// The good calls among them.
    pub(super) calls: Vec<Call>,
}

impl Stamped {
    /// None where the server was not asked to stamp, or what cannot be read is lost: the results tell.
    pub(super) fn read(run_folder: &Path, record: &CellRecord) -> Option<Self> {
        let stamped = record.stamps.as_ref()?;
        let columns = samples::read(&run_folder.join(&record.samples)).ok()?;
        let stamps = stamps::read(&run_folder.join(&stamped.file)).ok()?;
        let served = pair(&columns.calls(), &stamps, &stamped.pairings(), stamped.full).served;
        let calls = calls(&columns, &served, stamped);
        Some(Self { served, calls })
    }
}

/// Every good call with what its server did for it.
pub(super) fn calls(columns: &BlockColumns, served: &[Option<Served>], stamped: &StampsRecord) -> Vec<Call> {
    let once = stamped.clients.iter().all(|client| client.waited == 1);
    let all = columns.start_ns.iter().zip(&columns.end_ns).zip(&columns.ok).zip(served);
    all.filter_map(|(((&start, &end), &ok), served)| {
        let Served { received_ns, answered_ns, server_ns } = (*served)?;
        ok.then_some(Call { start, end, received: received_ns, answered: answered_ns, server: server_ns, once })
    })
    .collect()
}
