//! The drive role: one driver process, and the samples it leaves in shared memory.

mod recording;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rpycbench_measure::{Placement, Stack, Workload};
use rpycbench_process::metrics;
use rpycbench_proto::message::{Begin, CellId, CellName, CpuUse, Driven, Event, Exit, Failure, Nonce, Pinned, Stream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::audit::denied;
use crate::child::{Child, End};
use crate::cpu_use::Reading;
use crate::limits::{Limits, Pace};
use crate::placement::{Role, place};
use crate::python::Environment;
use crate::python::worker::{ClientReport, DriveOrder, DrivenReport, Report, TargetOrder};
use crate::shared_rows;
use crate::spool::{Delivery, Spool, SpoolError};
use recording::Recording;

/// A driver imports its library and touches its memory within a second; a cold disk and a busy machine may need several.
const ARM_LIMIT: Duration = Duration::from_secs(30);
/// A call without an answer for that long has failed. RPyC's own default.
const CALL_LIMIT_S: f64 = 30.0;
/// Often enough for a reader's eye, seldom enough not to disturb a driver on a small machine.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(250);
/// Rows in one segment, some 10 KiB: a line of 10 kB/s carries it before the controller takes the agent for silent and calls it
/// anew, which would begin the segment again.
const BATCH_ROWS: usize = 1024;

/// What to drive.
#[derive(Clone, Debug)]
pub struct Drive {
    /// The cell.
    pub cell: CellId,
    /// The client library.
    pub stack: Stack,
    /// The load.
    pub workload: Workload,
    /// Where it may run.
    pub placement: Placement,
    /// Whose samples it takes, and for metrics.
    pub stream: Stream,
    /// Where the samples are kept until the controller has them.
    pub spool: Spool,
    /// Whether the driver notes which of the server's stamps belong to which sample.
    pub stamped: bool,
    /// What the host's administrator allows.
    pub limits: Arc<Limits>,
    /// For who consents to be driven at.
    pub nonce: Nonce,
}

type Bad = (&'static str, String);

/// Arms a driver, lets it go when `target` comes, and sends what it measured. A driver that ends early is reported as
/// `Failed` after its samples.
pub async fn drive(
    order: Drive,
    environment: Environment,
    target: oneshot::Receiver<SocketAddr>,
    stop: CancellationToken,
    events: mpsc::Sender<Event>,
) -> Exit {
    let pinned = place(Role::Drive, order.placement);
    let launch = environment.driver(pinned.cpus.clone(), recording::bytes(&order.workload));
    let mut child = match Child::spawn(&launch, environment.journal()) {
        Ok(child) => child,
        Err(error) => {
            fail(&events, order.cell, ("start driver", error.to_string()), None).await;
            return Exit::default();
        }
    };
    let cpus = pinned.cpus.clone();
    let outcome = measure(&mut child, &order, pinned, target, &stop, &events).await;
    let End { mut exit, exceeded } = child.stop().await;
    if let Ok(Some((_, Ended::Done(_, Load { cpu_ns, cpu_use })))) = &outcome {
        (exit.load_cpu_ns, exit.cpu_use) = (*cpu_ns, *cpu_use);
    }
    let why = environment.why(exceeded);
    let (recording, ended) = match outcome {
        Ok(None) => return exit,
        // It may have lived on without one of its processes.
        Ok(Some((recording, Ended::Done(..)))) if why.is_some() => {
            (recording, Ended::Badly(("drive", format!("the driver{}", denied(order.cell, why)))))
        }
        Ok(Some((recording, Ended::Badly((phase, reason))))) => {
            (recording, Ended::Badly((phase, reason + &denied(order.cell, why))))
        }
        Ok(Some((recording, ended))) => (recording, ended),
        Err((phase, reason)) => {
            fail(&events, order.cell, (phase, reason + &denied(order.cell, why)), Some(exit.clone())).await;
            return exit;
        }
    };
    // Samples of a driver that came to a bad end, or was told to end, are kept as well.
    let report = match &ended {
        Ended::Done(report, _) => Some(report),
        Ended::Badly(_) | Ended::Asked => None,
    };
    match (hand_over(&order, cpus, &recording, report, &events).await, ended) {
        (Ok(()), Ended::Done(..) | Ended::Asked) => {}
        (Ok(()), Ended::Badly(bad)) | (Err(bad), _) => fail(&events, order.cell, bad, Some(exit.clone())).await,
    }
    exit
}

/// How a driver that was let go came to its end.
enum Ended {
    Done(DrivenReport, Load),
    Badly(Bad),
    /// It was told to.
    Asked,
}

/// What a driver and its CPUs did from its target to its last word.
struct Load {
    cpu_ns: u64,
    cpu_use: Option<CpuUse>,
}

/// Arms a driver and follows it to its end. `None` where it was told to end before it had begun.
async fn measure(
    child: &mut Child,
    order: &Drive,
    pinned: Pinned,
    target: oneshot::Receiver<SocketAddr>,
    stop: &CancellationToken,
    events: &mpsc::Sender<Event>,
) -> Result<Option<(Recording, Ended)>, Bad> {
    let Some(armed) = stop.run_until_cancelled(timeout(ARM_LIMIT, arm(child, order))).await else { return Ok(None) };
    let mut recording = armed.map_err(|_| ("arm driver", format!("not ready after {ARM_LIMIT:?}")))??;
    let cpus = pinned.cpus.clone();
    send(events, Event::Armed { cell: order.cell, pinned, nonce: order.nonce }).await;
    // Without a target the cell is over before it began.
    let Some(Ok(target)) = stop.run_until_cancelled(target).await else { return Ok(None) };
    let (keeper, before) = (child.keeper(), Reading::take(child.keeper(), &cpus));
    let watching = async {
        let report = watch(child, order, target, &mut recording, events).await?;
        let (cpu_ns, cpu_use) = before.until_now(keeper);
        Ok((report, Load { cpu_ns, cpu_use }))
    };
    let ended = match stop.run_until_cancelled(watching).await {
        None => Ended::Asked,
        Some(Ok((report, load))) => Ended::Done(report, load),
        Some(Err(bad)) => Ended::Badly(bad),
    };
    Ok(Some((recording, ended)))
}

/// Sends an event; nobody takes it only when the run is over.
async fn send(events: &mpsc::Sender<Event>, event: Event) {
    let since = Instant::now();
    drop(events.send(event).await);
    metrics::handed_over(since.elapsed());
}

async fn fail(events: &mpsc::Sender<Event>, cell: CellId, (phase, reason): Bad, exit: Option<Exit>) {
    let failure = Failure { cell: Some(cell), phase: phase.to_owned(), reason, exit };
    send(events, Event::Failed(failure)).await;
}

async fn arm(child: &mut Child, order: &Drive) -> Result<Recording, Bad> {
    const PHASE: &str = "arm driver";
    // A worker that died at once says why on stderr; its missing answer is noticed below.
    drop(child.order(&DriveOrder::new(order.stack, &order.workload, CALL_LIMIT_S, order.stamped)).await);
    let Some(line) = child.line().await else { return Err((PHASE, "it ended before it was ready".to_owned())) };
    match Report::parse(&line).map_err(|reason| (PHASE, reason))? {
        Report::Armed { recording } if !child.keeper().is_some_and(|keeper| shared_rows::is_of(keeper, &recording)) => {
            Err((PHASE, format!("{} is no recording of its own", recording.display())))
        }
        Report::Armed { recording } => Recording::open(&recording, order.stack, &order.workload)
            .map_err(|error| (PHASE, format!("cannot open the recording {}: {error}", recording.display()))),
        Report::Failed { phase, reason } => Err((PHASE, format!("{phase}: {reason}"))),
        other => Err((PHASE, format!("unexpected report {other:?}"))),
    }
}

/// Follows a driver from its target to its last word.
async fn watch(
    child: &mut Child,
    order: &Drive,
    target: SocketAddr,
    recording: &mut Recording,
    events: &mpsc::Sender<Event>,
) -> Result<DrivenReport, Bad> {
    const PHASE: &str = "drive";
    drop(child.order(&TargetOrder { address: target.ip(), port: target.port() }).await);
    let pace = Pace::new(order.limits.clone());
    loop {
        let line = match timeout(PROGRESS_INTERVAL, child.line()).await {
            Err(_) => {
                let event = progress(order.cell, recording)?;
                if let Event::Progress { done, .. } = event {
                    pace.look(done).map_err(|denial| (PHASE, denial.to_string()))?;
                }
                send(events, event).await;
                continue;
            }
            Ok(None) => return Err((PHASE, "the driver ended before it was done".to_owned())),
            Ok(Some(line)) => line,
        };
        match Report::parse(&line).map_err(|reason| (PHASE, reason))? {
            Report::Driving => {}
            Report::Driven(report) => {
                send(events, progress(order.cell, recording)?).await;
                return Ok(report);
            }
            Report::Failed { phase, reason } => return Err((PHASE, format!("{phase}: {reason}"))),
            other => return Err((PHASE, format!("unexpected report {other:?}"))),
        }
    }
}

fn progress(cell: CellId, recording: &mut Recording) -> Result<Event, Bad> {
    let progress = recording.progress().and_then(|progress| progress.into_event(cell));
    progress.map_err(|error| ("drive", format!("cannot read the recording: {error}")))
}

/// Spools and sends every complete row; `report` is missing where the driver came to a bad end.
async fn hand_over(
    order: &Drive,
    cpus: Vec<u32>,
    recording: &Recording,
    report: Option<&DrivenReport>,
    events: &mpsc::Sender<Event>,
) -> Result<(), Bad> {
    let unkept = |error: SpoolError| ("keep samples", error.to_string());
    let begin = Begin { stream: order.stream.clone(), cpus };
    let mut delivery = Delivery::begin(&order.spool, begin, order.cell, events).await.map_err(unkept)?;
    let clients: &[ClientReport] = report.map_or(&[], |report| &report.clients);
    let bytes_out = report.map_or(0, |report| report.bytes_out);
    let mut from = 0;
    while let Some((samples, next)) = recording
        .samples(from, BATCH_ROWS, clients, bytes_out)
        .map_err(|error| ("read samples", format!("cannot read the recording: {error}")))?
    {
        from = next;
        if samples.is_empty() {
            continue;
        }
        let (rows, failed) = (samples.len() as u64, samples.failed() as u64);
        let CellName { topology, server, workload, .. } = &order.stream.cell;
        metrics::samples(topology, server, workload, rows, failed);
        delivery.rows(samples).await.map_err(unkept)?;
    }
    let driven = report.map(|report| Driven {
        expected: order.workload.expected_samples(),
        round_trips_per_call: report.round_trips_per_call,
        connections_opened: clients.iter().map(|client| client.connections_opened).sum(),
        clients: clients.iter().filter_map(ClientReport::pairing).collect(),
    });
    delivery.end(driven).await.map_err(unkept)
}

/// Most bytes that a workload's samples take in the spool.
pub(crate) fn spooled_bytes(workload: &Workload) -> u64 {
    recording::bytes(workload)
}
