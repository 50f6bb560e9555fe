//! What this host's clocks say of each other: it translates the kernel's stamps, which are CLOCK_REALTIME, and notices a wall
//! clock that is set and a host that sleeps.

use std::cmp::Ordering;

use nix::time::ClockId;

use crate::clock::ns;

/// CLOCK_REALTIME and CLOCK_MONOTONIC_RAW run apart by at most so much: the kernel slews by up to 500 ppm (adjtimex(2)), and the
/// rest is for its own rounding. Who slews faster, by moving the tick, is noticed as if the clock had been set.
const SLEW_PPM: i64 = 600;
/// Two readings of one moment differ by at most that much, on a machine that is busy.
const JITTER_NS: i64 = 200;
/// Both are slewed together, so nothing but sleep moves them apart.
const SLEEP_NS: i64 = 1_000;
/// A reading that was interrupted is taken again: what it is worth is how far its two ends are apart.
const NARROW_NS: i64 = 100;
const TRIES: u32 = 4;

/// All clocks at one moment, or nearly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// Slewed, and stands still while the host sleeps; before the next was read.
    pub monotonic_before_ns: i64,
    /// Slewed, and goes on.
    pub boottime_ns: i64,
    /// As the first, after that: whoever reads may be interrupted in between.
    pub monotonic_after_ns: i64,
    /// CLOCK_MONOTONIC_RAW, before the wall clock was read, and after the others were.
    pub raw_before_ns: i64,
    /// The wall clock.
    pub realtime_ns: i64,
    /// CLOCK_MONOTONIC_RAW, after the wall clock was read.
    pub raw_after_ns: i64,
}

impl Reading {
    /// Reads them.
    ///
    /// # Errors
    /// When the system lacks one of them.
    pub fn take() -> nix::Result<Self> {
        let mut narrowest = Self::once()?;
        for _ in 1..TRIES {
            if narrowest.width_ns() <= NARROW_NS {
                break;
            }
            let again = Self::once()?;
            if again.width_ns() < narrowest.width_ns() {
                narrowest = again;
            }
        }
        Ok(narrowest)
    }

    fn once() -> nix::Result<Self> {
        let monotonic_before_ns = ns(ClockId::CLOCK_MONOTONIC)?;
        let boottime_ns = ns(ClockId::CLOCK_BOOTTIME)?;
        let monotonic_after_ns = ns(ClockId::CLOCK_MONOTONIC)?;
        // Last, and nothing in between: how wide these are apart is what a translation is off by.
        let raw_before_ns = ns(ClockId::CLOCK_MONOTONIC_RAW)?;
        let realtime_ns = ns(ClockId::CLOCK_REALTIME)?;
        let raw_after_ns = ns(ClockId::CLOCK_MONOTONIC_RAW)?;
        Ok(Self { monotonic_before_ns, boottime_ns, monotonic_after_ns, raw_before_ns, realtime_ns, raw_after_ns })
    }

    /// How far its two ends are apart.
    pub fn width_ns(&self) -> i64 {
        self.raw_after_ns - self.raw_before_ns
    }

    /// When CLOCK_MONOTONIC_RAW was, at the earliest, when CLOCK_REALTIME was `realtime_ns`, if that has not been set meanwhile.
    pub fn raw_at_the_earliest(&self, realtime_ns: i64) -> i64 {
        let since = self.realtime_ns - realtime_ns;
        self.raw_before_ns - since - slew_ns(since)
    }

    /// Likewise at the latest.
    pub fn raw_at_the_latest(&self, realtime_ns: i64) -> i64 {
        let since = self.realtime_ns - realtime_ns;
        self.raw_after_ns - since + slew_ns(since)
    }

    /// What has happened to the clocks since an earlier reading.
    pub fn break_since(&self, earlier: &Self) -> Option<Break> {
        let elapsed = self.raw_after_ns - earlier.raw_before_ns;
        // At least: CLOCK_BOOTTIME was read somewhere between the two of CLOCK_MONOTONIC.
        let slept = (self.boottime_ns - self.monotonic_after_ns) - (earlier.boottime_ns - earlier.monotonic_before_ns);
        if slept > SLEEP_NS {
            return Some(Break {
                kind: BreakKind::Slept,
                by_ns: slept,
                from_ns: earlier.raw_before_ns,
                to_ns: self.raw_after_ns,
            });
        }
        let moved = self.realtime_ns - earlier.realtime_ns;
        // Each reading is somewhere between its two ends.
        let least = self.raw_before_ns - earlier.raw_after_ns;
        let allowed = slew_ns(elapsed) + JITTER_NS;
        let by_ns = match (moved.cmp(&(least - allowed)), moved.cmp(&(elapsed + allowed))) {
            (Ordering::Less, _) => moved - least,
            (_, Ordering::Greater) => moved - elapsed,
            _ => return None,
        };
        Some(Break { kind: BreakKind::Set, by_ns, from_ns: earlier.raw_before_ns, to_ns: self.raw_after_ns })
    }
}

/// How much the two clocks may have run apart in that time, rounded up.
fn slew_ns(elapsed_ns: i64) -> i64 {
    (elapsed_ns.abs() * SLEW_PPM).div_euclid(1_000_000) + 1
}

/// Something that has happened to a host's clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Break {
    /// What.
    pub kind: BreakKind,
    /// How far the wall clock was set forward, or how long the host slept.
    pub by_ns: i64,
    /// Not before then, by CLOCK_MONOTONIC_RAW.
    pub from_ns: i64,
    /// Not after then.
    pub to_ns: i64,
}

/// What can happen to a host's clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakKind {
    /// The wall clock was set. CLOCK_MONOTONIC_RAW goes on as before; what the kernel stamped meanwhile means nothing.
    Set,
    /// The host slept, and CLOCK_MONOTONIC_RAW stood still.
    Slept,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reading(raw: i64, width: i64, realtime: i64, slept: i64) -> Reading {
        Reading {
            raw_before_ns: raw,
            realtime_ns: realtime,
            monotonic_before_ns: raw,
            boottime_ns: raw + slept,
            monotonic_after_ns: raw,
            raw_after_ns: raw + width,
        }
    }

    #[test]
    fn the_clocks_of_this_host_have_not_been_set_just_now() {
        let first = Reading::take().expect("clocks");
        let second = Reading::take().expect("clocks");
        assert_eq!(second.break_since(&first), None, "{first:?} {second:?}");
        assert!(first.raw_at_the_earliest(second.realtime_ns) <= second.raw_after_ns);
        assert!(first.raw_at_the_latest(second.realtime_ns) >= second.raw_before_ns);
    }

    #[test]
    fn a_host_that_has_slept_is_said_to_have_slept() {
        let broken =
            reading(1_000_000, 50, 5_000_000_000, 4_000_000).break_since(&reading(0, 50, 0, 0)).expect("a break");
        assert_eq!((broken.kind, broken.by_ns), (BreakKind::Slept, 4_000_000));
        assert_eq!((broken.from_ns, broken.to_ns), (0, 1_000_050));
    }

    #[test]
    fn who_is_interrupted_between_two_clocks_has_not_slept() {
        let before = reading(0, 50, 0, 0);
        let late = 10_000_000;
        let smooth = reading(1_000_000_000, 50, 1_000_000_000, 0);
        // Between the first and the second, then between the second and the third.
        let interrupted = [
            Reading {
                boottime_ns: smooth.boottime_ns + late,
                monotonic_after_ns: smooth.monotonic_after_ns + late,
                ..smooth
            },
            Reading { monotonic_after_ns: smooth.monotonic_after_ns + late, ..smooth },
        ];
        for reading in interrupted {
            assert_eq!(reading.break_since(&before), None);
            assert_eq!(smooth.break_since(&reading), None);
        }
    }

    proptest! {
        /// A wall clock that runs at any rate the kernel gives it, read at any moment of a reading.
        #[test]
        fn a_slewed_clock_is_translated_to_where_the_truth_is(
            slew_ppm in -500_i64..=500, apart_ns in 0_i64..10_000_000_000, offset in -1_000_000_000_000_000_000_i64..1_000_000_000_000_000_000,
            width in 0_i64..10_000, within in 0_i64..10_000,
        ) {
            let realtime = |raw: i64| offset + raw + raw * slew_ppm / 1_000_000;
            let taken = 20_000_000_000_i64;
            let reading = reading(taken, width, realtime(taken + within.min(width)), 0);
            let stamped = taken - apart_ns;
            prop_assert!(reading.raw_at_the_earliest(realtime(stamped)) <= stamped);
            prop_assert!(reading.raw_at_the_latest(realtime(stamped)) >= stamped);
        }

        #[test]
        fn a_slewed_clock_was_not_set_and_one_that_was_set_is_said_to_have_been(
            slew_ppm in -500_i64..=500, apart_ns in 1_000_i64..10_000_000_000, width in 0_i64..1_000, within in 0_i64..1_000,
            set_ns in prop_oneof![-3_600_000_000_000_i64..-20_000_000, 20_000_000_i64..3_600_000_000_000],
        ) {
            let realtime = |raw: i64| raw + raw * slew_ppm / 1_000_000;
            let at = |raw: i64, set: i64| reading(raw, width, realtime(raw + within.min(width)) + set, 0);
            prop_assert_eq!(at(apart_ns + width, 0).break_since(&at(0, 0)), None);
            let broken = at(apart_ns + width, set_ns).break_since(&at(0, 0)).expect("a break");
            prop_assert_eq!(broken.kind, BreakKind::Set);
            prop_assert!((broken.by_ns - set_ns).abs() < 20_000_000, "{:?}", broken);
        }
    }
}
