//! Waiting for a condition, never for a time.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// Far beyond what anything here takes, also on a busy machine: only a hang reaches it.
const LIMIT: Duration = Duration::from_secs(120);
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Looks until `look` says that it is so.
///
/// # Panics
/// When it never is; the message has the last status.
#[track_caller]
pub fn eventually<T, S: Debug>(what: &str, mut look: impl FnMut() -> Result<T, S>) -> T {
    let since = Instant::now();
    loop {
        match look() {
            Ok(value) => return value,
            Err(status) if since.elapsed() > LIMIT => panic!("{what}: not after {LIMIT:?}, last status {status:?}"),
            Err(_) => std::thread::park_timeout(LOOK_AGAIN),
        }
    }
}
