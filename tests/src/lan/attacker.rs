//! Somebody on the way between two hosts, who sees every packet and sends datagrams of their own.

use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use super::line::{UDP, protocol};

/// Datagrams that are kept to be sent again.
const KEPT: usize = 1000;
/// Bytes of a UDP header, and where its checksum is.
const UDP_HEADER: usize = 8;
const UDP_CHECKSUM: usize = 6;

/// What is done to datagrams besides letting them pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attack {
    /// Before each comes another from the same address, with eight other bytes from that one on.
    Forge {
        /// In what the datagram carries.
        at_byte: usize,
    },
    /// Each comes twice, and after it one that has passed before.
    Replay,
}

/// What somebody knows who sees all.
#[derive(Debug, Default)]
pub(super) struct Attacker {
    seen: Vec<Vec<u8>>,
}

impl Attacker {
    /// What comes before a packet, of theirs.
    pub(super) fn before(attack: Option<Attack>, packet: &[u8], dice: &mut ChaCha8Rng) -> Option<Vec<u8>> {
        let Some(Attack::Forge { at_byte }) = attack else { return None };
        let header = datagram(packet)?;
        let mut forged = packet.to_vec();
        // None: a receiver takes what has no checksum.
        forged.get_mut(header + UDP_CHECKSUM..header + UDP_HEADER)?.fill(0);
        let begin = header + UDP_HEADER + at_byte;
        forged.get_mut(begin..begin + 8)?.copy_from_slice(&dice.random::<[u8; 8]>());
        Some(forged)
    }

    /// What comes after it.
    pub(super) fn after(&mut self, attack: Option<Attack>, packet: &[u8], dice: &mut ChaCha8Rng) -> Vec<Vec<u8>> {
        if attack != Some(Attack::Replay) || datagram(packet).is_none() {
            return Vec::new();
        }
        if self.seen.len() < KEPT {
            self.seen.push(packet.to_vec());
        }
        let earlier = self.seen[dice.random_range(0..self.seen.len())].clone();
        vec![packet.to_vec(), earlier]
    }
}

/// Where the UDP header of a packet is, if it has one.
fn datagram(packet: &[u8]) -> Option<usize> {
    (protocol(packet) == UDP).then(|| usize::from(packet.first().copied().unwrap_or_default() & 0x0f) * 4)
}
