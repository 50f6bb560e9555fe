//! The system from outside: the real binaries, the real libraries, real processes.

mod bad_input;
mod conversation;
mod processes;
mod run;
mod tls;
