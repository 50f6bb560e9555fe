//! What is counted while a run goes on, for whoever watches it from outside. Nothing here is part of a result, and nothing is
//! called for a single sample: a batch of some thousand is the least. Without a collector every call does nothing.

use std::sync::LazyLock;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter};

/// Rows of a batch by `topology`, `server`, `workload` and `outcome` (`ok`, `failed`).
pub const SAMPLES: &str = "rpycbench.samples";
/// How long the agent waited until the stream to the controller took an event, in seconds. How long an event was on its way
/// cannot be told without mapping two hosts' clocks; this is the part of it that grows when the controller lags.
pub const HANDOVER_WAIT: &str = "rpycbench.handover.wait";
/// Events of all agents that still waited in the controller when it took one.
pub const EVENTS_QUEUED: &str = "rpycbench.events.queued";
/// Conversations with an agent that broke while a run needed them.
pub const AGENTS_LOST: &str = "rpycbench.agents.lost";
/// Conversations that were taken up again after their connection broke.
pub const RECONNECTS: &str = "rpycbench.reconnects";

struct Instruments {
    samples: Counter<u64>,
    handover_wait: Histogram<f64>,
    events_queued: Histogram<u64>,
    agents_lost: Counter<u64>,
    reconnects: Counter<u64>,
}

/// Made at the first call, after [`crate::Telemetry`] has said where to export.
static INSTRUMENTS: LazyLock<Instruments> =
    LazyLock::new(|| Instruments::of(&opentelemetry::global::meter("rpycbench")));

impl Instruments {
    fn of(meter: &Meter) -> Self {
        let counter = |name, unit, what| meter.u64_counter(name).with_unit(unit).with_description(what).build();
        Self {
            samples: counter(SAMPLES, "{sample}", "samples in batches handed over"),
            handover_wait: meter
                .f64_histogram(HANDOVER_WAIT)
                .with_unit("s")
                .with_description("wait until the stream to the controller took an event")
                .with_boundaries(vec![0.0001, 0.001, 0.01, 0.1, 1.0, 10.0])
                .build(),
            events_queued: meter
                .u64_histogram(EVENTS_QUEUED)
                .with_unit("{event}")
                .with_description("events still waiting when the controller took one")
                .with_boundaries(vec![0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0])
                .build(),
            agents_lost: counter(AGENTS_LOST, "{agent}", "conversations that broke while a run needed them"),
            reconnects: counter(RECONNECTS, "{reconnect}", "conversations taken up again after their connection broke"),
        }
    }
}

/// Makes the counters of what should not happen visible before it does.
pub fn start_at_zero() {
    INSTRUMENTS.agents_lost.add(0, &[]);
    INSTRUMENTS.reconnects.add(0, &[]);
}

/// Counts a batch of `rows`, of which `failed` failed.
pub fn samples(topology: &str, server: &str, workload: &str, rows: u64, failed: u64) {
    for (outcome, count) in [("ok", rows.saturating_sub(failed)), ("failed", failed)] {
        let labels = [("topology", topology), ("server", server), ("workload", workload), ("outcome", outcome)];
        INSTRUMENTS.samples.add(count, &labels.map(|(name, value)| KeyValue::new(name, value.to_owned())));
    }
}

/// Enters how long handing over an event took.
pub fn handed_over(wait: Duration) {
    INSTRUMENTS.handover_wait.record(wait.as_secs_f64(), &[]);
}

/// Enters how many events were left in the controller's queue.
pub fn queued(events: u64) {
    INSTRUMENTS.events_queued.record(events, &[]);
}

/// Counts a conversation that was taken up again.
pub fn reconnected() {
    INSTRUMENTS.reconnects.add(1, &[]);
}

/// Counts an agent that was lost.
pub fn agent_lost() {
    INSTRUMENTS.agents_lost.add(1, &[]);
}
