//! `histograms.hlog`: the durations of every cell and block as an HdrHistogram V2 interval log, which HdrHistogram's own
//! tools and ports read (Tene; <https://github.com/HdrHistogram/HdrHistogram>).
//!
//! One histogram for each cell and block, tagged with its name, in the order in which they ran; interval start and length
//! are those of its samples, in seconds since the run began. Values are nanoseconds with three significant digits. Each counts
//! the samples that are in the figures: successful ones, without what was cut as warm-up. What no histogram can hold is
//! counted in a comment.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriter, IntervalLogWriterBuilder, Tag};
use jiff::Timestamp;

use super::ExportError;
use crate::results::{self, Block};
use crate::store::manifest::{CellRecord, Manifest};
use crate::store::{samples, write_atomically};

const SIGNIFICANT_DIGITS: u8 = 3;

/// Writes the log into the run folder and returns its path.
///
/// # Errors
/// When `run.json` cannot be read or the log not written. Samples that cannot be read are named in a comment of it.
pub fn write(run_folder: &Path) -> Result<PathBuf, ExportError> {
    let manifest = results::manifest(run_folder)?;
    let path = run_folder.join("histograms.hlog");
    let log = log(run_folder, &manifest).map_err(|what| ExportError::Make { path: path.clone(), what })?;
    write_atomically(&path, &log)?;
    Ok(path)
}

type Log<'a, 'b> = IntervalLogWriter<'a, 'b, Vec<u8>, V2DeflateSerializer>;

fn log(run_folder: &Path, manifest: &Manifest) -> Result<Vec<u8>, String> {
    let began: Timestamp =
        manifest.started.parse().map_err(|_| format!("run.json says it was started at {:?}", manifest.started))?;
    let began = SystemTime::from(began);
    let (mut bytes, mut serializer) = (Vec::new(), V2DeflateSerializer::new());
    let mut builder = IntervalLogWriterBuilder::new();
    builder.add_comment(&format!("[Run {} of study {}; values are ns]", manifest.run_id, manifest.study));
    builder.with_start_time(began).with_base_time(began);
    let mut log = builder.begin_log_with(&mut bytes, &mut serializer).map_err(|error| error.to_string())?;
    // Named, as the plan's words cannot be quoted.
    log.write_comment("\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"")
        .map_err(|error| error.to_string())?;
    for record in &manifest.cells {
        enter(&mut log, run_folder, record)?;
    }
    Ok(bytes)
}

fn enter(log: &mut Log<'_, '_>, run_folder: &Path, record: &CellRecord) -> Result<(), String> {
    let CellRecord { topology, server, workload, driver, block, .. } = record;
    let name = format!("{topology}/{server}/{workload}/{driver}/b{block}");
    let mut remark = |what: String| log.write_comment(&format!("{name}: {what}")).map_err(|error| error.to_string());
    if record.stored == 0 {
        return remark("no samples".to_owned());
    }
    let columns = match samples::read(&run_folder.join(&record.samples)) {
        Ok(columns) => columns,
        Err(error) => return remark(format!("samples are lost: {error}")),
    };
    let first = columns.start_ns.iter().min().copied().unwrap_or(0);
    let last = columns.end_ns.iter().max().copied().unwrap_or(first);
    let block = Block::of(&columns);
    let durations = block.samples.durations_ns();
    let below = durations.partition_point(|duration| *duration < 0);
    if below > 0 {
        remark(format!("{below} samples are below 0 and in no histogram"))?;
    }
    let Some(histogram) = histogram(durations)? else { return remark("no sample succeeded".to_owned()) };
    let seconds = |ns: i64| Duration::from_nanos(u64::try_from(ns).unwrap_or(0));
    let tag = Tag::new(&name).ok_or_else(|| format!("{name:?} cannot be a tag"))?;
    log.write_histogram(&histogram, seconds(first), seconds(last.saturating_sub(first)), Some(tag))
        .map_err(|error| error.to_string())
}

/// None of no duration.
fn histogram(ascending: &[i64]) -> Result<Option<Histogram<u64>>, String> {
    let values = || ascending.iter().filter_map(|duration| u64::try_from(*duration).ok());
    let Some(longest) = values().next_back() else { return Ok(None) };
    // Two is the least that a histogram must be able to hold.
    let mut histogram =
        Histogram::new_with_bounds(1, longest.max(2), SIGNIFICANT_DIGITS).map_err(|error| error.to_string())?;
    for value in values() {
        histogram.record(value).map_err(|error| error.to_string())?;
    }
    Ok(Some(histogram))
}
