//! A request's time apart: on its way out, in the server, on its way back.
//!
//! The time in the server is the difference of two readings of one clock, and the time on the network the rest of
//! the difference of two of the other. Neither depends on how the clocks are set against each other: both are
//! exact but for the server's clock rate, of which the bounds make a difference of 30 ns in a millisecond at the
//! default wander. **Only how the time on the network splits into out and back is uncertain**, and there the two
//! errors are one: what out is too long, back is too short. The two are no independent measurements.

use super::interval::{Interval, ceil_div, floor_div};
use super::mapping::{Converted, Mapping, Quality};
use super::rate::{BILLION, RateBounds};

/// The stamps of a request, under the latch rule of [`Exchange`](super::Exchange): a client beside the controller
/// sends and receives by C, the server receives and sends by A. ns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Request {
    /// Sent, by C.
    pub t1: i64,
    /// Received by the server, by A.
    pub s1: i64,
    /// Answered, by A.
    pub s2: i64,
    /// The answer received, by C.
    pub t4: i64,
}

/// A part of a request's time, ns of C.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// No less than this. No part takes less than 0, nor more than the others leave of the whole.
    pub low: i64,
    /// The estimate: midway in the bounds of the clock, whatever that gives. A negative one is negative here.
    /// None where the bounds of the clock are open.
    pub mid: Option<i64>,
    /// No more than this.
    pub high: i64,
}

impl Part {
    /// See [`is_resolved`]; a part without an estimate is not.
    pub fn is_resolved(self) -> bool {
        self.mid.is_some_and(|mid| is_resolved(Interval::new(self.low, self.high), mid))
    }
}

/// A request's time apart. The [module](self) says which of it is exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    /// From the client to the server.
    pub out: Part,
    /// From the request's arrival to the answer's departure.
    pub server: Part,
    /// From the server to the client.
    pub back: Part,
    /// Out and back together.
    pub network: Part,
    /// What out and back rest on: the worse of the two stamps of A. Where it is [`Quality::Broken`], on causality
    /// alone.
    pub quality: Quality,
}

/// Why a request's time cannot be taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// A clock that went back, or stamps of two requests taken for one.
    #[error("a request took {0} ns by one of its clocks")]
    Backwards(i64),
    /// By the bounds of the clock, a part took less than 0 or more than the whole: stamps or assumptions are wrong.
    #[error("{part} took {low} to {high} ns by the bounds of the clock, which cannot be")]
    Acausal {
        /// Which part.
        part: &'static str,
        /// No less than this, by all that is known.
        low: i64,
        /// No more than this, by all that is known.
        high: i64,
    },
}

impl Mapping {
    /// Takes a request's time apart. Where the clock has no bound, what is certain is that no part takes less than
    /// 0 or more than the whole; and in a break between its two stamps, not even the server's time is known.
    ///
    /// # Errors
    ///
    /// The stamps contradict causality.
    pub fn split(&self, request: Request) -> Result<Split, SplitError> {
        let (arrival, departure) = (self.convert(request.s1), self.convert(request.s2));
        let epoch = arrival.epoch.filter(|_| arrival.epoch == departure.epoch);
        let epoch = epoch.and_then(|epoch| self.epochs().get(usize::try_from(epoch).ok()?));
        Split::new(request, arrival, departure, epoch.map(super::Epoch::rates))
    }
}

impl Split {
    /// From the request and what its two stamps of A are in C; `rates` of A between them, none if it may have
    /// stepped there.
    fn new(
        request: Request,
        arrival: Converted,
        departure: Converted,
        rates: Option<RateBounds>,
    ) -> Result<Self, SplitError> {
        let Request { t1, s1, s2, t4 } = request;
        let whole = elapsed(t1, t4)?;
        let residence = elapsed(s1, s2)?;
        let server = rates.map_or(Clocked::UNKNOWN, |rates| Clocked::residence(residence, rates));
        let server = server.within("the server", Interval::new(0, whole))?;
        let network = Clocked {
            interval: Interval::new(whole - server.high, whole - server.low),
            mid: server.mid.map(|mid| whole - mid),
        };
        let network = network.within("the network", Interval::new(0, whole))?;
        let room = Interval::new(0, network.high);
        let out = Clocked::since(arrival, t1).within("the way out", room)?;
        let back = Clocked::until(departure, t4).within("the way back", room)?;
        // What one takes at least, the other cannot; and the other way round.
        let rest = |other: Part| Interval::new(network.low - other.high, network.high - other.low);
        Ok(Self {
            out: Clocked::from(out).within("the way out", rest(back))?,
            server,
            back: Clocked::from(back).within("the way back", rest(out))?,
            network,
            quality: arrival.quality.max(departure.quality),
        })
    }
}

/// Whether a figure is larger than its error may be: none of it is resolved that could as well be 0, nor what is
/// known from one side only. With the midpoint in the middle of the interval: whether half its width is less.
pub fn is_resolved(interval: Interval, midpoint: i64) -> bool {
    let error = interval.low.zip(interval.high).map(|(low, high)| {
        let (low, midpoint, high) = (i128::from(low), i128::from(midpoint), i128::from(high));
        (midpoint - low).max(high - midpoint)
    });
    error.is_some_and(|error| error < i128::from(midpoint))
}

/// What the clocks alone say of a part.
#[derive(Debug, Clone, Copy)]
struct Clocked {
    interval: Interval,
    mid: Option<i64>,
}

impl Clocked {
    const UNKNOWN: Self = Self { interval: Interval::UNKNOWN, mid: None };

    /// The time of C while A ran for `ns`.
    fn residence(ns: i64, rates: RateBounds) -> Self {
        let [least, greatest] = rates.gain(ns.unsigned_abs());
        let ns = i128::from(ns);
        let interval = Interval::outward(Some(ns + floor_div(least, BILLION)), Some(ns + ceil_div(greatest, BILLION)));
        Self { interval, mid: interval.mid() }
    }

    fn since(converted: Converted, t1: i64) -> Self {
        Self {
            interval: converted.interval.plus(t1.saturating_neg()),
            mid: converted.mid.and_then(|mid| mid.checked_sub(t1)),
        }
    }

    fn until(converted: Converted, t4: i64) -> Self {
        let Interval { low, high } = converted.interval;
        let to_end = |end: i64| i128::from(t4) - i128::from(end);
        Self {
            interval: Interval::outward(high.map(to_end), low.map(to_end)),
            mid: converted.mid.and_then(|mid| t4.checked_sub(mid)),
        }
    }

    /// What remains of the interval where causality is kept; the estimate stays what it is.
    fn within(self, part: &'static str, causal: Interval) -> Result<Part, SplitError> {
        let interval = self.interval.intersection(causal);
        let (low, high) = (interval.low.unwrap_or(i64::MIN), interval.high.unwrap_or(i64::MAX));
        if low > high { Err(SplitError::Acausal { part, low, high }) } else { Ok(Part { low, mid: self.mid, high }) }
    }
}

impl From<Part> for Clocked {
    fn from(part: Part) -> Self {
        Self { interval: Interval::new(part.low, part.high), mid: part.mid }
    }
}

fn elapsed(from: i64, to: i64) -> Result<i64, SplitError> {
    let elapsed = to.saturating_sub(from);
    if elapsed < 0 { Err(SplitError::Backwards(elapsed)) } else { Ok(elapsed) }
}
