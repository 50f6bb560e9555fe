//! The one clock samples are taken with.

use nix::time::{ClockId, clock_gettime};

/// This host's CLOCK_MONOTONIC_RAW in nanoseconds: never stepped, never slewed.
///
/// # Errors
/// When the system has no such clock.
pub(crate) fn raw_ns() -> nix::Result<i64> {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC_RAW)?;
    Ok(now.tv_sec() * 1_000_000_000 + now.tv_nsec())
}
