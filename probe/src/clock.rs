//! The clocks of this host, in nanoseconds.

use nix::time::{ClockId, clock_gettime};

/// CLOCK_MONOTONIC_RAW: never stepped, never slewed; stands still while the host sleeps.
///
/// # Errors
/// When the system has no such clock.
pub fn raw_ns() -> nix::Result<i64> {
    ns(ClockId::CLOCK_MONOTONIC_RAW)
}

/// Which start of this host [`raw_ns`] counts from: another one after each. Empty where the kernel does not tell.
pub fn boot_id() -> String {
    let told = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    told.trim().to_owned()
}

/// A clock of the kernel.
pub(crate) fn ns(clock: ClockId) -> nix::Result<i64> {
    let now = clock_gettime(clock)?;
    Ok(now.tv_sec() * 1_000_000_000 + now.tv_nsec())
}
