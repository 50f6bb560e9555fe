//! What is sent: 64 bytes either way, so that an answer is no longer than what it answers.
//!
//! ```text
//! session (16 bytes) | number (u64) | asked (u64) | answered (u64) | zeros      integers little-endian
//! ```
//!
//! Where none passes they go over a TCP connection to the agent's own port, one after the other: a session begins with a zero, and
//! TLS, which all other connections there speak, with something else.
//!
//! The session is a nonce that both sides have from a channel that nobody else can read; datagrams without it are not answered.
//! `asked` and `answered` are made up for every datagram by who sends it. They are compared over that channel afterwards: so an
//! exchange only counts where the one side has received what the other had sent, and not what somebody in between has made of
//! it before its time. Whoever holds a datagram up makes the exchange looser, never wrong.

/// How long each is.
pub const BYTES: usize = 64;
const USED: usize = 40;

/// What every session begins with.
pub const FIRST_BYTE: u8 = 0;

/// A question, or, with `answered`, its answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Datagram {
    /// Known to both sides and nobody else.
    pub session: [u8; 16],
    /// 1, 2, 3 … within the session.
    pub number: u64,
    /// Made up by who asks.
    pub asked: u64,
    /// Made up by who answers; 0 in a question.
    pub answered: u64,
}

impl Datagram {
    /// As it is sent.
    pub fn to_bytes(&self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[..16].copy_from_slice(&self.session);
        for (place, value) in [(16, self.number), (24, self.asked), (32, self.answered)] {
            bytes[place..place + 8].copy_from_slice(&value.to_le_bytes());
        }
        bytes
    }

    /// What was received; `None` where it is nothing of the kind.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; BYTES] = bytes.try_into().ok()?;
        let (used, rest) = bytes.split_at(USED);
        let (session, numbers) = used.split_first_chunk()?;
        let (numbers, _) = numbers.as_chunks::<8>();
        let &[number, asked, answered] = numbers else { return None };
        let is_zero = rest.iter().all(|&byte| byte == 0);
        is_zero.then(|| Self {
            session: *session,
            number: u64::from_le_bytes(number),
            asked: u64::from_le_bytes(asked),
            answered: u64::from_le_bytes(answered),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_datagram_is_read_as_it_was_written(session: [u8; 16], number: u64, asked: u64, answered: u64) {
            let datagram = Datagram { session, number, asked, answered };
            prop_assert_eq!(Datagram::parse(&datagram.to_bytes()), Some(datagram));
        }

        #[test]
        fn bytes_are_a_datagram_that_is_written_like_them_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Some(datagram) = Datagram::parse(&bytes) {
                prop_assert_eq!(datagram.to_bytes().to_vec(), bytes);
            }
        }
    }
}
