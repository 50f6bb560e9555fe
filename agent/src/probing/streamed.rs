//! Answers questions over a TCP connection, on a thread of its own, for the session that they are of and as long as that goes on.

use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::time::Duration;

use rpycbench_probe::{Datagram, StampedStream};

use super::answering::Answering;
use super::{ClockService, Session};

/// How often it is looked whether the session has ended.
const LOOK: Duration = Duration::from_secs(1);

impl ClockService {
    /// Answers who has connected with a question of a session, and begins to after the first.
    ///
    /// # Errors
    /// When that is none.
    pub(crate) fn answer_stream(&self, stream: TcpStream, first_limit: Duration) -> io::Result<()> {
        let mut stream = StampedStream::new(stream)?;
        let (bytes, received) = stream.receive(first_limit)?.ok_or(ErrorKind::TimedOut)?;
        let question = Datagram::parse(&bytes).filter(|it| it.answered == 0);
        let question = question.ok_or_else(|| io::Error::other("neither TLS nor a question for the clock"))?;
        let session = self.session(&question.session);
        let session = session.ok_or_else(|| io::Error::other("a question for the clock of no session"))?;
        let mut answering = Answering::default();
        answer(&mut stream, &mut answering, &session, question, received)?;
        let (service, id) = (self.clone(), question.session);
        std::thread::Builder::new().name("clock".to_owned()).spawn(move || {
            while service.session(&id).is_some() {
                let Ok(come) = stream.receive(LOOK) else { return };
                let Some((bytes, received)) = come else { continue };
                let question = Datagram::parse(&bytes).filter(|it| it.answered == 0 && it.session == id);
                let Some(question) = question else { return };
                if answer(&mut stream, &mut answering, &session, question, received).is_err() {
                    return;
                }
            }
        })?;
        Ok(())
    }
}

fn answer(
    stream: &mut StampedStream,
    answering: &mut Answering,
    session: &Session,
    question: Datagram,
    received: rpycbench_probe::Stamp,
) -> io::Result<()> {
    if !answering.is_within_rate() {
        return Ok(());
    }
    let answer = Answering::to(question);
    let sent = stream.send(&answer.to_bytes())?;
    session.note(answer, received, sent);
    Ok(())
}
