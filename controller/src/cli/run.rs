//! `run`: the cells that a plan, `--only` and a run to finish leave, then the results and reports of what was measured.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use rpycbench_process::{Shutdown, Telemetry};
use tokio::runtime::Runtime;
use tokio::task::{JoinError, spawn_blocking};
use wildmatch::WildMatch;

use super::{home, say};
use crate::error::Error;
use crate::plan::{Cell, Plan};
use crate::progress::{Reporter, RunEvent};
use crate::report;
use crate::results::{self, Results};
use crate::run::{self, Finished, Settings, Unfinished};
use crate::store::RunFolder;
use crate::store::manifest::{CellStatus, Manifest};

/// What to run.
#[derive(Clone, Debug, Args)]
pub(super) struct Asked {
    /// The plan.
    #[arg(required_unless_present = "resume")]
    plan: Option<PathBuf>,
    /// Finish the run in that folder: what is complete there stays, the rest runs.
    #[arg(long, value_name = "RUN_DIR", conflicts_with = "out")]
    resume: Option<PathBuf>,
    /// The folder that run folders are made in.
    #[arg(long, default_value = "results", value_name = "DIR")]
    out: PathBuf,
    /// Run only cells whose name (topology/server/workload/driver/bN) matches; * and ? are wild. A run to finish has its own.
    #[arg(long, value_name = "GLOB")]
    only: Option<String>,
    /// Say nothing but where the results are, and errors.
    #[arg(long, conflicts_with = "json")]
    quiet: bool,
    /// One JSON object per event on stdout.
    #[arg(long)]
    json: bool,
    /// Export spans and metrics to this OTLP collector.
    #[arg(long, value_name = "URL")]
    otlp: Option<String>,
}

/// `run`.
pub(super) fn run(asked: Asked) -> Result<(), Error> {
    let began = Instant::now();
    let runtime = Runtime::new().map_err(Error::Runtime)?;
    let outcome = runtime.block_on(measure_and_report(asked, began));
    // Reading samples cannot be called off: who has ended the command twice does not wait for it.
    runtime.shutdown_background();
    outcome
}

async fn measure_and_report(asked: Asked, began: Instant) -> Result<(), Error> {
    let Asked { plan, resume, out, only, quiet, json, otlp } = asked;
    let mut reporter = Reporter::new(json, quiet);
    let unfinished = resume.as_deref().map(Unfinished::open).transpose()?;
    let (plan, plan_bytes) = plan_of(plan.as_deref(), unfinished.as_ref())?;
    let only = only.or_else(|| unfinished.as_ref().and_then(Unfinished::only));
    let (cells, spare) = left(&plan, choose(&plan, only.as_deref())?, unfinished.as_ref());
    let lacks_only_its_end = unfinished.as_ref().is_some_and(|unfinished| !unfinished.has_ended());
    if cells.is_empty() && !lacks_only_its_end {
        let why = match unfinished {
            Some(_) => "nothing is left to run: every cell of that run is complete",
            None => "--only matches no cell but of blocks that run only where more are needed",
        };
        return Err(Error::Usage(why.to_owned()));
    }
    let telemetry = Telemetry::start("rpycbench-controller", otlp.as_deref())?;
    let shutdown = Shutdown::on_signals().map_err(Error::Signals)?;
    let home = home()?;
    let agent_state = home.agent_state();
    let settings = Settings { plan, plan_bytes, only, cells, spare, unfinished, out, home, agent_state, otlp };

    let running = run::run(settings, &mut reporter, &shutdown);
    let finished = shutdown.abort.run_until_cancelled(running).await.ok_or(Error::Aborted)?;
    telemetry.stop();
    let Finished { folder, manifest } = finished?;
    let reporting = spawn_blocking({
        let folder = folder.clone();
        move || Written::of(&folder)
    });
    let written = shutdown.abort.run_until_cancelled(reporting).await.ok_or(Error::Aborted)?;
    let written = match written.map_err(JoinError::try_into_panic) {
        Ok(written) => written?,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        Err(Err(_)) => return Err(Error::Aborted),
    };
    tell(&mut reporter, &folder, &written, began);
    judge(&folder, &manifest)
}

/// What a run has come to.
struct Written {
    results: Results,
    report: PathBuf,
    page: PathBuf,
}

impl Written {
    /// Makes results and reports of what is in a run folder.
    fn of(folder: &RunFolder) -> Result<Self, Error> {
        results::enter_server_times(folder.path())?;
        let results = results::compute(folder.path())?;
        results::write(folder.path(), &results)?;
        let report = report::write(folder.path(), &results)?;
        let page = report::write_page(folder.path(), &results)?;
        Ok(Self { results, report, page })
    }
}

fn tell(reporter: &mut Reporter, folder: &RunFolder, written: &Written, began: Instant) {
    let Written { results, report, page } = written;
    reporter.tell(&RunEvent::RunFinished {
        complete: results.complete,
        folder: folder.path().to_owned(),
        report: report.clone(),
        seconds: began.elapsed().as_secs_f64(),
    });
    if !matches!(reporter, Reporter::Json) {
        let (folder, report, page) = (folder.path().display(), report.display(), page.display());
        say(&format!("run folder: {folder}\nreport: {report}\npage: {page}\n"));
    }
}

/// Whether every cell is complete.
fn judge(folder: &RunFolder, manifest: &Manifest) -> Result<(), Error> {
    let mut missing = manifest.cells.iter().filter(|cell| cell.status != CellStatus::Complete);
    let Some(first) = missing.next() else { return Ok(()) };
    let name = format!("{}/{}/{}/{}/b{}", first.topology, first.server, first.workload, first.driver, first.block);
    let first = format!("{name}: {}", first.reason);
    let (missing, of) = (1 + missing.count(), manifest.cells.len());
    Err(Error::Incomplete { missing, of, first, folder: folder.path().to_owned() })
}

/// The plan to run. One that is named together with a run to finish must be that run's.
fn plan_of(path: Option<&Path>, unfinished: Option<&Unfinished>) -> Result<(Plan, Vec<u8>), Error> {
    let (Some(path), Some(unfinished)) = (path, unfinished) else {
        let own = unfinished.map(Unfinished::plan_path);
        let path = path.map(Path::to_owned).or(own).unwrap_or_default();
        return Ok(Plan::load(&path)?);
    };
    let named = Plan::load(path)?;
    let own = unfinished.plan_path();
    if Plan::load(&own)?.1 != named.1 {
        let (path, own) = (path.display(), own.display());
        return Err(Error::Usage(format!("{path} is not the plan of that run, which is {own}: leave the plan out")));
    }
    Ok(named)
}

fn choose(plan: &Plan, only: Option<&str>) -> Result<Vec<Cell>, Error> {
    let mut cells = plan.most_cells();
    if let Some(glob) = only {
        let wanted = WildMatch::new(glob);
        cells.retain(|&cell| wanted.matches(&plan.cell_name(cell).to_string()));
        if cells.is_empty() {
            let example = plan.cells().first().map(|&cell| plan.cell_name(cell).to_string()).unwrap_or_default();
            return Err(Error::Usage(format!("--only {glob:?} matches no cell; a cell's name is like {example:?}")));
        }
    }
    Ok(cells)
}

/// What is left to run of these cells, and what runs only where more blocks are needed. Where only such blocks are left and a cell
/// needs one, it is the next of them.
fn left(plan: &Plan, cells: Vec<Cell>, unfinished: Option<&Unfinished>) -> (Vec<Cell>, Vec<Cell>) {
    let Some(unfinished) = unfinished else {
        return cells.into_iter().partition(|cell| cell.block <= plan.blocks);
    };
    let left = unfinished.left(plan, cells);
    let begun = unfinished.last_added().max(plan.blocks);
    let next = left.iter().all(|cell| cell.block > begun) && unfinished.is_imprecise();
    let next = if next { left.first().map_or(begun, |cell| cell.block) } else { begun };
    left.into_iter().partition(|cell| cell.block <= next)
}
