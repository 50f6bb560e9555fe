//! Answers datagrams, on a thread of its own: it waits for nothing but them, and what the agent's runtime does meanwhile
//! delays none.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use rpycbench_probe::datagram::BYTES;
use rpycbench_probe::{Datagram, StampedSocket};
use rpycbench_proto::clock::Answer;

use super::{Session, Sessions};

/// Datagrams in a second that are answered; a controller asks a thousand times at most.
const RATE: u32 = 4_000;
const SECOND: Duration = Duration::from_secs(1);
/// Answers that wait to be told; more are lost.
const UNTOLD: usize = 2 * RATE as usize;

/// Answers datagrams of sessions, as long as this process lives.
#[derive(Clone, Debug)]
pub(super) struct Responder {
    sessions: Sessions,
    port: u16,
}

impl Responder {
    /// Answers at that address.
    ///
    /// # Errors
    /// When the port is taken, or there are no clocks.
    pub(super) fn start(address: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        let port = socket.local_addr()?.port();
        let socket = StampedSocket::new(socket)?;
        let sessions = Sessions::default();
        let answered = sessions.clone();
        std::thread::Builder::new().name("clock".to_owned()).spawn(move || answer(socket, &answered))?;
        Ok(Self { sessions, port })
    }

    pub(super) fn sessions(&self) -> Sessions {
        self.sessions.clone()
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }
}

fn answer(mut socket: StampedSocket, sessions: &Sessions) {
    let (mut second, mut count) = (Instant::now(), 0);
    // One byte more than any question: what is longer is none.
    let mut bytes = [0; BYTES + 1];
    loop {
        // An error is an earlier answer's, whose reader is gone.
        let Ok(Some((length, from, received))) = socket.receive(&mut bytes, None) else { continue };
        if second.elapsed() > SECOND {
            (second, count) = (Instant::now(), 0);
        }
        count += 1;
        let question = bytes.get(..length).and_then(Datagram::parse).filter(|it| it.answered == 0 && count <= RATE);
        let Some(question) = question else { continue };
        let session = sessions.lock().unwrap_or_else(PoisonError::into_inner).get(&question.session).cloned();
        let Some(Session { answers, user_stamps }) = session else { continue };
        let answered = rand::random::<u64>() | 1;
        let Ok(sent) = socket.send(&Datagram { answered, ..question }.to_bytes(), Some(from)) else { continue };
        let [received, sent] = [received, sent].map(|stamp| if user_stamps { stamp.by_user() } else { stamp });
        let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
        // Where the session does not keep up, this one is lost.
        if answers.len() < UNTOLD {
            answers.push(Answer {
                number: question.number,
                asked: question.asked,
                answered,
                received_ns: received.ns(),
                sent_ns: sent.ns(),
                received_by_kernel: received.kernel_ns.is_some(),
                sent_by_kernel: sent.kernel_ns.is_some(),
            });
        }
    }
}
