//! The contract between controller and agent.
//!
//! `rpycbench/v1/agent.proto` holds the messages and the state machine that both sides follow. [`pb`] is generated from it
//! (with `enrol.proto` and `renew.proto`, how an agent gets its certificates, and `clock.proto`, how its clock is known) and
//! checked in; a test says when it is stale. [`Command`] and [`Event`] are the same conversation in checked types: only
//! `convert/` here, the agent's `service.rs` and the controller's `session.rs` see the generated ones.

pub mod clock;
mod convert;
pub mod delivery;
pub mod frame;
pub mod message;
pub mod segment;

#[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, clippy::too_many_lines, clippy::use_self)]
#[rustfmt::skip]
#[path = "generated/rpycbench.v1.rs"]
/// Generated from `rpycbench/v1/agent.proto`.
pub mod pb;

pub use convert::InvalidMessage;
pub use message::{Command, Event};

/// The version of the conversation, raised with every change that an older side would not understand.
///
/// | version | change |
/// |---|---|
/// | 1 | first |
pub const PROTOCOL: u32 = 1;
