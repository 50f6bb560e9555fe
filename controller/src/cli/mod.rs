//! The command line: parses it, does what it says, and turns the outcome into an exit code.

mod agents;
mod check;
mod clock;
mod compare;
mod enrol;
mod report;
mod run;
mod trend;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use crate::error::Error;
use crate::home::Home;
use crate::plain::plain;
use crate::plan::Plan;

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
    Run(run::Asked),
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
        Command::Run(asked) => run::run(asked),
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

/// Where state lies.
fn home() -> Result<Home, Error> {
    rpycbench_process::home::folder().map(Home::new).map_err(|error| Error::Usage(error.to_string()))
}
