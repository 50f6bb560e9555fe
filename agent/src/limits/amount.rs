//! Amounts with units, as they are written.

use std::time::Duration;

use jiff::SignedDuration;

/// How much is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount<T> {
    /// This much, and no more.
    AtMost(T),
    /// Anything, and somebody has said so.
    Unlimited,
}

impl<T: PartialOrd + Copy> Amount<T> {
    /// Whether that much is allowed.
    pub fn allows(self, asked: T) -> bool {
        self.at_most().is_none_or(|most| asked <= most)
    }
}

impl<T> Amount<T> {
    /// The most there may be; `None`: any.
    pub fn at_most(self) -> Option<T> {
        match self {
            Self::AtMost(most) => Some(most),
            Self::Unlimited => None,
        }
    }
}

/// So many in that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: u64,
    /// In this time.
    pub per: Duration,
}

/// `500/s`, `30/m`, `1000/h`.
pub(super) fn rate(text: &str) -> Option<Rate> {
    let (count, unit) = text.split_once('/')?;
    let seconds = match unit.trim() {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    let count = digits(count.trim())?;
    (count > 0).then_some(Rate { count, per: Duration::from_secs(seconds) })
}

/// `64MiB`, `2 GB`: a whole number of bytes.
pub(super) fn size(text: &str) -> Option<u64> {
    let unit_at = text.find(|char: char| !char.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit_at);
    let factor = match unit.trim() {
        "B" => 1,
        "kB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    digits(number)?.checked_mul(factor).filter(|&bytes| bytes > 0)
}

/// `30m`, `1h 30m`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let duration: SignedDuration = text.parse().ok()?;
    Duration::try_from(duration).ok().filter(|duration| !duration.is_zero())
}

/// Nothing but digits: `u64::from_str` takes a sign as well.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read_and_everything_else_is_not() {
        assert_eq!(size("2GiB"), Some(2 << 30));
        assert_eq!(size("1 MB"), Some(1_000_000));
        assert_eq!(duration("1h 30m"), Some(Duration::from_secs(5400)));
        assert_eq!(rate("500/s"), Some(Rate { count: 500, per: Duration::from_secs(1) }));
        for wrong in
            ["", "0", "0B", "-1MiB", "+1MiB", "1", "1.5GiB", "NaN", "GiB", "1gib", "18446744073709551615GiB", "１MiB"]
        {
            assert_eq!(size(wrong), None, "{wrong}");
        }
        for wrong in ["", "0s", "-1h", "1", "forever", "NaN"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
        for wrong in ["", "0/s", "-1/s", "1/d", "500", "/s", "1.5/s", "99999999999999999999/s"] {
            assert_eq!(rate(wrong), None, "{wrong}");
        }
    }
}
