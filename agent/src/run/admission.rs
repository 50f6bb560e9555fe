//! What the host's limits say to a run.

use std::sync::Arc;

use rpycbench_proto::message::CellId;
use tokio::time::Instant;

use super::Run;
use crate::limits::{Denial, Limits};

/// Waits until the run has had its time, which may be never.
pub(super) async fn overrun(limits: Arc<Limits>) -> Denial {
    match limits.max_run.value.at_most().and_then(|most| Instant::now().checked_add(most)) {
        Some(end) => tokio::time::sleep_until(end).await,
        None => std::future::pending().await,
    }
    limits.overrun()
}

impl Run<'_> {
    /// Says that a role of a cell is not to be played here. Nothing was started for it.
    pub(super) async fn refuse(&self, cell: CellId, phase: &str, reason: String) {
        tracing::warn!(target: "audit", cell, %reason, "denied");
        self.fail(cell, phase, reason).await;
    }
}
