//! A call's time apart: on its way out, in the server, in between, on its way back.
//!
//! The time in the server is the difference of two readings of one clock, and all that is neither the rest of the difference of
//! two of the other. Neither depends on how the clocks are set against each other: both are exact but for the server's clock rate,
//! of which the bounds make a difference of 30 ns in a millisecond at the default wander. **Only how the rest divides is
//! uncertain**, as the clocks of the two hosts are; on one host, it is exact as well. Of a call with one request, the rest is out
//! and back, whose errors are one: what out is too long, back is too short. The two are no independent measurements.
//!
//! A call that asks the server more than once also has a time **in between**, from an answer that is not the last to the next
//! request, which has a way back, the client's own work and a way out in it.

use super::interval::{Interval, ceil_div, floor_div};
use super::mapping::Mapping;
use super::part::Part;
use super::rate::BILLION;

/// The stamps of a call under the latch rule of [`Exchange`](super::Exchange): its own by the clock of the host that drives, those
/// of the server by that of the host that serves, ns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// Just before it.
    pub start: i64,
    /// Just after it.
    pub end: i64,
    /// The server had the first request.
    pub received: i64,
    /// The server had answered the last request.
    pub answered: i64,
    /// From request to answer, of all requests together.
    pub server: i64,
    /// Whether there was one request.
    pub once: bool,
}

/// A call's time apart, ns of the host that drives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Apart {
    /// From the start to the first request's arrival.
    pub out: Part,
    /// In the server.
    pub server: Part,
    /// Neither: between two requests; none of it where there was one.
    pub between: Part,
    /// From the last answer's departure to the end.
    pub back: Part,
}

impl Call {
    /// Where both hosts are one; none where the stamps are in no possible order.
    pub fn of_one_host(self) -> Option<Apart> {
        let [out, back] = [self.received - self.start, self.end - self.answered];
        let between = self.end - self.start - self.server - out - back;
        let exactly = |ns: i64| (ns >= 0).then_some(Part { low: ns, mid: Some(ns), high: ns });
        Some(Apart {
            out: exactly(out)?,
            server: exactly(self.server)?,
            between: exactly(between)?,
            back: exactly(back)?,
        })
    }

    /// By a mapping from the clock of the host that serves to that of the host that drives; none where the two clocks say
    /// nothing about each other then, or the stamps contradict causality.
    pub fn apart(self, mapping: &Mapping) -> Option<Apart> {
        let (arrival, departure) = (mapping.convert(self.received), mapping.convert(self.answered));
        let epoch = arrival.epoch.filter(|_| arrival.epoch == departure.epoch)?;
        let rates = mapping.epochs().get(usize::try_from(epoch).ok()?)?.rates();
        let whole = self.end.checked_sub(self.start).filter(|&whole| whole >= 0 && self.server >= 0)?;
        let [least, greatest] = rates.gain(self.server.unsigned_abs());
        let server = i128::from(self.server);
        let server =
            Interval::outward(Some(server + floor_div(least, BILLION)), Some(server + ceil_div(greatest, BILLION)));
        let server = part(server, server.mid(), Interval::new(0, whole))?;
        let network = Interval::new(whole - server.high, whole - server.low);
        let room = Interval::new(0, network.high?);
        let out = part(arrival.interval.plus(-self.start), arrival.mid.map(|mid| mid - self.start), room)?;
        let until = |at: i64| self.end - at;
        let back = Interval { low: departure.interval.high.map(until), high: departure.interval.low.map(until) };
        let back = part(back, departure.mid.map(until), room)?;
        let rest = |other: Part| {
            Interval::new(network.low.unwrap_or(0) - other.high, network.high.unwrap_or(whole) - other.low)
        };
        if self.once {
            // What one takes at least, the other cannot; and the other way round.
            let tight_out = part(Interval::new(out.low, out.high), out.mid, rest(back))?;
            let tight_back = part(Interval::new(back.low, back.high), back.mid, rest(tight_out))?;
            let nothing = Part { low: 0, mid: Some(0), high: 0 };
            return Some(Apart { out: tight_out, server, between: nothing, back: tight_back });
        }
        let between = Interval::new(rest(back).low? - out.high, rest(back).high? - out.low);
        let middle = || Some(whole - server.mid? - out.mid? - back.mid?);
        Some(Apart { out, server, between: part(between, middle(), room)?, back })
    }
}

/// What remains of an interval where causality is kept; the estimate stays what it is.
fn part(interval: Interval, mid: Option<i64>, causal: Interval) -> Option<Part> {
    let Interval { low, high } = interval.intersection(causal);
    let (low, high) = (low?, high?);
    (low <= high).then_some(Part { low, mid, high })
}
