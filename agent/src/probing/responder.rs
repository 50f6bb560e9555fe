//! Answers datagrams, on a thread of its own: it waits for nothing but them, and what the agent's runtime does meanwhile
//! delays none.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::PoisonError;

use rpycbench_probe::datagram::BYTES;
use rpycbench_probe::{Datagram, StampedSocket};

use super::Sessions;
use super::answering::Answering;

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
    let mut answering = Answering::default();
    // One byte more than any question: what is longer is none.
    let mut bytes = [0; BYTES + 1];
    loop {
        // An error is an earlier answer's, whose reader is gone.
        let Ok(Some((length, from, received))) = socket.receive(&mut bytes, None) else { continue };
        let question = bytes.get(..length).and_then(Datagram::parse).filter(|it| it.answered == 0);
        let Some(question) = question.filter(|_| answering.is_within_rate()) else { continue };
        let session = sessions.lock().unwrap_or_else(PoisonError::into_inner).get(&question.session).cloned();
        let Some(session) = session else { continue };
        let answer = Answering::to(question);
        let Ok(sent) = socket.send(&answer.to_bytes(), Some(from)) else { continue };
        session.note(answer, received, sent);
    }
}
