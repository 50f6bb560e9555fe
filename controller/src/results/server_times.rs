//! Enters in samples when their server had had the request and had answered it, by the controller's clock.

use std::path::Path;

use rpycbench_measure::clock::Mapping;

use super::asked::Asked;
use super::clocks::{self, Clocks};
use super::files::{ResultsError, manifest};
use super::stamped::Stamped;
use crate::store::manifest::{CellRecord, Manifest};
use crate::store::samples::{self, ServerTime};

/// Fills `server_recv_ns`, `server_send_ns` and `clock_bound_ns` of every sample whose server has stamped it and whose clock is known
/// then. Entering them again changes nothing.
///
/// # Errors
/// When `run.json` cannot be read, or a file of samples not be replaced. What cannot be read is left as it is: the results tell.
pub fn enter_server_times(run_folder: &Path) -> Result<(), ResultsError> {
    let manifest = manifest(run_folder)?;
    let asked = Asked::read(run_folder, &manifest);
    for record in manifest.cells.iter().filter(|it| it.stored > 0 && it.stamps.is_some()) {
        if let Some(times) = of_cell(run_folder, &manifest, &asked, record) {
            samples::enter_server_times(&run_folder.join(&record.samples), &times)?;
        }
    }
    Ok(())
}

fn of_cell(
    run_folder: &Path,
    manifest: &Manifest,
    asked: &Asked,
    record: &CellRecord,
) -> Option<Vec<Option<ServerTime>>> {
    let Stamped { served, calls } = Stamped::read(run_folder, record)?;
    let clocks = clocks::of_controller(asked, manifest, &record.topology, &calls)?;
    let time = |received: i64, answered: i64| match &clocks {
        Clocks::Same => Some(ServerTime { received_ns: received, answered_ns: answered, bound_ns: 0 }),
        Clocks::Two(mapping) => converted(mapping, received, answered),
    };
    Some(served.into_iter().map(|served| served.and_then(|it| time(it.received_ns, it.answered_ns))).collect())
}

/// The middle of what is possible, and how far either may be from it.
fn converted(mapping: &Mapping, received: i64, answered: i64) -> Option<ServerTime> {
    let (received, answered) = (mapping.convert(received), mapping.convert(answered));
    let bound_ns = received.interval.width()?.max(answered.interval.width()?).saturating_add(1) / 2;
    Some(ServerTime { received_ns: received.mid?, answered_ns: answered.mid?, bound_ns })
}
