//! What another host's clock says about the time of this one: bounds that hold, estimates beside them.
//!
//! Two hosts have a clock each that nobody adjusts (CLOCK_MONOTONIC_RAW): **C** on the reference host, the
//! controller's, and **A** on the other, an agent's. This module converts a reading y of A to the time of C at
//! that instant, y + φ(y), where **φ(y) = C − A** is taken at the instant at which A reads y. No clock is read
//! or set here: all of it is computed after the fact from the stamps of messages that went either way, before
//! and after what is to be converted.
//!
//! - [`Exchange`]: the four stamps of a request and its reply, and the rule they have to follow.
//! - [`Constraints`]: what messages say of φ; in any order, whole exchanges or single messages.
//! - [`Envelope`]: **the bound**. It holds for every clock whose rate lies in [`RateBounds`].
//! - [`Hull`]: **an estimate**, tighter by far, which holds for clocks without any wander. Always beside the
//!   bound, never in its place.
//! - [`Mapping`]: envelopes and hulls of the epochs between which a clock stepped or its host was suspended.
//! - [`Call`]: a call's time apart: out, in the server, between its requests, back; each a [`Part`].
//! - [`DifferenceMatrix`]: bounds between many hosts, made as tight as each other allow.
//! - [`quantile_range`]: what intervals of samples say about a quantile of them.
//!
//! # Assumptions
//!
//! The bound is as good as these, and nothing else:
//!
//! 1. No message arrives before it was sent, and stamps follow the latch rule of [`Exchange`].
//! 2. C is never stepped or suspended (say so by a [`Break`] if it was), and neither clock ever goes back.
//! 3. Within an epoch, the rate of A against C is within [`Assumptions::rate_limit_ppb`] of equal, and at no
//!    instant further than [`Assumptions::wander_ppb`] from its mean over any part of the epoch. It is enough
//!    that no two instants of an epoch have rates that differ by more.
//!
//! # What is noticed when they fail, and what is not
//!
//! Two constraints of opposite sides that no clock within the assumed rates can satisfy are a proof that an
//! assumption failed; every such pair is found. A failure that leads to no such pair cannot be seen in these
//! data by anyone: a clock exists that fits all of it. So a bound that is too tight by v (a receive stamp taken v
//! plus its message's delay too early, a step by that much) is found if and only if v exceeds what lies
//! between the truth and the nearest bound of the other side: the delay of that message, plus the wander
//! allowed over the time between. What stays unseen moves a bound past the truth by no more than that there, and
//! elsewhere in proportion, by way of the mean rate. Nor is a wander seen that comes and goes between two
//! constraints; so there should be some near whatever is converted. Asymmetry of delays is never seen, and moves no
//! bound, only what lies in its middle.
//!
//! # Arithmetic
//!
//! Times are integer nanoseconds after an epoch of the run; each clock may have its own. Bounds are computed
//! exactly, in integers of 128 bits, and rounded outward once, at the end: rounding may widen a bound by up to
//! a nanosecond and never narrows it. Stamps beyond ±2⁶¹ ns (73 years) are refused, so that no product overflows;
//! within, moving all stamps of a clock moves results and changes nothing else.
//!
//! ```
//! use rpycbench_measure::clock::{Assumptions, Constraints, Exchange, Mapping};
//!
//! // The agent's clock is 1 s ahead; messages take 20 µs there and 30 µs back.
//! let mut constraints = Constraints::default();
//! for t1 in [0, 100_000_000, 200_000_000] {
//!     let t2 = t1 + 1_000_000_000 + 20_000;
//!     constraints.push_exchange(Exchange { t1, t2, t3: t2 + 5_000, t4: t1 + 55_000 })?;
//! }
//! let mapping = Mapping::new(&constraints, &[], Assumptions::default());
//! let converted = mapping.convert(1_100_020_000);
//! let (low, high) = (converted.interval.low.unwrap_or(i64::MIN), converted.interval.high.unwrap_or(i64::MAX));
//! assert!(low <= 100_020_000 && 100_020_000 <= high && high - low < 51_000);
//! # Ok::<(), rpycbench_measure::clock::StampError>(())
//! ```

mod call;
mod chain;
pub mod closure;
mod constraints;
mod contradiction;
pub mod envelope;
mod epoch;
mod exchange;
pub mod hull;
mod interval;
mod mapping;
mod mean_rate;
mod part;
mod quantile_range;
mod rate;

pub use call::{Apart, Call};
pub use closure::{DifferenceMatrix, NegativeCycle, NoSuchHost, tighten};
pub use constraints::Constraints;
pub use envelope::{Envelope, Falsified};
pub use epoch::{Epoch, LAST_RESORT_PPB};
pub use exchange::{Exchange, STAMP_MAX_NS, StampError};
pub use hull::{DriftInterval, Hull, Infeasible};
pub use interval::Interval;
pub use mapping::{Break, Converted, Event, EventKind, Mapping, Quality};
pub use part::{Part, is_resolved};
pub use quantile_range::{QuantileRange, quantile_range};
pub use rate::{Assumptions, RateBounds, RateError};
