//! A running view of durations while a cell is measured: small, mergeable, approximate.
//!
//! For progress only. What is reported is computed from the exact samples, see
//! [`statistics`](crate::statistics).

use hdrhistogram::Histogram;
use hdrhistogram::serialization::{DeserializeError, Deserializer, Serializer, V2SerializeError, V2Serializer};

/// Counts of durations in an HdrHistogram (Tene; <https://hdrhistogram.org>): 1 ns to 1 h with 3 significant
/// digits, so a value is off by less than 0.1 %. What lies outside is counted too.
///
/// Merging is commutative and associative, with the empty one as identity. An empty one holds no memory;
/// it grows with its longest duration, to a quarter of a MiB.
#[derive(Debug, Clone, Default)]
pub struct RunningHistogram {
    /// Made by the first duration in range.
    in_range: Option<Histogram<u64>>,
    below: u64,
    above: u64,
    largest: i64,
}

/// A [`RunningHistogram`] as it travels.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistogramParts {
    /// Durations in range, in HdrHistogram's V2 encoding, not compressed; empty if there are none.
    pub v2: Vec<u8>,
    /// Durations of 0 and less.
    pub below: u64,
    /// Durations over 1 h.
    pub above: u64,
    /// The longest of those over 1 h, ns; 0 if there are none.
    pub largest: i64,
}

/// Why a histogram could not be turned into parts, or parts into a histogram.
#[derive(Debug, thiserror::Error)]
pub enum HistogramError {
    /// A count does not fit the encoding.
    #[error("encode a histogram: {0}")]
    Encode(#[from] V2SerializeError),
    /// The bytes are no histogram.
    #[error("decode a histogram: {0}")]
    Decode(#[from] DeserializeError),
    /// The bytes are not a histogram such as [`RunningHistogram`] writes.
    #[error("accept a histogram: {0}")]
    Foreign(&'static str),
}

impl RunningHistogram {
    /// The longest duration in range: 1 h, ns.
    pub const MAX_NS: i64 = 3_600_000_000_000;

    const SIGNIFICANT_DIGITS: u8 = 3;

    /// An empty histogram.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts one duration, ns.
    pub fn record(&mut self, ns: i64) {
        match u64::try_from(ns) {
            Err(_) | Ok(0) => self.below = self.below.saturating_add(1),
            Ok(_) if ns > Self::MAX_NS => self.add_above(1, ns),
            Ok(in_range) => self.add_in_range(in_range, 1),
        }
    }

    /// Counts everything `other` has counted.
    pub fn merge(&mut self, other: &Self) {
        self.below = self.below.saturating_add(other.below);
        self.add_above(other.above, other.largest);
        for (ns, count) in other.recorded() {
            self.add_in_range(ns, count);
        }
    }

    /// Durations counted, those out of range too.
    pub fn count(&self) -> u64 {
        let in_range = self.in_range.as_ref().map_or(0, Histogram::len);
        in_range.saturating_add(self.below).saturating_add(self.above)
    }

    /// Durations of 0 and less.
    pub fn below(&self) -> u64 {
        self.below
    }

    /// Durations over 1 h.
    pub fn above(&self) -> u64 {
        self.above
    }

    /// The longest of the durations over 1 h, ns.
    pub fn largest_ns(&self) -> Option<i64> {
        (self.above > 0).then_some(self.largest)
    }

    /// A duration that the share `q` of all counted does not exceed, ns: the upper end of the bucket in
    /// which the ⌈q · count⌉th lies. 0 if that is below the range, the largest counted if it is above.
    /// None if nothing is counted, or if `q` is not in 0..=1.
    pub fn quantile_ns(&self, q: f64) -> Option<u64> {
        if self.count() == 0 || !(0.0..=1.0).contains(&q) {
            return None;
        }
        let rank = ((q * self.count() as f64).ceil() as u64).max(1);
        let mut passed = self.below;
        if passed >= rank {
            return Some(0);
        }
        for (ns, count) in self.recorded() {
            passed = passed.saturating_add(count);
            if passed >= rank {
                return Some(ns);
            }
        }
        if self.above > 0 { u64::try_from(self.largest).ok() } else { self.recorded().last().map(|(ns, _)| ns) }
    }

    /// What travels. Fails only if one bucket has counted more than `i64::MAX`.
    pub fn parts(&self) -> Result<HistogramParts, HistogramError> {
        let mut v2 = Vec::new();
        if let Some(in_range) = &self.in_range {
            V2Serializer::new().serialize(in_range, &mut v2)?;
        }
        Ok(HistogramParts { v2, below: self.below, above: self.above, largest: self.largest })
    }

    /// From what has travelled. The parts may come from anyone: whatever `parts` would not have written is
    /// an error, and takes no more memory than a full histogram.
    pub fn from_parts(parts: &HistogramParts) -> Result<Self, HistogramError> {
        let largest_fits = if parts.above > 0 { parts.largest > Self::MAX_NS } else { parts.largest == 0 };
        if !largest_fits {
            return Err(HistogramError::Foreign("its largest value contradicts its count above the range"));
        }
        let in_range = if parts.v2.is_empty() { None } else { Some(decode(&parts.v2)?) };
        Ok(Self { in_range, below: parts.below, above: parts.above, largest: parts.largest })
    }

    fn add_in_range(&mut self, ns: u64, count: u64) {
        if self.in_range.is_none() {
            self.in_range = Histogram::new(Self::SIGNIFICANT_DIGITS).ok();
        }
        let added = self.in_range.as_mut().is_some_and(|in_range| in_range.record_n(ns, count).is_ok());
        if !added {
            // Only where a full histogram does not fit the address space; counted all the same.
            self.add_above(count, i64::try_from(ns).unwrap_or(i64::MAX));
        }
    }

    fn add_above(&mut self, count: u64, largest: i64) {
        self.above = self.above.saturating_add(count);
        self.largest = self.largest.max(largest);
    }

    /// Upper end (ns) and count of every bucket that has any, ascending.
    fn recorded(&self) -> impl Iterator<Item = (u64, u64)> {
        let buckets = self.in_range.iter().flat_map(Histogram::iter_recorded);
        buckets.map(|bucket| (bucket.value_iterated_to(), bucket.count_at_value()))
    }
}

/// Equal counts in equal buckets, however far the buckets reach.
impl PartialEq for RunningHistogram {
    fn eq(&self, other: &Self) -> bool {
        (self.below, self.above, self.largest) == (other.below, other.above, other.largest)
            && self.recorded().eq(other.recorded())
    }
}

impl Eq for RunningHistogram {}

/// Checks the header first: the decoder would allocate whatever it announces.
fn decode(v2: &[u8]) -> Result<Histogram<u64>, HistogramError> {
    let foreign = HistogramError::Foreign;
    let header = Header::of(v2).ok_or(foreign("its header is cut off"))?;
    if header.cookie != V2_COOKIE {
        return Err(foreign("it is not in V2 encoding"));
    }
    if header.payload_len as usize != v2.len() - HEADER_LEN {
        return Err(foreign("its length is not the one it announces"));
    }
    let digits = u32::from(RunningHistogram::SIGNIFICANT_DIGITS);
    if header.digits != digits || header.lowest != 1 || header.highest > HIGHEST_TRACKABLE {
        return Err(foreign("its buckets are not those of 1 ns to 1 h with 3 significant digits"));
    }
    if v2.windows(TOO_MANY_ZEROS.len()).any(|run| run == TOO_MANY_ZEROS) {
        return Err(foreign("it skips more buckets than there are"));
    }
    let mut histogram: Histogram<u64> = Deserializer::new().deserialize(&mut &v2[..])?;
    let longest = histogram.highest_equivalent(RunningHistogram::MAX_NS as u64);
    if histogram.count_at(0) > 0 || histogram.max() > longest {
        return Err(foreign("it counts a value out of range"));
    }
    if histogram.len() > MAX_DECODED_COUNT {
        return Err(foreign("it counts more than anyone can have counted"));
    }
    histogram.auto(true);
    Ok(histogram)
}

/// Start of the V2 encoding: cookie, payload length, normalizing offset, digits (4 bytes each), lowest,
/// highest, conversion ratio (8 bytes each), big-endian.
struct Header {
    cookie: u32,
    payload_len: u32,
    digits: u32,
    lowest: u64,
    highest: u64,
}

impl Header {
    fn of(v2: &[u8]) -> Option<Self> {
        let (header, _) = v2.split_first_chunk::<HEADER_LEN>()?;
        let four = |at: usize| Some(u32::from_be_bytes(header.get(at..at + 4)?.try_into().ok()?));
        let eight = |at: usize| Some(u64::from_be_bytes(header.get(at..at + 8)?.try_into().ok()?));
        Some(Self {
            cookie: four(0)?,
            payload_len: four(4)?,
            digits: four(12)?,
            lowest: eight(16)?,
            highest: eight(24)?,
        })
    }
}

const HEADER_LEN: usize = 40;
const V2_COOKIE: u32 = 0x1c84_9313;
/// Upper end of the buckets that a histogram with 1 h in it grows to: the next power of two.
const HIGHEST_TRACKABLE: u64 = (1 << 42) - 1;
/// A run of `i64::MIN` zeros, which hdrhistogram 7.6 negates unchecked. Nine such bytes in a row occur in
/// no other number below 2⁶².
const TOO_MANY_ZEROS: [u8; 9] = [0xff; 9];
/// A century at three million a second, and no sum of some thousands of such overflows.
const MAX_DECODED_COUNT: u64 = 1 << 53;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MAX: i64 = RunningHistogram::MAX_NS;

    fn of(durations_ns: &[i64]) -> RunningHistogram {
        let mut histogram = RunningHistogram::new();
        durations_ns.iter().for_each(|&ns| histogram.record(ns));
        histogram
    }

    fn merged(one: &RunningHistogram, other: &RunningHistogram) -> RunningHistogram {
        let mut sum = one.clone();
        sum.merge(other);
        sum
    }

    fn there_and_back(histogram: &RunningHistogram) -> Result<RunningHistogram, HistogramError> {
        RunningHistogram::from_parts(&histogram.parts()?)
    }

    /// What another program might send: the same layout, without our range.
    fn raw(ns: u64, count: u64) -> Result<Vec<u8>, HistogramError> {
        let foreign = HistogramError::Foreign("its making failed");
        let Ok(mut histogram) = Histogram::<u64>::new(3) else { return Err(foreign) };
        if histogram.record_n(ns, count).is_err() {
            return Err(foreign);
        }
        let mut v2 = Vec::new();
        V2Serializer::new().serialize(&histogram, &mut v2)?;
        Ok(v2)
    }

    /// Every magnitude in range, both its ends, and what lies beyond them.
    fn durations() -> impl Strategy<Value = Vec<i64>> {
        let in_range = (0_u32..42).prop_flat_map(|bits| 1_i64 << bits..=((2_i64 << bits) - 1).min(MAX));
        let duration = prop_oneof![8 => in_range, 1 => -5_i64..5, 1 => MAX - 5..=MAX + 5, 1 => any::<i64>()];
        prop::collection::vec(duration, 0..50)
    }

    proptest! {
        #[test]
        fn merging_parts_gives_the_whole(one in durations(), other in durations()) {
            let whole = of(&[one.clone(), other.clone()].concat());
            prop_assert_eq!(merged(&of(&one), &of(&other)), whole);
        }

        #[test]
        fn merging_is_commutative_and_associative(
            one in durations(), two in durations(), three in durations(),
        ) {
            let (one, two, three) = (of(&one), of(&two), of(&three));
            prop_assert_eq!(merged(&one, &two), merged(&two, &one));
            prop_assert_eq!(merged(&merged(&one, &two), &three), merged(&one, &merged(&two, &three)));
        }

        #[test]
        fn the_empty_one_is_the_identity(durations in durations()) {
            let histogram = of(&durations);
            prop_assert_eq!(&merged(&histogram, &RunningHistogram::new()), &histogram);
            prop_assert_eq!(&merged(&RunningHistogram::new(), &histogram), &histogram);
        }

        #[test]
        fn travelling_changes_nothing(durations in durations(), more in durations()) {
            let histogram = of(&durations);
            let mut arrived = there_and_back(&histogram).map_err(|e| TestCaseError::fail(e.to_string()))?;
            prop_assert_eq!(&arrived, &histogram);
            more.iter().for_each(|&ns| arrived.record(ns));
            prop_assert_eq!(arrived, of(&[durations, more].concat()));
        }

        #[test]
        fn nothing_is_dropped(durations in durations()) {
            let histogram = of(&durations);
            prop_assert_eq!(histogram.count(), durations.len() as u64);
            prop_assert_eq!(histogram.below(), durations.iter().filter(|&&ns| ns < 1).count() as u64);
            prop_assert_eq!(histogram.above(), durations.iter().filter(|&&ns| ns > MAX).count() as u64);
            prop_assert_eq!(
                histogram.largest_ns(),
                durations.iter().copied().filter(|&ns| ns > MAX).max()
            );
        }

        #[test]
        fn a_quantile_is_within_a_thousandth_of_the_exact_one(durations in durations(), q in 0.0_f64..=1.0) {
            let mut sorted = durations.clone();
            sorted.sort_unstable();
            let rank = ((q * sorted.len() as f64).ceil() as usize).max(1);
            let exact = sorted.get(rank - 1).map(|&exact| match exact {
                ..1 => 0.0,
                1..=MAX => exact as f64,
                _ => sorted.last().copied().unwrap_or_default() as f64,
            });
            let found = of(&durations).quantile_ns(q).map(|ns| ns as f64);
            let (Some(exact), Some(found)) = (exact, found) else {
                prop_assert_eq!(exact, found);
                return Ok(());
            };
            prop_assert!(found >= exact && found <= exact * 1.001, "exact {}, found {}", exact, found);
        }

        #[test]
        fn no_bytes_make_it_panic(
            valid in durations(),
            at in any::<prop::sample::Index>(),
            instead in prop::collection::vec(prop_oneof![Just(0xff_u8), any::<u8>()], 1..12),
        ) {
            let mut parts = of(&valid).parts().map_err(|e| TestCaseError::fail(e.to_string()))?;
            if !parts.v2.is_empty() {
                let at = at.index(parts.v2.len());
                parts.v2.iter_mut().skip(at).zip(instead).for_each(|(byte, new)| *byte = new);
            }
            if let Ok(histogram) = RunningHistogram::from_parts(&parts) {
                let _ = merged(&histogram, &histogram).quantile_ns(0.5);
            }
        }
    }

    #[test]
    fn a_known_list_has_known_quantiles() {
        let histogram = of(&(1..=1000).collect::<Vec<_>>());
        for (q, expected) in [(0.0, 1), (0.5, 500), (0.99, 990), (0.999, 999), (1.0, 1000)] {
            assert_eq!(histogram.quantile_ns(q), Some(expected), "q = {q}");
        }
        assert_eq!(histogram.quantile_ns(1.5), None);
        assert_eq!(RunningHistogram::new().quantile_ns(0.5), None);
    }

    #[test]
    fn histograms_that_counted_different_things_differ() {
        let different: [&[i64]; 7] = [&[], &[0], &[0, 0], &[1], &[1, 1], &[MAX + 1], &[MAX + 2]];
        for (place, one) in different.iter().enumerate() {
            for (other_place, other) in different.iter().enumerate() {
                assert_eq!(of(one) == of(other), place == other_place, "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn what_this_histogram_would_not_have_written_is_refused() -> Result<(), HistogramError> {
        let good = of(&[1, 1_000, MAX]).parts()?;
        assert!(RunningHistogram::from_parts(&good).is_ok());

        let with_byte = |at: usize, byte: u8| {
            let mut parts = good.clone();
            parts.v2[at] = byte;
            parts
        };
        let with_v2 = |v2: Vec<u8>| HistogramParts { v2, ..good.clone() };
        let endless_zeros = {
            let mut v2 = good.v2[..HEADER_LEN].to_vec();
            v2[7] = 9;
            v2[4..7].fill(0);
            v2.extend([0xff; 9]);
            v2
        };
        let refused = [
            ("compressed", with_byte(3, 0x14)),
            ("payload length", with_byte(4, 0xff)),
            ("digits", with_byte(15, 5)),
            ("lowest", with_byte(23, 2)),
            ("highest", with_byte(24, 0x7f)),
            ("cut in the header", with_v2(good.v2[..20].to_vec())),
            ("cut in the payload", with_v2(good.v2[..good.v2.len() - 1].to_vec())),
            ("too long", with_v2([&good.v2[..], &[0]].concat())),
            ("a zero", with_v2(raw(0, 1)?)),
            ("more than 1 h", with_v2(raw(MAX as u64 * 11 / 10, 1)?)),
            ("more than anyone counts", with_v2(raw(5, 1 << 54)?)),
            ("endless zeros", with_v2(endless_zeros)),
            ("largest without above", HistogramParts { largest: MAX + 1, ..good.clone() }),
            ("above without largest", HistogramParts { above: 1, ..good.clone() }),
            ("largest in range", HistogramParts { above: 1, largest: MAX, ..good.clone() }),
        ];
        for (what, parts) in refused {
            assert!(RunningHistogram::from_parts(&parts).is_err(), "{what}");
        }
        Ok(())
    }
}
