//! The clock model, seen from outside: synthetic worlds of which the truth is known, brute force for what is computed
//! cleverly, and identities that must hold for any stamps.
//!
//! `CLOCK_CASES=n` tries so many instants of conversion.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "test code: a panic is how a test fails, stdout is where it says what it tried"
)]

mod call;
mod closure;
mod coverage;
mod envelope;
mod faults;
mod hull;
mod mapping;
mod quantile_range;
mod world;
