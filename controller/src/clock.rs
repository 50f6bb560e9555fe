//! What the controller knows of an agent's clock: it asks, over and over, and keeps what came of each question.
//!
//! A **probe** is a question and its answer, stamped on both hosts by CLOCK_MONOTONIC_RAW. Datagrams to the agent's port are
//! best, for the kernel stamps them; where none passes, the agent's own stream carries the questions, and the bounds that
//! follow are the wider. What is concluded from probes is [`rpycbench_measure::clock`]'s matter.
//!
//! One task owns the session and everything reaches it through one queue: who asks, what the agent tells.

mod asker;
mod offset;
mod probes;
mod schedule;
mod session;

pub(crate) use offset::{Around, Offset};
pub(crate) use session::ClockSession;
