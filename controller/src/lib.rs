//! The controller: turns a plan into a run, and a run into a report.
//!
//! Data flow one way: [`plan`] → [`run`] (cells, one after the other or side by side, through a [`session`] with each agent) →
//! [`store`] (samples and `run.json` in the run folder) → [`results`] (`results.json`) → [`report`]. Everything after the
//! run is made from the run folder alone, and can be made again.

pub mod cli;
mod clock;
pub mod compare;
mod contact;
pub mod conversation;
mod dial;
mod enrol;
mod error;
pub mod export;
mod home;
mod local_agent;
mod plain;
pub mod plan;

mod progress;
mod renewal;
pub mod report;
pub mod results;
mod run;
mod session;
pub mod store;

pub use cli::main;
