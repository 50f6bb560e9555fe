//! `make lab`: turin and hurin as network namespaces of this machine, an agent on hurin, and a shell on turin.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use clap::Parser;
use jiff::SignedDuration;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use procfs::net::{TcpNetEntry, TcpState};
use procfs::process::Process;
use rpycbench_tests::lan::Lan;
use rpycbench_tests::sandbox::binaries;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, sleep, timeout};

const HOSTS: [&str; 2] = ["turin", "hurin"];
/// The agent's own default.
const PORT: u16 = 7443;
/// An agent listens within milliseconds; after this the user is told that it does not.
const UNTIL_IT_LISTENS: Duration = Duration::from_secs(10);
/// An agent that is told to end first ends what it started.
const UNTIL_IT_ENDS: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Two hosts on one machine: a shell on turin, an agent on hurin. `hurin COMMAND …` runs a command on hurin.
#[derive(Debug, Parser)]
#[command(name = "rpycbench-lab")]
struct Arguments {
    /// What every packet takes, each way, like 300us. Without it the hosts are joined as fast as the kernel can.
    #[arg(long, value_parser = positive)]
    delay: Option<Duration>,
    /// Where the hosts keep their state and logs; it stays, so that the next lab starts faster.
    #[arg(long, default_value_os_t = binaries().join("lab"))]
    folder: PathBuf,
    /// What to run on turin instead of $SHELL.
    #[arg(last = true)]
    command: Vec<OsString>,
}

fn main() -> ExitCode {
    lab(&Arguments::parse()).unwrap_or_else(|error| {
        // Nobody may be left to read it, and then there is nothing to be done.
        drop(writeln!(std::io::stderr(), "rpycbench-lab: {error}"));
        ExitCode::FAILURE
    })
}

/// Everything it starts has ended when it returns.
#[tokio::main(flavor = "current_thread")]
async fn lab(arguments: &Arguments) -> Result<ExitCode, Box<dyn Error>> {
    // Before anything is started: from now on a signal does not end this process before it has cleaned up.
    let mut ends = [signal(SignalKind::terminate())?, signal(SignalKind::hangup())?];
    let _for_the_command_alone = signal(SignalKind::interrupt())?;
    let folder = std::path::absolute(&arguments.folder)?;
    let _lock = lock(&folder)?;
    let lan = match arguments.delay {
        None => Lan::veth(&HOSTS)?,
        Some(delay) => {
            let lan = Lan::switched(&HOSTS)?;
            lan.both_ways("turin", "hurin").delay(delay);
            lan
        }
    };
    let programs = wrappers(&lan, &folder)?;
    let (mut agent, agent_is) = agent(&lan, &folder).await?;
    let mut out = std::io::stdout();
    let line = arguments.delay.map_or("no added delay".to_owned(), |delay| format!("{delay:?} each way"));
    writeln!(
        out,
        "turin  {}   where the command runs; controller state in {}",
        lan.address("turin"),
        folder.join("turin").display()
    )?;
    writeln!(out, "hurin  {}  {agent_is}", lan.address("hurin"))?;
    writeln!(out, "line   {line}")?;
    writeln!(
        out,
        "try    hurin rpycbench-agent enrol-code --name hurin; the lab ends with the command, {} stays",
        folder.display()
    )?;

    let mut turin = command(&lan, &arguments.command, &programs)?;
    turin.env("RPYCBENCH_HOME", folder.join("turin"));
    let mut turin = turin.spawn()?;
    let [terminate, hang_up] = &mut ends;
    let code = tokio::select! {
        status = turin.wait() => exit_code(status?),
        _ = terminate.recv() => 128 + Signal::SIGTERM as u8,
        _ = hang_up.recv() => 128 + Signal::SIGHUP as u8,
    };
    if let Some(agent) = &mut agent {
        end(agent).await;
    }
    Ok(code.into())
}

/// One lab at a time in a folder.
fn lock(folder: &Path) -> Result<File, Box<dyn Error>> {
    let at = |error: &dyn std::fmt::Display| format!("{}: {error}", folder.display());
    HOSTS.iter().try_for_each(|host| share_environments(&folder.join(host))).map_err(|error| at(&error))?;
    let file = File::create(folder.join("lock")).map_err(|error| at(&error))?;
    file.try_lock().map_err(|error| at(&format!("{error}: a lab runs in it, choose another with --folder")))?;
    Ok(file)
}

/// Gives a host the Python environments of this machine's own runs: nobody in the LAN can reach a package index.
fn share_environments(host: &Path) -> std::io::Result<()> {
    let mine = rpycbench_process::home::folder().map_err(std::io::Error::other)?.join("agent/environments");
    let theirs = host.join("agent/environments");
    fs::create_dir_all(&mine)?;
    fs::create_dir_all(host.join("agent"))?;
    match std::os::unix::fs::symlink(mine, theirs) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// A program for each host that runs a command there, with the home that belongs to it. Returns their folder.
fn wrappers(lan: &Lan, folder: &Path) -> std::io::Result<PathBuf> {
    let programs = folder.join("bin");
    fs::create_dir_all(&programs)?;
    for host in HOSTS {
        let home = format!("'{}'", folder.join(host).display().to_string().replace('\'', r"'\''"));
        let namespace = lan.namespace(host);
        let namespace = namespace.display();
        let script = format!(
            "#!/bin/sh\n# Runs a command on {host}, or opens a shell there.\n[ $# -gt 0 ] || set -- \"${{SHELL:-sh}}\"\n\
             exec nsenter --net={namespace} -- env RPYCBENCH_HOME={home} \"$@\"\n"
        );
        let program = programs.join(host);
        fs::write(&program, script)?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    }
    Ok(programs)
}

/// The user's command, or shell, on turin, which finds the wrappers and this project's programs.
fn command(lan: &Lan, asked: &[OsString], wrappers: &Path) -> Result<Command, env::JoinPathsError> {
    let shell = [env::var_os("SHELL").unwrap_or_else(|| "/bin/sh".into())];
    let (program, arguments) = asked.split_first().unwrap_or((&shell[0], &[]));
    let own = env::var_os("PATH").unwrap_or_default();
    let path = [wrappers.to_owned(), binaries()].into_iter().chain(env::split_paths(&own));
    let mut command = Command::from(lan.command("turin", program));
    command.args(arguments).env("PATH", env::join_paths(path)?);
    Ok(command)
}

/// The agent on hurin, if it has been built, and what is to be said of it.
async fn agent(lan: &Lan, folder: &Path) -> Result<(Option<Child>, String), Box<dyn Error>> {
    let program = binaries().join("rpycbench-agent");
    if !program.exists() {
        return Ok((None, format!("no agent: {} is not built", program.display())));
    }
    let address = SocketAddr::new(lan.address("hurin"), PORT);
    let log = folder.join("hurin.log");
    // Should this process be killed, the agent still ends.
    let mut command = Command::from(lan.command("hurin", "setpriv"));
    command.args(["--pdeathsig", "TERM"]).arg(&program);
    command.args(["serve", "--listen", &address.to_string(), "--state"]).arg(folder.join("hurin").join("agent"));
    let (stdout, stderr) = (File::create(&log)?, File::options().append(true).open(&log)?);
    let mut agent = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).spawn()?;

    let since = Instant::now();
    let log = log.display();
    let said = loop {
        if let Some(status) = agent.try_wait()? {
            break format!("the agent has ended ({status}), see {log}");
        }
        if agent.id().is_some_and(|id| listens(id, address)) {
            break format!("an agent on port {PORT}, log in {log}");
        }
        if since.elapsed() > UNTIL_IT_LISTENS {
            break format!("the agent does not listen on port {PORT}, see {log}");
        }
        sleep(LOOK_AGAIN).await;
    };
    Ok((Some(agent), said))
}

/// Looked up and not tried: the agent would complain of a caller who says nothing.
fn listens(process: u32, address: SocketAddr) -> bool {
    let sockets = Process::new(process.cast_signed()).and_then(|process| process.tcp());
    let wanted = |socket: &TcpNetEntry| socket.state == TcpState::Listen && socket.local_address == address;
    sockets.is_ok_and(|sockets| sockets.iter().any(wanted))
}

/// Tells it to end; what is left after a while ends with its host.
async fn end(agent: &mut Child) {
    if let Some(id) = agent.id() {
        // It may have ended by itself by now.
        let _ = kill(Pid::from_raw(id.cast_signed()), Signal::SIGTERM);
        drop(timeout(UNTIL_IT_ENDS, agent.wait()).await);
    }
}

/// As a shell gives it.
fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

fn positive(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<SignedDuration>().map_err(|error| error.to_string())?;
    Duration::try_from(parsed).map_err(|_| "less than nothing".to_owned())
}
