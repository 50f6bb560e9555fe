//! An exchange of datagrams between the clocks of two hosts, and when each was sent and received.
//!
//! One host asks, the other answers; four **stamps** come of it, two of either clock, which is CLOCK_MONOTONIC_RAW: never stepped
//! and never slewed. Where the kernel can, it takes them itself, nearer to the wire than any program. What the kernel says is
//! CLOCK_REALTIME, which may be stepped: a [`ledger`] of both clocks translates.
//!
//! All stamps keep one rule, on which everything that is concluded from them rests: **a stamp of sending is never late, a stamp
//! of receiving never early**. So the time between a sending on one host and the receiving on the other is never less than the
//! way itself took, which is never less than nothing.

pub mod clock;
pub mod datagram;
pub mod ledger;
pub mod socket;
pub mod stream;

pub use datagram::Datagram;
pub use socket::{Kernel, Stamp, StampedSocket};
pub use stream::StampedStream;
