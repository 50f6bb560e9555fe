//! The agent: starts servers under test, drives load at servers, and reports samples, for one controller at a time.
//!
//! 1. [`service`] speaks gRPC and nothing else; [`run`] is the state machine behind it and holds the only `select!`.
//! 2. A cell has up to two roles here, [`serve`] and [`drive`]; each is one task that owns one child process.
//! 3. Every process is started through [`child`]: a keeper stands between the agent and the process and kills it, with all
//!    its descendants, as soon as the agent lets go of it or is gone itself.
//! 4. [`confinement`] is what such a process is kept from, and how far this host can.
//! 5. Nothing the agent does lies on the measured path: the driver writes its stamps into shared memory, which the agent
//!    reads.

pub mod accept;
mod administered;
pub mod audit;
pub mod child;
pub mod cli;
pub mod confinement;
pub mod conversation;
mod cpu_ticks;
mod cpu_time;
mod cpu_use;
pub mod doctor;
pub mod drive;
pub mod enrolment;
mod holder;
mod host;
pub mod limits;
mod link;
mod ping;
mod placement;
pub mod probing;
pub mod python;
mod reach;
pub mod renewal;
pub mod run;
pub mod serve;
pub mod service;
mod shared_rows;
pub mod spool;

pub use cli::main;
