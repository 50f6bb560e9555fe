//! Delta coding of integer columns: neighbouring rows of a sample column are close, so their differences are short as
//! variable-length integers. Arithmetic wraps, so that every `i64` column survives the round trip.

/// The first value, then each value's difference from the one before it.
pub fn delta_encode(values: impl IntoIterator<Item = i64>) -> Vec<i64> {
    let mut before = 0i64;
    values
        .into_iter()
        .map(|value| {
            let delta = value.wrapping_sub(before);
            before = value;
            delta
        })
        .collect()
}

/// The column that [`delta_encode`] was given.
pub fn delta_decode(deltas: impl IntoIterator<Item = i64>) -> Vec<i64> {
    let mut value = 0i64;
    deltas
        .into_iter()
        .map(|delta| {
            value = value.wrapping_add(delta);
            value
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn decoding_gives_back_what_was_encoded(column: Vec<i64>) {
            prop_assert_eq!(delta_decode(delta_encode(column.iter().copied())), column);
        }
    }

    #[test]
    fn a_steady_column_becomes_small_numbers() {
        assert_eq!(delta_encode([1_000_000, 1_000_010, 1_000_020]), [1_000_000, 10, 10]);
    }
}
