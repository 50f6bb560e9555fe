//! The stamps of a request and its reply.

/// The largest stamp, and minus the smallest: 2⁶¹ ns, 73 years.
pub const STAMP_MAX_NS: i64 = 1 << 61;

/// A request and its reply, stamped at both ends as in NTP (RFC 5905): `t1` and `t4` by C on the reference
/// host, `t2` and `t3` by A on the other; nanoseconds.
///
/// **Latch rule.** Transmit stamps are never late: C read `t1` or more, and A `t3` or more, when the message left.
/// Receive stamps are never early: A read `t2` or less, and C `t4` or less, when the message arrived. Here "read"
/// is what the clock showed as a real number: a clock that cuts its readings to whole nanoseconds shows too
/// little, which is right for a transmit stamp and wrong for a receive stamp by less than 1; see
/// [`Exchange::from_truncated`]. Stamps of the kernel follow the rule, as do a program's own that reads the clock
/// before it sends and after it has received.
///
/// With delays that are not negative the rule gives, whatever else the clocks do,
/// φ(t2) ≥ t1 − t2 and φ(t3) ≤ t4 − t3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Exchange {
    /// The request leaves the reference host.
    pub t1: i64,
    /// The request has arrived at the other host.
    pub t2: i64,
    /// The reply leaves the other host.
    pub t3: i64,
    /// The reply has arrived at the reference host.
    pub t4: i64,
}

impl Exchange {
    /// From readings that were cut to whole nanoseconds, as those of `clock_gettime` are: receive stamps are
    /// moved to the end of the nanosecond they name. So `t3` may be less than `t2`, by 1 at most.
    pub fn from_truncated(t1: i64, t2: i64, t3: i64, t4: i64) -> Self {
        Self { t1, t2: t2.saturating_add(1), t3, t4: t4.saturating_add(1) }
    }
}

/// Why stamps are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StampError {
    /// Further from the epoch of the run than any run lasts.
    #[error("stamp {0} ns is beyond ±2^61 ns")]
    OutOfRange(i64),
    /// A clock that went back, or stamps of two exchanges taken for one.
    #[error("stamp {later} ns was taken after stamp {earlier} ns of the same clock")]
    Backwards {
        /// The stamp that should be the smaller one.
        earlier: i64,
        /// The stamp that should be the larger one.
        later: i64,
    },
}

/// The stamp, if it is in range.
pub(super) fn in_range(stamp: i64) -> Result<i64, StampError> {
    if (-STAMP_MAX_NS..=STAMP_MAX_NS).contains(&stamp) { Ok(stamp) } else { Err(StampError::OutOfRange(stamp)) }
}

/// Nothing, if two stamps of one clock are in order, up to the rounding of [`Exchange::from_truncated`].
pub(super) fn in_order(earlier: i64, later: i64) -> Result<(), StampError> {
    if earlier <= later.saturating_add(1) { Ok(()) } else { Err(StampError::Backwards { earlier, later }) }
}
