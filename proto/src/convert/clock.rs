//! Words about clocks.

use super::{InvalidMessage, missing, port};
use crate::clock::{Answer, Asking, ClockBreak, Telling};
use crate::pb;

impl From<Asking> for pb::ProbeRequest {
    fn from(asking: Asking) -> Self {
        use pb::probe_request::Kind;
        let kind = match asking {
            Asking::Open { user_stamps } => Kind::Open(pb::OpenProbing { user_stamps }),
            Asking::Tell => Kind::Tell(pb::Tell {}),
            Asking::Question { number } => Kind::Question(pb::Question { number }),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<pb::ProbeRequest> for Asking {
    type Error = InvalidMessage;

    fn try_from(request: pb::ProbeRequest) -> Result<Self, InvalidMessage> {
        use pb::probe_request::Kind;
        match request.kind.ok_or_else(|| missing("probe_request.kind"))? {
            Kind::Open(pb::OpenProbing { user_stamps }) => Ok(Self::Open { user_stamps }),
            Kind::Tell(pb::Tell {}) => Ok(Self::Tell),
            Kind::Question(pb::Question { number }) => Ok(Self::Question { number }),
        }
    }
}

impl From<Telling> for pb::ProbeReply {
    fn from(telling: Telling) -> Self {
        use pb::probe_reply::Kind;
        let kind = match telling {
            Telling::Probing { session, port } => {
                Kind::Probing(pb::Probing { session: session.into(), port: port.unwrap_or(0).into() })
            }
            Telling::Answers(answers) => {
                Kind::Answers(pb::Answers { answers: answers.into_iter().map(Into::into).collect() })
            }
            Telling::Break(ClockBreak { slept, by_ns, from_ns, to_ns }) => {
                Kind::ClockBreak(pb::ClockBreak { slept, by_ns, from_ns, to_ns })
            }
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<pb::ProbeReply> for Telling {
    type Error = InvalidMessage;

    fn try_from(reply: pb::ProbeReply) -> Result<Self, InvalidMessage> {
        use pb::probe_reply::Kind;
        Ok(match reply.kind.ok_or_else(|| missing("probe_reply.kind"))? {
            Kind::Probing(pb::Probing { session, port: number }) => {
                let length = session.len();
                let wrong = |_| InvalidMessage::new("probing.session", format!("has {length} bytes"));
                let number = port("probing.port", number)?;
                Self::Probing { session: session.try_into().map_err(wrong)?, port: (number != 0).then_some(number) }
            }
            Kind::Answers(pb::Answers { answers }) => Self::Answers(answers.into_iter().map(Into::into).collect()),
            Kind::ClockBreak(pb::ClockBreak { slept, by_ns, from_ns, to_ns }) => {
                Self::Break(ClockBreak { slept, by_ns, from_ns, to_ns })
            }
        })
    }
}

impl From<Answer> for pb::Answer {
    fn from(answer: Answer) -> Self {
        let Answer { number, asked, answered, received_ns, sent_ns, received_by_kernel, sent_by_kernel } = answer;
        Self { number, asked, answered, received_ns, sent_ns, received_by_kernel, sent_by_kernel }
    }
}

impl From<pb::Answer> for Answer {
    fn from(answer: pb::Answer) -> Self {
        let pb::Answer { number, asked, answered, received_ns, sent_ns, received_by_kernel, sent_by_kernel } = answer;
        Self { number, asked, answered, received_ns, sent_ns, received_by_kernel, sent_by_kernel }
    }
}
