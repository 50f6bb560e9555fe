//! Figures against a truth that is known. A test binary of its own, for cargo runs binaries one after the other: nothing else
//! of this suite takes CPU time meanwhile.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "test code: a panic is how a test fails, stdout is where it says that it was skipped"
)]

mod clock;
mod clock_pairs;
mod lan;
mod ways;

use std::sync::Mutex;

/// One at a time: each measures.
static MEASURING: Mutex<()> = Mutex::new(());
