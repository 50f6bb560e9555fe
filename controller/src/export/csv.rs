//! `cells.csv` and `comparisons.csv`: results.json as tables (RFC 4180), one row for each cell and each comparison.
//!
//! Times are nanoseconds. Numbers are as exact as in results.json; a figure that does not exist is empty. A text that a
//! spreadsheet would take for a formula begins with an apostrophe (OWASP, "CSV Injection").

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use csv::{Terminator, WriterBuilder};

use super::ExportError;
use crate::results::Results;
use crate::results::schema::{CellResult, ComparisonResult, CpusResult, PartResult};
use crate::store::write_atomically;

/// The figures that have intervals.
const METRICS: [&str; 7] = ["mean", "p50", "p90", "p95", "p99", "p999", "throughput_per_s"];

/// Writes both files into the run folder and returns their paths.
///
/// # Errors
/// When one cannot be written.
pub fn write(run_folder: &Path, results: &Results) -> Result<Vec<PathBuf>, ExportError> {
    let cells = run_folder.join("cells.csv");
    write_table(&cells, &columns_of_cells(results), &results.cells)?;
    let comparisons = run_folder.join("comparisons.csv");
    write_table(&comparisons, &columns_of_comparisons(), &results.comparisons)?;
    Ok(vec![cells, comparisons])
}

/// A column: its name, and what a row has in it.
struct Column<T> {
    name: String,
    value: Box<dyn Fn(&T) -> String>,
}

impl<T> Column<T> {
    fn text(name: &str, value: fn(&T) -> &str) -> Self
    where
        T: 'static,
    {
        Self { name: name.to_owned(), value: Box::new(move |row| guarded(value(row))) }
    }

    fn number<N: ToString>(name: impl Into<String>, value: impl Fn(&T) -> Option<N> + 'static) -> Self {
        let value = move |row: &T| value(row).map(|number| number.to_string()).unwrap_or_default();
        Self { name: name.into(), value: Box::new(value) }
    }
}

/// The text, such that a spreadsheet does not take it for a formula.
fn guarded(text: &str) -> String {
    let apostrophe = if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { "'" } else { "" };
    format!("{apostrophe}{text}")
}

type Cell = Column<CellResult>;
type Compared = Column<ComparisonResult>;

fn columns_of_cells(results: &Results) -> Vec<Column<CellResult>> {
    let mut columns = vec![
        Cell::text("topology", |it| &it.topology),
        Cell::text("server", |it| &it.server),
        Cell::text("workload", |it| &it.workload),
        Cell::text("driver", |it| &it.driver),
        Cell::text("client_model", |it| &it.client_model),
        Cell::number("clients", |it| Some(it.clients)),
        Cell::text("call", |it| &it.call),
        Cell::text("connection", |it| it.connection.as_deref().unwrap_or_default()),
        Cell::text("metric", |it| &it.metric),
        Cell::text("unit", |it| &it.unit),
        Cell::number("blocks", |it| Some(it.blocks)),
        Cell::number("count", |it| Some(it.count)),
        Cell::number("failed", |it| Some(it.failed)),
        Cell::number("warmup_cut", |it| Some(it.warmup_cut)),
        Cell::number("success_rate", |it| it.success_rate),
        Cell::number("duration_s", |it| Some(it.duration_s)),
        Cell::number("throughput_per_s", |it| it.throughput_per_s),
        Cell::number("mean", |it| it.mean),
        Cell::number("stddev", |it| it.stddev),
        Cell::number("min", |it| it.min),
        Cell::number("p50", |it| it.p50),
        Cell::number("p90", |it| it.p90),
        Cell::number("p95", |it| it.p95),
        Cell::number("p99", |it| it.p99),
        Cell::number("p999", |it| it.p999),
        Cell::number("max", |it| it.max),
    ];
    columns.extend(METRICS.into_iter().flat_map(columns_of_interval));
    columns.push(Cell::number("round_trips_per_call", |it| it.round_trips_per_call));
    let names = |of: fn(&CellResult) -> Vec<&String>| -> BTreeSet<String> {
        results.cells.iter().flat_map(|cell| of(cell).into_iter().cloned()).collect()
    };
    columns.extend(names(|cell| cell.parts.keys().collect()).iter().flat_map(|name| columns_of_part(name)));
    columns.extend(names(|cell| cell.unpaired.keys().collect()).into_iter().map(|name| {
        Column::number(format!("unpaired_{name}"), move |it: &CellResult| it.unpaired.get(&name).copied())
    }));
    columns.push(Cell::number("server_cpu_ns_per_call", |it| it.server_cpu_ns_per_call));
    columns.push(Cell::number("server_peak_memory_bytes", |it| it.server_peak_memory_bytes));
    columns.push(Cell::number("driver_busy", |it| it.conditions.driver_busy));
    columns.extend(columns_of_cpus("driving", |it| &it.conditions.driving));
    columns.extend(columns_of_cpus("serving", |it| &it.conditions.serving));
    columns.push(Cell::text("verdict", |it| &it.verdict));
    columns.push(Column { name: "reasons".to_owned(), value: Box::new(|it| guarded(&it.reasons.join("\n"))) });
    columns
}

fn columns_of_interval(metric: &'static str) -> [Column<CellResult>; 3] {
    let end = move |cell: &CellResult, end: usize| Some(cell.ci95.get(metric)?.as_ref()?[end]);
    [
        Column::number(format!("{metric}_ci95_low"), move |it| end(it, 0)),
        Column::number(format!("{metric}_ci95_high"), move |it| end(it, 1)),
        Column { name: format!("{metric}_no_interval"), value: Box::new(move |it| guarded(why(it, metric))) },
    ]
}

/// The CPUs of a role.
fn columns_of_cpus(role: &str, of: fn(&CellResult) -> &CpusResult) -> [Column<CellResult>; 5] {
    [
        Column::number(format!("{role}_stolen"), move |it| of(it).stolen),
        Column::number(format!("{role}_others"), move |it| of(it).others),
        Column::number(format!("{role}_khz_low"), move |it| Some(of(it).khz?[0])),
        Column::number(format!("{role}_khz_high"), move |it| Some(of(it).khz?[1])),
        Column::number(format!("{role}_throttled"), move |it| of(it).throttled),
    ]
}

fn why<'a>(cell: &'a CellResult, metric: &str) -> &'a str {
    cell.no_interval.get(metric).map_or("", String::as_str)
}

fn columns_of_part(name: &str) -> Vec<Column<CellResult>> {
    fn part<N: ToString + 'static>(
        name: &str,
        figure: &str,
        value: impl Fn(&PartResult) -> Option<N> + 'static,
    ) -> Column<CellResult> {
        let of = name.to_owned();
        Column::number(format!("{name}_{figure}"), move |it: &CellResult| value(it.parts.get(&of)?))
    }
    vec![
        part(name, "count", |it| Some(it.count)),
        part(name, "mean", |it| it.mean),
        part(name, "p50", |it| it.p50),
        part(name, "p99", |it| it.p99),
        part(name, "p50_low", |it| Some(it.range.as_ref()?.p50?[0])),
        part(name, "p50_high", |it| Some(it.range.as_ref()?.p50?[1])),
        part(name, "p50_resolved", |it| it.range.as_ref()?.p50_resolved),
        part(name, "p99_low", |it| Some(it.range.as_ref()?.p99?[0])),
        part(name, "p99_high", |it| Some(it.range.as_ref()?.p99?[1])),
        part(name, "p99_resolved", |it| it.range.as_ref()?.p99_resolved),
    ]
}

fn columns_of_comparisons() -> Vec<Column<ComparisonResult>> {
    vec![
        Compared::text("kind", |it| &it.kind),
        Compared::text("of", |it| &it.of),
        Compared::text("against", |it| &it.against),
        Compared::text("server", |it| it.server.as_deref().unwrap_or_default()),
        Compared::text("topology", |it| it.topology.as_deref().unwrap_or_default()),
        Compared::text("workload", |it| &it.workload),
        Compared::text("metric", |it| &it.metric),
        Compared::number("difference", |it| Some(it.difference)),
        Compared::number("difference_ci95_low", |it| Some(it.difference_ci95?[0])),
        Compared::number("difference_ci95_high", |it| Some(it.difference_ci95?[1])),
        Compared::number("ratio", |it| it.ratio),
        Compared::number("ratio_ci95_low", |it| Some(it.ratio_ci95?[0])),
        Compared::number("ratio_ci95_high", |it| Some(it.ratio_ci95?[1])),
        Compared::number("distinguishable", |it| Some(it.distinguishable)),
        Compared::number("smallest_difference", |it| it.smallest_difference),
        Compared::number("smallest_share", |it| it.smallest_share),
    ]
}

fn write_table<T>(path: &Path, columns: &[Column<T>], rows: &[T]) -> Result<(), ExportError> {
    let failed = |what: String| ExportError::Make { path: path.to_owned(), what };
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(columns.iter().map(|column| &column.name)).map_err(|error| failed(error.to_string()))?;
    for row in rows {
        writer.write_record(columns.iter().map(|it| (it.value)(row))).map_err(|error| failed(error.to_string()))?;
    }
    let table = writer.into_inner().map_err(|error| failed(error.to_string()))?;
    Ok(write_atomically(path, &table)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spreadsheet_is_given_no_formula() {
        let texts = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "a=1", ""].map(guarded);
        assert_eq!(texts, ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\t=1", "a=1", ""]);
    }
}
