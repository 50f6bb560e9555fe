//! What the tests of the whole system share: a place to run the real binaries in, and ways to look at what they leave.

#![expect(clippy::expect_used, reason = "test code: a panic is how a test fails")]

pub mod agent;
pub mod attacked;
pub mod collector;
pub mod coverage;
pub mod forge;
pub mod going;
pub mod hostile;
pub mod installed;
pub mod kills;
pub mod lan;
pub mod many_hosts;
pub mod parquet;
pub mod patience;
pub mod processes;
pub mod proxy;
pub mod sandbox;
pub mod served;
pub mod spoken;
pub mod ssh;
pub mod three_hosts;
pub mod two_hosts;

pub use sandbox::{Outcome, Sandbox};
