//! The command line, and what each command starts.

use std::io::{BufRead, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use clap::{Parser, Subcommand};
use rpycbench_certs::Identity;
use rpycbench_certs::enrol::AgentState;
use rpycbench_process::{Shutdown, Telemetry};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::accept::{Doors, Services};
use crate::child::{Journal, exec, keeper};
use crate::confinement::Confinement;
use crate::enrolment::EnrolmentService;
use crate::limits::{LimitsError, LimitsSource};
use crate::probing::ClockService;
use crate::renewal::RenewalService;
use crate::service::{AgentService, Credentials};
use crate::{accept, administered, confinement, doctor, host, spool};

/// The contract's exit code for a command line or a file of limits that is wrong.
const USAGE: u8 = 2;
/// The contract's port, on loopback: an agent that others shall reach is told its address.
const DEFAULT_LISTEN: &str = "127.0.0.1:7443";

/// Runs benchmark servers and load on this host for an rpycbench-controller.
#[derive(Debug, Parser)]
#[command(name = "rpycbench-agent", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Wait for the controller that has enrolled this host, or for one that will.
    Serve {
        /// Where to listen; loopback alone unless an address of this host is named.
        #[arg(long, default_value = DEFAULT_LISTEN, value_name = "ADDR:PORT")]
        listen: SocketAddr,
        /// Where keys and environments are kept.
        #[arg(long, value_name = "DIR")]
        state: Option<PathBuf>,
        /// What controllers may ask of this host; default: /etc/rpycbench/limits.toml if it is there, else what is built in.
        #[arg(long, value_name = "FILE")]
        limits: Option<PathBuf>,
        /// Export spans and metrics to this OTLP collector.
        #[arg(long, value_name = "URL")]
        otlp: Option<String>,
        /// Whether servers and drivers are confined: off only to measure what that costs.
        #[arg(long, value_enum, default_value_t, value_name = "MODE")]
        confinement: Mode,
    },
    /// Print a code that lets one controller enrol this host: good for 10 minutes, once, 5 tries.
    EnrolCode {
        /// Where keys and environments are kept.
        #[arg(long, value_name = "DIR")]
        state: Option<PathBuf>,
        /// What controllers shall call this agent; default: the host's name.
        #[arg(long)]
        name: Option<String>,
    },
    /// Say what this host can and cannot do for a measurement, and how to mend it.
    Doctor {
        /// Where keys and environments are kept.
        #[arg(long, value_name = "DIR")]
        state: Option<PathBuf>,
        /// The limits that `serve` is started with; default: as there.
        #[arg(long, value_name = "FILE")]
        limits: Option<PathBuf>,
    },
    /// Serve the controller that started this process, until its stdin ends. Used by `rpycbench-controller run`.
    #[command(hide = true)]
    Child {
        /// Where environments are kept.
        #[arg(long)]
        state: PathBuf,
        /// Export spans and metrics to this OTLP collector.
        #[arg(long)]
        otlp: Option<String>,
        /// Whether servers and drivers are confined: off only to measure what that costs.
        #[arg(long, value_enum, default_value_t, value_name = "MODE")]
        confinement: Mode,
    },
    /// Keep one process and its descendants.
    #[command(name = keeper::COMMAND, hide = true)]
    Keep {
        /// What to launch, as JSON.
        launch: String,
    },
    /// Try on itself what processes can be kept from.
    #[command(name = confinement::COMMAND, hide = true)]
    Probe {
        /// Where environments are kept.
        state: PathBuf,
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

/// Whether what the agent starts is confined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Mode {
    /// As far as this host can.
    #[default]
    On,
    /// Not at all.
    Off,
}

impl Mode {
    fn start(self, state: &Path) -> Confinement {
        match self {
            Self::On => {
                confinement::settle();
                Confinement::start(state)
            }
            Self::Off => Confinement::off(),
        }
    }
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
        // These three must stay single-threaded: no runtime.
        Command::Keep { launch } => keeper::keep(&launch).map_err(Into::into),
        Command::Exec { parent, launch } => exec::exec(parent, &launch).map_err(Into::into),
        Command::Probe { state } => confinement::probe(&state).map_err(Into::into),
        Command::Child { state, otlp, confinement } => child(state, otlp, confinement),
        Command::Serve { listen, state, limits, otlp, confinement } => serve(listen, state, limits, otlp, confinement),
        Command::EnrolCode { state, name } => enrol_code(state, name),
        // A finding is not an error: it has its own way out.
        Command::Doctor { state, limits } => {
            match administered::state_folder(state.as_deref()).map_err(BoxError::from) {
                Ok(state) => return doctor(&state, limits),
                Err(error) => Err(error),
            }
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody may be left to read it, and then there is nothing to be done.
            drop(writeln!(std::io::stderr(), "rpycbench-agent: {error}"));
            if error.is::<LimitsError>() { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
        }
    }
}

type BoxError = Box<dyn std::error::Error>;

#[tokio::main]
async fn child(state: PathBuf, otlp: Option<String>, confinement: Mode) -> Result<(), BoxError> {
    let telemetry = Telemetry::start("rpycbench-agent", otlp.as_deref())?;
    let shutdown = Shutdown::on_signals()?;
    let mut order = String::new();
    std::io::stdin().lock().read_line(&mut order)?;
    let ChildOrder { identity } =
        serde_json::from_str(&order).map_err(|error| format!("bad first line on stdin: {error}"))?;

    // What an earlier agent has left ends before its control groups can.
    let journal = Journal::open(&state)?;
    let confinement = confinement.start(&state);
    spool::sweep(&state, SystemTime::now());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let reply = ChildReply { address: listener.local_addr()? };
    let clock = ClockService::start(reply.address);
    say(&serde_json::to_string(&reply)?)?;
    let controller_gone = shutdown.drain.clone();
    tokio::spawn(async move {
        // The controller says nothing more: stdin ends when it has ended, in whatever way.
        let mut rest = Vec::new();
        drop(tokio::io::stdin().read_to_end(&mut rest).await);
        controller_gone.cancel();
    });
    let doors = Arc::new(Doors::of(&identity)?);
    let agent = AgentService::new(
        state,
        Credentials::Given(identity),
        LimitsSource::OwnUser,
        confinement,
        journal,
        shutdown.drain.clone(),
    );
    accept::serve(listener, doors, Services { agent, clock, renewal: None, enrolment: None }, shutdown.drain).await?;
    telemetry.stop();
    Ok(())
}

#[tokio::main]
async fn serve(
    listen: SocketAddr,
    state: Option<PathBuf>,
    limits: Option<PathBuf>,
    otlp: Option<String>,
    confinement: Mode,
) -> Result<(), BoxError> {
    // Before anything else: without limits there is nothing that may be asked of it.
    let limits = LimitsSource::new(limits.map(std::path::absolute).transpose()?, Some(listen.ip()));
    limits.read()?;
    let telemetry = Telemetry::start("rpycbench-agent", otlp.as_deref())?;
    let shutdown = Shutdown::on_signals()?;
    let folder = state_folder(state)?;
    let state = Arc::new(AgentState::open(&folder)?);
    // As above.
    let journal = Journal::open(&folder)?;
    let confinement = confinement.start(&folder);
    spool::sweep(&folder, SystemTime::now());
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| format!("cannot listen on {listen}: {error}; name an address of this host in --listen"))?;
    if listen.ip().is_unspecified() {
        tracing::warn!(
            "listening on every address of this host, also those of networks that have no business with it: name one in --listen"
        );
    }
    let doors = Arc::new(Doors::from_state(&state)?);
    let enrolled = match state.validity()? {
        None => "not enrolled yet: see `rpycbench-agent enrol-code`",
        Some(validity) if validity.is_over(SystemTime::now()) => {
            "its certificate has expired: enrol it again, see `rpycbench-agent enrol-code`"
        }
        Some(_) => "enrolled",
    };
    say(&format!("rpycbench-agent listens on {}, {enrolled}", listener.local_addr()?))?;
    let services = Services {
        agent: AgentService::new(
            folder,
            Credentials::Kept(state.clone()),
            limits,
            confinement,
            journal,
            shutdown.drain.clone(),
        ),
        clock: ClockService::start(listener.local_addr()?),
        renewal: Some(RenewalService::new(state.clone(), doors.clone())),
        enrolment: Some(EnrolmentService::new(state, doors.clone())),
    };
    accept::serve(listener, doors, services, shutdown.drain).await?;
    telemetry.stop();
    Ok(())
}

fn enrol_code(state: Option<PathBuf>, name: Option<String>) -> Result<(), BoxError> {
    let agent_name = agent_name(&name.unwrap_or_else(|| host::facts().hostname))?;
    let folder = administered::state_folder(state.as_deref())?;
    administered::act_as_owner(&folder)?;
    let code = AgentState::open(&folder).and_then(|state| state.put_code_out(&agent_name));
    let code = code.map_err(|error| {
        format!("{error}; run this as root, or as the user whose agent it is, or name its state folder in --state")
    })?;
    say(&code.to_string())
}

/// Prints what there is to know about this host; a failure where a run would be one.
fn doctor(state: &Path, limits: Option<PathBuf>) -> ExitCode {
    let findings = doctor::examine(state, &LimitsSource::new(limits, None));
    // Nobody may be left to read it, and the exit code still says the worst.
    drop(std::io::stdout().write_all(doctor::render(&findings).as_bytes()));
    if doctor::worst(&findings) == doctor::Level::Bad { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// A host's name as an agent's: its first label, lower case.
fn agent_name(hostname: &str) -> Result<String, BoxError> {
    let label = hostname.split('.').next().unwrap_or_default().to_lowercase();
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if label.is_empty() || label.len() > 40 || !label.bytes().all(allowed) {
        return Err(
            format!("{hostname:?} cannot be an agent's name: say --name with 1 to 40 of a-z, 0-9 and \"-\"").into()
        );
    }
    Ok(label)
}

fn state_folder(given: Option<PathBuf>) -> Result<PathBuf, BoxError> {
    match given {
        Some(folder) => Ok(std::path::absolute(folder)?),
        None => Ok(rpycbench_process::home::folder()?.join("agent")),
    }
}

fn say(line: &str) -> Result<(), BoxError> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}")?;
    Ok(stdout.flush()?)
}
