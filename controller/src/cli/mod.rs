//! The command line: parses it, does what it says, and turns the outcome into an exit code.

mod agents;
mod check;
mod clock;
mod compare;
mod enrol;
mod report;
mod trend;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use rpycbench_process::{Shutdown, Telemetry};
use wildmatch::WildMatch;

use crate::error::Error;
use crate::home::Home;
use crate::plain::plain;
use crate::plan::{Cell, Plan};
use crate::progress::{Reporter, RunEvent};
use crate::results;
use crate::run::{self, Finished, Settings, Unfinished};
use crate::store::manifest::CellStatus;

/// Measures what Python services speak: RPyC against HTTP, on one host and between hosts.
#[derive(Debug, Parser)]
#[command(name = "rpycbench-controller", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a plan and report what was measured.
    Run {
        /// The plan.
        #[arg(required_unless_present = "resume")]
        plan: Option<PathBuf>,
        /// Finish the run in that folder: what is complete there stays, the rest runs.
        #[arg(long, value_name = "RUN_DIR", conflicts_with = "out")]
        resume: Option<PathBuf>,
        /// The folder that run folders are made in.
        #[arg(long, default_value = "results", value_name = "DIR")]
        out: PathBuf,
        /// Run only cells whose name (topology/server/workload/driver/bN) matches; * and ? are wild.
        #[arg(long, value_name = "GLOB")]
        only: Option<String>,
        /// Say nothing but errors.
        #[arg(long, conflicts_with = "json")]
        quiet: bool,
        /// One JSON object per event on stdout.
        #[arg(long)]
        json: bool,
        /// Export spans and metrics to this OTLP collector.
        #[arg(long, value_name = "URL")]
        otlp: Option<String>,
    },
    /// Show what a plan would do: every cell, the expected duration, the hosts. Runs nothing.
    Check {
        /// The plan.
        plan: PathBuf,
    },
    /// Make results and reports of a run again from its samples.
    Report(report::Asked),
    /// What has changed between two runs, or between two topologies or servers of one.
    Compare(compare::Asked),
    /// How the figures of a study went from run to run: trend.html and trend.md in a folder of run folders.
    Trend(trend::Asked),
    /// Bring in an agent on another host.
    Enrol {
        /// The agent, as host:port.
        #[arg(required_unless_present = "ssh")]
        address: Option<String>,
        /// The code that `rpycbench-agent enrol-code` printed there.
        #[arg(long, conflicts_with = "ssh", required_unless_present = "ssh")]
        code: Option<String>,
        /// Ask for the code over ssh, whose known hosts and keys are used as they are. The agent is expected at that host's
        /// port 7443 unless an address is given.
        #[arg(long, value_name = "USER@HOST")]
        ssh: Option<String>,
    },
    /// Show or ban the agents that were enrolled.
    Agents {
        /// What to show; default: list.
        #[command(subcommand)]
        command: Option<AgentsCommand>,
        /// One JSON object a line.
        #[arg(long, global = true)]
        json: bool,
    },
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// What `agents` can do.
#[derive(Clone, Debug, Subcommand)]
enum AgentsCommand {
    /// Every agent that was enrolled, with its address and how long its certificate is good, or that it is banned.
    List,
    /// Ask an agent for its host, its certificate and whether it is busy.
    Describe {
        /// The agent's own name.
        name: String,
    },
    /// How far an agent's clock is ahead of this host's, with a bound that the truth is within; takes five seconds.
    Clock {
        /// The agent's own name.
        name: String,
        /// How to ask.
        #[command(flatten)]
        wanted: clock::Wanted,
    },
    /// Use an agent no more, from now on and also in a run under way; enrolling it again lifts that.
    Ban {
        /// The agent's own name.
        name: String,
    },
}

/// Parses the command line, does what it says and gives the exit code of the contract.
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run { plan, resume, out, only, quiet, json, otlp } => {
            let reporter = Reporter::new(json, quiet);
            run(plan.as_deref(), resume.as_deref(), out, only.as_deref(), reporter, otlp)
        }
        Command::Check { plan } => Plan::load(&plan).map_err(Error::from).map(|(plan, _)| say(&check::describe(&plan))),
        Command::Report(asked) => report::run(&asked),
        Command::Compare(asked) => compare::run(&asked),
        Command::Trend(asked) => trend::run(&asked),
        Command::Enrol { address, code, ssh } => enrol::enrol(address, code, ssh),
        Command::Agents { command, json } => match command.unwrap_or(AgentsCommand::List) {
            AgentsCommand::List => agents::list(json),
            AgentsCommand::Describe { name } => agents::describe(&name, json),
            AgentsCommand::Clock { name, wanted } => clock::clock(&name, json, &wanted),
            AgentsCommand::Ban { name } => agents::ban(&name, json),
        },
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "rpycbench-controller", &mut std::io::stdout());
            Ok(())
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody may be left to read it, and then there is nothing to be done.
            drop(writeln!(std::io::stderr(), "rpycbench-controller: {}", plain(&error.to_string())));
            ExitCode::from(error.exit_code())
        }
    }
}

/// Writes the result of a command to stdout.
fn say(text: &str) {
    // A reader that went away (`| head`) has seen what it wanted.
    drop(std::io::stdout().write_all(plain(text).as_bytes()));
}

#[tokio::main]
async fn run(
    path: Option<&Path>,
    resume: Option<&Path>,
    out: PathBuf,
    only: Option<&str>,
    mut reporter: Reporter,
    otlp: Option<String>,
) -> Result<(), Error> {
    let began = std::time::Instant::now();
    let unfinished = resume.map(Unfinished::open).transpose()?;
    let (plan, plan_bytes) = plan_of(path, unfinished.as_ref())?;
    let (cells, spare) = left(&plan, choose(&plan, only)?, unfinished.as_ref());
    if cells.is_empty() {
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
    let settings = Settings { plan, plan_bytes, cells, spare, unfinished, out, home, agent_state, otlp };

    let running = run::run(settings, &mut reporter, &shutdown);
    let finished = shutdown.abort.run_until_cancelled(running).await.ok_or(Error::Aborted)?;
    telemetry.stop();
    let Finished { folder, manifest } = finished?;
    results::enter_server_times(folder.path())?;
    let results = results::compute(folder.path())?;
    results::write(folder.path(), &results)?;
    let report = crate::report::write(folder.path(), &results)?;
    let page = crate::report::write_page(folder.path(), &results)?;
    reporter.tell(&RunEvent::RunFinished {
        complete: results.complete,
        folder: folder.path().to_owned(),
        report: report.clone(),
        seconds: began.elapsed().as_secs_f64(),
    });
    if !matches!(reporter, Reporter::Json) {
        say(&format!(
            "run folder: {}\nreport: {}\npage: {}\n",
            folder.path().display(),
            report.display(),
            page.display()
        ));
    }
    let mut missing = manifest.cells.iter().filter(|cell| cell.status != CellStatus::Complete);
    match missing.next() {
        None => Ok(()),
        Some(first) => {
            let name =
                format!("{}/{}/{}/{}/b{}", first.topology, first.server, first.workload, first.driver, first.block);
            let first = format!("{name}: {}", first.reason);
            let (missing, of) = (1 + missing.count(), manifest.cells.len());
            Err(Error::Incomplete { missing, of, first, folder: folder.path().to_owned() })
        }
    }
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

/// Where state lies.
fn home() -> Result<Home, Error> {
    rpycbench_process::home::folder().map(Home::new).map_err(|error| Error::Usage(error.to_string()))
}
