//! How questions are answered, whatever way they come.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use rpycbench_probe::{Datagram, Stamp};
use rpycbench_proto::clock::Answer;

use super::Session;

/// Questions in a second that are answered; a controller asks a thousand times at most.
const RATE: u32 = 4_000;
const SECOND: Duration = Duration::from_secs(1);
/// Answers that wait to be told; more are lost.
const UNTOLD: usize = 2 * RATE as usize;

/// Questions of this second.
#[derive(Debug)]
pub(super) struct Answering {
    since: Instant,
    count: u32,
}

impl Default for Answering {
    fn default() -> Self {
        Self { since: Instant::now(), count: 0 }
    }
}

impl Answering {
    /// Whether another one is answered.
    pub(super) fn is_within_rate(&mut self) -> bool {
        if self.since.elapsed() > SECOND {
            *self = Self::default();
        }
        self.count += 1;
        self.count <= RATE
    }

    /// The answer to a question.
    pub(super) fn to(question: Datagram) -> Datagram {
        Datagram { answered: rand::random::<u64>() | 1, ..question }
    }
}

impl Session {
    /// Keeps what was answered, to be told.
    pub(super) fn note(&self, answer: Datagram, received: Stamp, sent: Stamp) {
        let [received, sent] = [received, sent].map(|stamp| if self.user_stamps { stamp.by_user() } else { stamp });
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        // Where the session does not keep up, this one is lost.
        if answers.len() < UNTOLD {
            answers.push(Answer {
                number: answer.number,
                asked: answer.asked,
                answered: answer.answered,
                received_ns: received.ns(),
                sent_ns: sent.ns(),
                received_by_kernel: received.kernel_ns.is_some(),
                sent_by_kernel: sent.kernel_ns.is_some(),
            });
        }
    }
}
