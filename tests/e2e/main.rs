//! The system from outside: the real binaries, the real libraries, real processes.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "test code: a panic is how a test fails, stdout is where it says that it was skipped"
)]

mod agents_clock;
mod bad_input;
mod ban;
mod clocks;
mod conditions;
mod confinement;
mod consent;
mod conversation;
mod counts;
mod disks;
mod edited;
mod enrol;
mod exports;
mod lan_itself;
mod limits;
mod live;
mod not_ready;
mod package;
mod ports;
mod precision;
mod processes;
mod renewal;
mod resume;
mod rpcs;
mod run;
mod scarce;
mod side_by_side;
mod signals;
mod ssh;
mod stamps;
mod strangers;
mod tls;
mod traces;
mod twins;
mod unit;
mod versions;
mod wire;
