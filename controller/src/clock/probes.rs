//! Questions and answers, brought together.

use std::collections::BTreeMap;

use rpycbench_measure::clock::{Break, Constraints, Exchange};
use rpycbench_proto::clock::{Answer, ClockBreak};

use crate::store::probes::ProbeRow;

/// How a question travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// As a datagram.
    Udp,
    /// Over a TCP connection of its own.
    Tcp,
    /// Over the agent's stream.
    Grpc,
}

impl Transport {
    /// As it is told.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Grpc => "grpc",
        }
    }
}

/// Who has stamped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stamps {
    /// The kernels, all four.
    Kernel,
    /// The kernels, what was received.
    KernelRx,
    /// The programs.
    User,
}

impl Stamps {
    /// As it is told.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::KernelRx => "kernel-rx",
            Self::User => "user",
        }
    }
}

/// A question, and what came of it. Times are CLOCK_MONOTONIC_RAW of either host; a stamp of sending is never late, one of
/// receiving never early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Probe {
    /// 1, 2, 3 …
    pub(crate) number: u64,
    /// How it travelled.
    pub(crate) transport: Transport,
    /// Sent by the controller.
    pub(crate) t1: i64,
    /// Received and answered by the agent, and the answer received; none where it was lost.
    pub(crate) answer: Option<Answered>,
    /// Whether the kernel has stamped t1, t2, t3, t4.
    pub(crate) by_kernel: [bool; 4],
}

/// The other three stamps of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) t2: i64,
    pub(crate) t3: i64,
    pub(crate) t4: i64,
}

impl Probe {
    /// Who has stamped it.
    pub(crate) fn stamps(&self) -> Stamps {
        match self.by_kernel {
            [true, true, true, true] => Stamps::Kernel,
            [_, true, _, true] => Stamps::KernelRx,
            _ => Stamps::User,
        }
    }

    /// As it is kept, as one of that host and session.
    pub(crate) fn row(&self, host: &str, session: i32) -> ProbeRow {
        ProbeRow {
            host: host.to_owned(),
            session,
            number: self.number.cast_signed(),
            transport: self.transport.name().to_owned(),
            t1_ns: self.t1,
            answer_ns: self.answer.map(|Answered { t2, t3, t4 }| [t2, t3, t4]),
            by_kernel: self.by_kernel,
        }
    }

    /// As what bounds are concluded from.
    pub(crate) fn exchange(&self) -> Option<Exchange> {
        let Answered { t2, t3, t4 } = self.answer?;
        Some(Exchange::from_truncated(self.t1, t2, t3, t4))
    }
}

/// A question that is under way.
#[derive(Debug)]
struct Open {
    transport: Transport,
    asked: u64,
    t1: i64,
    t1_by_kernel: bool,
    /// What came back: what it is told apart by, when, and by whose stamp.
    back: Option<(u64, i64, bool)>,
    /// What the agent says to have answered. A question that somebody has sent again is answered again.
    answers: Vec<Answer>,
}

/// All questions of a session.
#[derive(Debug, Default)]
pub(crate) struct Probes {
    open: BTreeMap<u64, Open>,
    done: Vec<Probe>,
    /// What has happened to the agent's clocks.
    breaks: Vec<ClockBreak>,
    /// Answers that nobody has given, or to what nobody has asked.
    forged: u64,
    /// Answers that were told of before the asker has told of its question.
    early: Vec<(Answer, i64)>,
    /// The number of the last question.
    last: u64,
}

impl Probes {
    pub(super) fn asked(&mut self, number: u64, transport: Transport, asked: u64, t1: i64, t1_by_kernel: bool) {
        let open = Open { transport, asked, t1, t1_by_kernel, back: None, answers: Vec::new() };
        self.open.insert(number, open);
        self.last = self.last.max(number);
        for (answer, told) in self.early.extract_if(.., |(answer, _)| answer.number == number).collect::<Vec<_>>() {
            self.told(answer, told);
        }
    }

    /// An answer has come by datagram.
    pub(super) fn back(&mut self, number: u64, answered: u64, t4: i64, by_kernel: bool) {
        let Some(open) = self.open.get_mut(&number) else {
            self.forged += u64::from(!self.is_done(number));
            return;
        };
        open.back = open.back.or(Some((answered, t4, by_kernel)));
        self.bring_together(number);
    }

    /// The agent tells of an answer; `now` is when it did.
    pub(super) fn told(&mut self, answer: Answer, now: i64) {
        let Some(open) = self.open.get_mut(&answer.number) else {
            if answer.number > self.last {
                self.early.push((answer, now));
            } else {
                self.forged += u64::from(!self.is_done(answer.number));
            }
            return;
        };
        if answer.asked != open.asked {
            self.forged += 1;
            return;
        }
        if open.transport == Transport::Grpc {
            open.back = Some((0, now, false));
        }
        open.answers.push(answer);
        self.bring_together(answer.number);
    }

    pub(super) fn broke(&mut self, broken: ClockBreak) {
        self.breaks.push(broken);
    }

    fn is_done(&self, number: u64) -> bool {
        self.done.iter().rev().any(|probe| probe.number == number)
    }

    /// A probe is whole when the agent has answered what came back.
    fn bring_together(&mut self, number: u64) {
        let Some(open) = self.open.get(&number) else { return };
        let Some((answered, t4, t4_by_kernel)) = open.back else { return };
        let Some(answer) = open.answers.iter().find(|answer| answer.answered == answered) else { return };
        let probe = Probe {
            number,
            transport: open.transport,
            t1: open.t1,
            answer: Some(Answered { t2: answer.received_ns, t3: answer.sent_ns, t4 }),
            by_kernel: [open.t1_by_kernel, answer.received_by_kernel, answer.sent_by_kernel, t4_by_kernel],
        };
        self.done.push(probe);
        self.open.remove(&number);
    }

    /// Those that are whole, in the order in which they became so.
    pub(crate) fn whole(&self) -> &[Probe] {
        &self.done
    }

    /// Questions without an answer.
    pub(crate) fn unanswered(&self) -> usize {
        self.open.len()
    }

    /// See there.
    pub(crate) fn forged(&self) -> u64 {
        // What came back and was answered otherwise is somebody else's, too.
        let others = self.open.values().filter(|open| open.back.is_some() && !open.answers.is_empty());
        self.forged + (others.count() + self.early.len()) as u64
    }

    /// What has happened to the agent's clocks.
    pub(crate) fn breaks(&self) -> &[ClockBreak] {
        &self.breaks
    }

    /// All of them, with those that were lost, in the order in which they were asked.
    pub(crate) fn all(&self) -> Vec<Probe> {
        let lost = |(&number, open): (&u64, &Open)| Probe {
            number,
            transport: open.transport,
            t1: open.t1,
            answer: None,
            by_kernel: [open.t1_by_kernel, false, false, false],
        };
        let mut all: Vec<Probe> = self.done.iter().copied().chain(self.open.iter().map(lost)).collect();
        all.sort_by_key(|probe| probe.number);
        all
    }

    /// What bounds are concluded from.
    pub(crate) fn constraints(&self) -> (Constraints, Vec<Break>) {
        let mut constraints = Constraints::default();
        for exchange in self.done.iter().filter_map(Probe::exchange) {
            // One that is out of order is no exchange: it bounds nothing.
            let _ = constraints.push_exchange(exchange);
        }
        let slept = self.breaks.iter().filter(|it| it.slept);
        (constraints, slept.map(|it| Break::between(it.from_ns, it.to_ns)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(number: u64, asked: u64, answered: u64) -> Answer {
        let (received_by_kernel, sent_by_kernel) = (true, true);
        Answer { number, asked, answered, received_ns: 120, sent_ns: 130, received_by_kernel, sent_by_kernel }
    }

    fn asked(number: u64) -> Probes {
        let mut probes = Probes::default();
        probes.asked(number, Transport::Udp, 7, 100, true);
        probes
    }

    #[test]
    fn a_probe_is_whole_when_both_sides_have_told_the_same() {
        for back_first in [true, false] {
            let mut probes = asked(1);
            if back_first {
                probes.back(1, 9, 200, true);
                probes.told(answer(1, 7, 9), 0);
            } else {
                probes.told(answer(1, 7, 9), 0);
                probes.back(1, 9, 200, true);
            }
            let [probe] = probes.whole() else { panic!("{probes:?}") };
            assert_eq!((probe.t1, probe.answer), (100, Some(Answered { t2: 120, t3: 130, t4: 200 })));
            assert_eq!((probe.stamps(), probes.unanswered(), probes.forged()), (Stamps::Kernel, 0, 0));
        }
    }

    #[test]
    fn an_answer_may_be_told_of_before_its_question() {
        let mut probes = asked(1);
        probes.told(answer(2, 8, 9), 0);
        probes.asked(2, Transport::Udp, 8, 110, true);
        probes.back(2, 9, 200, true);
        assert_eq!((probes.whole().len(), probes.forged()), (1, 0));
    }

    #[test]
    fn an_answer_that_the_agent_has_not_given_counts_for_nothing_but_as_forged() {
        let mut probes = asked(1);
        // Made up on the way, before the agent has seen the question.
        probes.back(1, 8, 110, true);
        probes.told(answer(1, 7, 9), 0);
        assert_eq!((probes.whole().len(), probes.forged()), (0, 1));
    }

    #[test]
    fn an_answer_to_a_question_that_was_made_up_counts_for_nothing_but_as_forged() {
        let mut probes = asked(1);
        probes.told(answer(1, 6, 9), 0);
        probes.back(1, 9, 200, true);
        assert_eq!((probes.whole().len(), probes.forged()), (0, 1));
        probes.told(answer(5, 0, 1), 0);
        assert_eq!(probes.forged(), 2);
    }

    #[test]
    fn a_question_that_was_sent_again_by_somebody_is_the_answer_that_came_back() {
        let mut probes = asked(1);
        let replayed = Answer { received_ns: 500, sent_ns: 510, ..answer(1, 7, 10) };
        probes.told(answer(1, 7, 9), 0);
        probes.told(replayed, 0);
        probes.back(1, 9, 200, true);
        probes.back(1, 10, 600, true);
        let [probe] = probes.whole() else { panic!("{probes:?}") };
        assert_eq!((probe.answer.map(|it| it.t2), probes.forged()), (Some(120), 0));
    }

    #[test]
    fn what_was_lost_is_kept_without_an_answer() {
        let mut probes = asked(1);
        probes.asked(2, Transport::Udp, 8, 150, false);
        probes.told(answer(2, 8, 3), 0);
        probes.back(2, 3, 190, false);
        let all = probes.all();
        assert_eq!((all.len(), all[0].answer, all[1].answer.is_some(), probes.unanswered()), (2, None, true, 1));
        assert_eq!(all[1].stamps(), Stamps::User);
    }
}
