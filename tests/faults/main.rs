//! Faults put into a running system, each test named after its scenario's id. A test binary of its own: what is watched by the
//! clock here needs the machine to itself.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "test code: a panic is how a test fails, stdout is where it says that it was skipped"
)]

mod bad_lines;
mod cuts;
mod enrolment;
mod kills;
mod load_path;
mod one_of_many;
mod stopped;
mod stopped_host;
mod told_to_end;
