//! The serve role: one server under test, from its start to the last of its processes.

mod ready;
mod stamps;
mod taken;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rpycbench_measure::{Placement, Server, Stamping};
use rpycbench_proto::message::{CellId, Event, Exit, Failure, Stream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::audit::denied;
use crate::child::{Child, End};
use crate::cpu_use::Reading;
use crate::placement::{Role, place};
use crate::python::Environment;
use crate::python::worker::{Report, ServeOrder};
use crate::shared_rows;
use crate::spool::Spool;
use stamps::StampsFile;

/// A Python server listens within a second; a cold disk and a busy machine may need several.
const START_LIMIT: Duration = Duration::from_secs(30);

type Bad = (&'static str, String);

/// What to serve.
#[derive(Clone, Debug)]
pub struct Serve {
    /// The cell.
    pub cell: CellId,
    /// The server.
    pub server: Server,
    /// The address to bind.
    pub address: IpAddr,
    /// Where it may run.
    pub placement: Placement,
    /// How many requests it stamps; `None`: none.
    pub stamping: Option<Stamping>,
    /// What its stamps are known by.
    pub stream: Stream,
    /// Where they are kept until the controller has them.
    pub spool: Spool,
    /// Set to where it answers, once it does.
    pub up: Arc<OnceLock<SocketAddr>>,
}

/// Starts the server, reports `Serving`, keeps it until `stop`, and sends what it has stamped. A server that does not start,
/// or ends before it is told to, is reported as `Failed`.
pub async fn serve(
    order: Serve,
    environment: Environment,
    stop: CancellationToken,
    events: mpsc::Sender<Event>,
) -> Exit {
    let pinned = place(Role::Serve, order.placement);
    let began = Instant::now();
    let stamps_bytes = order.stamping.map_or(0, |stamping| stamping.bytes());
    let launch = environment.server(pinned.cpus.clone(), order.server.port.map_or(0, Into::into), stamps_bytes);
    let mut child = match Child::spawn(&launch, environment.journal()) {
        Ok(child) => child,
        Err(error) => {
            let failure = Failure {
                cell: Some(order.cell),
                phase: "start server".to_owned(),
                reason: error.to_string(),
                exit: None,
            };
            // Nobody listens only when the run is over.
            drop(events.send(Event::Failed(failure)).await);
            return Exit::default();
        }
    };
    let starting = tokio::time::timeout(START_LIMIT, start(&mut child, &order));
    let failure = match stop.run_until_cancelled(starting).await {
        None => None,
        Some(Err(_)) => Some(("start server", format!("not ready after {START_LIMIT:?}"))),
        Some(Ok(Err((phase, reason)))) => Some((phase, reason)),
        Some(Ok(Ok((address, stamps)))) => {
            let startup_ns = began.elapsed().as_nanos().try_into().unwrap_or(u64::MAX);
            // There is one server a cell; of a second the first word stays.
            let _ = order.up.set(address);
            // Once others know of it the load may begin.
            let before = Reading::take(child.keeper(), &pinned.cpus);
            drop(events.send(Event::Serving { cell: order.cell, address, pinned, startup_ns }).await);
            return keep(&order, child, &before, stamps, &environment, &stop, &events).await;
        }
    };
    let End { exit, exceeded } = child.stop().await;
    if let Some((phase, mut reason)) = failure {
        reason += &denied(order.cell, environment.why(exceeded));
        fail(order.cell, (phase, reason), &exit, &events).await;
    }
    exit
}

/// Waits for the end of a server that is ready.
async fn keep(
    order: &Serve,
    mut child: Child,
    before: &Reading,
    stamps: Option<StampsFile>,
    environment: &Environment,
    stop: &CancellationToken,
    events: &mpsc::Sender<Event>,
) -> Exit {
    let keeper = child.keeper();
    let ended = stop.run_until_cancelled(child.ended()).await.is_some();
    let (load_cpu_ns, cpu_use) = before.until_now(keeper);
    let End { exit, exceeded } = child.stop().await;
    let exit = Exit { load_cpu_ns, cpu_use, ..exit };
    // A server that was denied something may have lived on without one of its processes.
    let why = environment.why(exceeded);
    let badly = ended || why.is_some();
    if badly {
        let how = if ended { format!("the server {exit} before it was told to") } else { "the server".to_owned() };
        fail(order.cell, ("serve", format!("{how}{}", denied(order.cell, why))), &exit, events).await;
    }
    if let Some(stamps) = stamps
        && let Err(bad) = stamps.hand_over(order, !badly, events).await
    {
        fail(order.cell, bad, &exit, events).await;
    }
    exit
}

async fn fail(cell: CellId, (phase, reason): Bad, exit: &Exit, events: &mpsc::Sender<Event>) {
    let failure = Failure { cell: Some(cell), phase: phase.to_owned(), reason, exit: Some(exit.clone()) };
    drop(events.send(Event::Failed(failure)).await);
}

async fn start(child: &mut Child, order: &Serve) -> Result<(SocketAddr, Option<StampsFile>), Bad> {
    const PHASE: &str = "start server";
    // A worker that died at once says why on stderr; its missing answer is noticed below.
    drop(child.order(&ServeOrder::new(&order.server, order.address, order.stamping)).await);
    let Some(line) = child.line().await else { return Err((PHASE, "it ended before it listened".to_owned())) };
    let (port, path) = match Report::parse(&line).map_err(|reason| (PHASE, reason))? {
        Report::Listening { port, stamps } => (port, stamps),
        Report::Failed { phase, reason } => {
            let wanted = order.server.port.map(|port| SocketAddr::new(order.address, port.into()));
            // Looked at only now: whoever had it before the server tried may have gone.
            let by = wanted.filter(|_| phase == "bind").and_then(taken::by).map(|by| format!(": {by}"));
            return Err((PHASE, format!("{phase}: {reason}{}", by.unwrap_or_default())));
        }
        other => return Err((PHASE, format!("unexpected report {other:?}"))),
    };
    let address = SocketAddr::new(order.address, port);
    let keeper = child.keeper().unwrap_or_default();
    let stamps = open(path, keeper, order).map_err(|reason| (PHASE, reason))?;
    ready::wait(order.server.kind, address, keeper).await.map_err(|reason| ("wait for server", reason))?;
    Ok((address, stamps))
}

/// Opens the stamps that were asked for.
fn open(path: Option<PathBuf>, keeper: i32, order: &Serve) -> Result<Option<StampsFile>, String> {
    let Some(stamping) = order.stamping else { return Ok(None) };
    let path = path.ok_or_else(|| "it listens without the stamps that it was asked for".to_owned())?;
    if !shared_rows::is_of(keeper, &path) {
        return Err(format!("{} are no stamps of its own", path.display()));
    }
    let file = shared_rows::open(&path, stamping.bytes());
    let file = file.map_err(|error| format!("cannot open the stamps {}: {error}", path.display()))?;
    Ok(Some(StampsFile::new(file, stamping, order.server.kind)))
}
