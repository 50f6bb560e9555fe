//! `agents clock`: how far an agent's clock is from this host's.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use rpycbench_process::Shutdown;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::agents::contact;
use super::say;
use crate::clock::{Around, ClockSession, Offset};
use crate::error::Error;
use crate::run::RunError;
use crate::store::probes::{ProbeRow, write};

/// Before and after.
const BURST: u32 = 128;
/// How long to ask before the first answer: the whole of it, where nobody watches.
const ASKED_FOR: Duration = Duration::from_secs(5);
/// A burst takes that long, or nearly.
const BURST_TIME: Duration = Duration::from_millis(300);

/// How to ask.
#[derive(Clone, Debug, Args)]
pub(super) struct Wanted {
    /// Say so every second, until Ctrl-C.
    #[arg(long)]
    watch: bool,
    /// Seconds between two answers to who watches.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=3600), requires = "watch", value_name = "SECONDS")]
    every: u16,
    /// Pairs of questions a second between the bursts.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=500), value_name = "N")]
    rate: u16,
    /// Leave aside what the kernels stamp, to see what that is worth.
    #[arg(long)]
    user_stamps: bool,
    /// Keep every question and what came of it in that Parquet file, as runs do in clock.parquet.
    #[arg(long, value_name = "FILE")]
    probes: Option<PathBuf>,
}

/// `agents clock`.
#[tokio::main]
pub(super) async fn clock(name: &str, json: bool, wanted: &Wanted) -> Result<(), Error> {
    let Wanted { watch, every, rate, user_stamps, ref probes } = *wanted;
    let every = Duration::from_secs(every.into());
    let keep = probes.as_deref();
    let contact = contact(name, "clock").await?;
    let failed = |reason: String| RunError::Network { host: name.to_owned(), reason: format!("clock: {reason}") };
    let session = ClockSession::open(contact.channel(), &contact.agent.address, user_stamps).await;
    let session = session.map_err(|error| failed(error.to_string()))?;
    let shutdown = Shutdown::on_signals().map_err(Error::Signals)?;
    session.burst(BURST);
    session.pace(Some(Duration::from_secs(1) / u32::from(rate)));
    let began = Instant::now();
    let mut due = began + if watch { every } else { ASKED_FOR - BURST_TIME };
    loop {
        if shutdown.drain.run_until_cancelled(sleep_until(due)).await.is_none() {
            return keep_probes(&session, name, keep);
        }
        if !watch {
            session.burst(BURST);
            sleep_until(due + BURST_TIME).await;
        }
        session.settle().await;
        let (offset, lost) =
            session.with_probes(|probes| (Offset::of(probes), probes.unanswered() as u64 + probes.forged().count));
        let offset = offset.ok_or_else(|| failed("no question was answered".to_owned()))?;
        let transport = session.transport().name();
        if json {
            say(&format!("{}\n", as_json(name, transport, &offset)));
        } else {
            say(&as_text(name, transport, &offset, lost));
        }
        if !watch {
            return keep_probes(&session, name, keep);
        }
        due += every;
    }
}

/// Writes down what every question came to, where that is wanted.
fn keep_probes(session: &ClockSession, host: &str, path: Option<&Path>) -> Result<(), Error> {
    let Some(path) = path else { return Ok(()) };
    let rows: Vec<ProbeRow> =
        session.with_probes(|probes| probes.all().iter().map(|probe| probe.row(host, 0)).collect());
    Ok(write(path, &rows).map_err(RunError::from)?)
}

fn as_json(host: &str, transport: &str, offset: &Offset) -> Value {
    let Offset { hard, hull, drift_ppb, stamps, probes, is_adjusted } = *offset;
    let parts = |around: Option<Around>| around.map(|Around { offset_ns, bound_ns }| (offset_ns, bound_ns)).unzip();
    let ((offset_ns, bound_ns), (hull_offset_ns, hull_bound_ns)) = (parts(hard), parts(hull));
    json!({
        "host": host, "offset_ns": offset_ns, "bound_ns": bound_ns, "hull_offset_ns": hull_offset_ns,
        "hull_bound_ns": hull_bound_ns, "drift_ppb": drift_ppb, "transport": transport, "stamps": stamps.name(),
        "probes": probes, "assumption_adjusted": is_adjusted,
    })
}

fn as_text(host: &str, transport: &str, offset: &Offset, lost: u64) -> String {
    let Offset { hard, hull, drift_ppb, stamps, probes, is_adjusted } = *offset;
    let around = |around: Option<Around>| match around {
        None => "not bounded".to_owned(),
        Some(Around { offset_ns, bound_ns }) => {
            format!("{:+.9} s ± {:.3} µs", offset_ns as f64 / 1e9, bound_ns as f64 / 1e3)
        }
    };
    let drift = drift_ppb.map_or_else(|| "not known".to_owned(), |ppb| format!("{:+.3} ppm", ppb as f64 / 1e3));
    let rests = if is_adjusted { ", on assumptions that had to be widened" } else { "" };
    format!(
        "{host}: offset {} (hard bound{rests}), estimate {}, drift {drift}; {probes} probes, {lost} lost, {transport}, {} stamps\n",
        around(hard),
        around(hull),
        stamps.name()
    )
}
