//! The command line, and what each command starts.

use std::io::BufRead;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use rpycbench_certs::Identity;
use rpycbench_process::{Shutdown, Telemetry};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::child::{exec, keeper};
use crate::{accept, service};

/// Runs benchmark servers and load on this host for an rpycbench-controller.
#[derive(Debug, Parser)]
#[command(name = "rpycbench-agent", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the controller that started this process, until its stdin ends. Used by `rpycbench-controller run`.
    #[command(hide = true)]
    Child {
        /// Where environments are kept.
        #[arg(long)]
        state: PathBuf,
        /// Export spans to this OTLP collector.
        #[arg(long)]
        otlp: Option<String>,
    },
    /// Keep one process and its descendants.
    #[command(name = keeper::COMMAND, hide = true)]
    Keep {
        /// What to launch, as JSON.
        launch: String,
    },
    /// Become the process that is kept.
    #[command(name = exec::COMMAND, hide = true)]
    Exec {
        /// The keeper.
        parent: i32,
        /// What to launch, as JSON.
        launch: String,
    },
}

/// What the controller gives its own agent as the first line of stdin.
#[derive(Debug, Serialize, Deserialize)]
pub struct ChildOrder {
    /// The agent's identity for this run.
    pub identity: Identity,
}

/// What the agent answers as the first line of stdout.
#[derive(Debug, Serialize, Deserialize)]
pub struct ChildReply {
    /// Where it listens.
    pub address: SocketAddr,
}

/// Parses the command line, does what it says and gives the exit code of the contract.
pub fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        // These two must stay single-threaded: no runtime.
        Command::Keep { launch } => keeper::keep(&launch).map_err(Into::into),
        Command::Exec { parent, launch } => exec::exec(parent, &launch).map_err(Into::into),
        Command::Child { state, otlp } => child(state, otlp),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            use std::io::Write;
            // Nobody may be left to read it, and then there is nothing to be done.
            drop(writeln!(std::io::stderr(), "rpycbench-agent: {error}"));
            ExitCode::FAILURE
        }
    }
}

type BoxError = Box<dyn std::error::Error>;

#[tokio::main]
async fn child(state: PathBuf, otlp: Option<String>) -> Result<(), BoxError> {
    let telemetry = Telemetry::start("rpycbench-agent", otlp.as_deref())?;
    let shutdown = Shutdown::on_signals()?;
    let mut order = String::new();
    std::io::stdin().lock().read_line(&mut order)?;
    let ChildOrder { identity } =
        serde_json::from_str(&order).map_err(|error| format!("bad first line on stdin: {error}"))?;

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let reply = ChildReply { address: listener.local_addr()? };
    {
        use std::io::Write;
        let mut stdout = std::io::stdout().lock();
        writeln!(stdout, "{}", serde_json::to_string(&reply)?)?;
        stdout.flush()?;
    }
    let controller_gone = shutdown.drain.clone();
    tokio::spawn(async move {
        // The controller says nothing more: stdin ends when it has ended, in whatever way.
        let mut rest = Vec::new();
        drop(tokio::io::stdin().read_to_end(&mut rest).await);
        controller_gone.cancel();
    });
    let config = identity.server_config()?;
    accept(listener, config, service::AgentService::new(state, shutdown.drain.clone()), shutdown.drain).await?;
    telemetry.stop();
    Ok(())
}
