//! Questions and answers, brought together.

use std::collections::{BTreeMap, VecDeque};

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

/// What may come back for one question before it counts as forged unseen: an agent answers once, and a network seldom sends twice.
const MOST_BACK: usize = 256;

/// What came back: what it is told apart by, when, and by whose stamp.
type Back = (u64, i64, bool);

/// A question that is under way.
#[derive(Debug)]
struct Open {
    transport: Transport,
    asked: u64,
    t1: i64,
    t1_by_kernel: bool,
    /// In the order in which it came. Only one that the agent has given counts.
    back: Vec<Back>,
    /// What the agent says to have answered. A question that somebody has sent again is answered again.
    answers: Vec<Answer>,
}

/// Answers that nobody has given, or to what nobody has asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Forged {
    /// How many.
    pub(crate) count: u64,
    /// When the first and the last was seen, by the controller's CLOCK_MONOTONIC_RAW.
    pub(crate) between_ns: Option<[i64; 2]>,
}

impl Forged {
    fn add(&mut self, seen_ns: i64) {
        self.count += 1;
        let [first, last] = self.between_ns.unwrap_or([seen_ns; 2]);
        self.between_ns = Some([first.min(seen_ns), last.max(seen_ns)]);
    }
}

/// Whether the question is among those that have their answer.
fn is_done(done: &[Probe], number: u64) -> bool {
    done.iter().rev().any(|probe| probe.number == number)
}

/// All questions of a session.
#[derive(Debug, Default)]
pub(crate) struct Probes {
    open: BTreeMap<u64, Open>,
    done: Vec<Probe>,
    /// What has happened to the agent's clocks.
    breaks: Vec<ClockBreak>,
    forged: Forged,
    /// What came back for questions that have their answer, and when, by the question and what it is told apart by: somebody's own,
    /// unless the agent is yet to tell of it. A question that was sent again is answered again.
    doubtful: BTreeMap<(u64, u64), Vec<i64>>,
    /// Answers that were told of before the asker has told of its question.
    early: Vec<(Answer, i64)>,
    /// When the agent was asked to tell all that it has answered, and has not done so yet.
    telling: VecDeque<i64>,
    /// What had come back by then would have been told of.
    told_until: i64,
    /// The number of the last question.
    last: u64,
}

impl Probes {
    pub(super) fn asked(&mut self, number: u64, transport: Transport, asked: u64, t1: i64, t1_by_kernel: bool) {
        let open = Open { transport, asked, t1, t1_by_kernel, back: Vec::new(), answers: Vec::new() };
        self.open.insert(number, open);
        self.last = self.last.max(number);
        for (answer, told) in self.early.extract_if(.., |(answer, _)| answer.number == number).collect::<Vec<_>>() {
            self.told([answer], told);
        }
    }

    /// An answer has come by datagram.
    pub(super) fn back(&mut self, number: u64, answered: u64, t4: i64, by_kernel: bool) {
        match self.open.get_mut(&number) {
            Some(open) if open.back.len() < MOST_BACK => {
                open.back.push((answered, t4, by_kernel));
                self.bring_together(number);
            }
            None if is_done(&self.done, number) => {}
            _ => self.forged.add(t4),
        }
    }

    /// The agent tells of its answers; `now` is when it did.
    pub(super) fn told(&mut self, answers: impl IntoIterator<Item = Answer>, now: i64) {
        let mut numbers = Vec::new();
        for answer in answers {
            let number = answer.number;
            match self.open.get_mut(&number) {
                Some(open) if answer.asked == open.asked => {
                    if open.transport == Transport::Grpc {
                        open.back = vec![(0, now, false)];
                    }
                    open.answers.push(answer);
                    numbers.push(number);
                }
                None if number > self.last => self.early.push((answer, now)),
                // To a question that was sent again by somebody, as it was.
                None if is_done(&self.done, number) => drop(self.doubtful.remove(&(number, answer.answered))),
                _ => self.forged.add(now),
            }
        }
        // Only now: what came back is held against all that the agent has answered.
        numbers.into_iter().for_each(|number| self.bring_together(number));
    }

    /// The agent is asked to tell all that it has answered by now.
    pub(super) fn asked_to_tell(&mut self, now: i64) {
        self.telling.push_back(now);
    }

    /// It has.
    pub(super) fn told_all(&mut self) {
        // Unasked, it says nothing.
        self.told_until = self.telling.pop_front().unwrap_or(self.told_until);
    }

    /// Whether it has as often as it was asked to.
    pub(super) fn has_been_told_all(&self) -> bool {
        self.telling.is_empty()
    }

    pub(super) fn broke(&mut self, broken: ClockBreak) {
        self.breaks.push(broken);
    }

    /// A probe is whole when the agent has answered what came back.
    fn bring_together(&mut self, number: u64) {
        let Some(open) = self.open.get(&number) else { return };
        let given = |&(answered, ..): &Back| open.answers.iter().find(|answer| answer.answered == answered);
        let Some((answer, &(_, t4, t4_by_kernel))) = open.back.iter().find_map(|back| Some((given(back)?, back)))
        else {
            return;
        };
        let probe = Probe {
            number,
            transport: open.transport,
            t1: open.t1,
            answer: Some(Answered { t2: answer.received_ns, t3: answer.sent_ns, t4 }),
            by_kernel: [open.t1_by_kernel, answer.received_by_kernel, answer.sent_by_kernel, t4_by_kernel],
        };
        self.done.push(probe);
        for &(answered, t4, _) in open.back.iter().filter(|back| given(back).is_none()) {
            self.doubtful.entry((number, answered)).or_default().push(t4);
        }
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
    pub(crate) fn forged(&self) -> Forged {
        let mut forged = self.forged;
        // What came back and was answered otherwise is somebody else's, too.
        let others = self.open.values().filter(|open| !open.answers.is_empty()).flat_map(|open| &open.back);
        let others = others.map(|&(_, t4, _)| t4).chain(self.doubtful.values().flatten().copied());
        others.filter(|&t4| t4 <= self.told_until).for_each(|t4| forged.add(t4));
        self.early.iter().for_each(|&(_, told)| forged.add(told));
        forged
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

    /// With all told that was answered.
    fn forged(probes: &mut Probes) -> Forged {
        probes.asked_to_tell(10_000);
        probes.told_all();
        probes.forged()
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
                probes.told([answer(1, 7, 9)], 0);
            } else {
                probes.told([answer(1, 7, 9)], 0);
                probes.back(1, 9, 200, true);
            }
            let [probe] = *probes.whole() else { panic!("{probes:?}") };
            assert_eq!((probe.t1, probe.answer), (100, Some(Answered { t2: 120, t3: 130, t4: 200 })));
            assert_eq!((probe.stamps(), probes.unanswered(), forged(&mut probes).count), (Stamps::Kernel, 0, 0));
        }
    }

    #[test]
    fn an_answer_may_be_told_of_before_its_question() {
        let mut probes = asked(1);
        probes.told([answer(2, 8, 9)], 0);
        probes.asked(2, Transport::Udp, 8, 110, true);
        probes.back(2, 9, 200, true);
        assert_eq!((probes.whole().len(), forged(&mut probes).count), (1, 0));
    }

    #[test]
    fn an_answer_that_the_agent_has_not_given_counts_for_nothing_but_as_forged() {
        let mut probes = asked(1);
        // Made up on the way, before the agent has seen the question.
        probes.back(1, 8, 110, true);
        probes.told([answer(1, 7, 9)], 0);
        assert_eq!((probes.whole().len(), forged(&mut probes).count), (0, 1));
    }

    #[test]
    fn an_answer_to_a_question_that_was_made_up_counts_for_nothing_but_as_forged() {
        let mut probes = asked(1);
        probes.told([answer(1, 6, 9)], 0);
        probes.back(1, 9, 200, true);
        assert_eq!((probes.whole().len(), forged(&mut probes).count), (0, 1));
        probes.told([answer(5, 0, 1)], 0);
        assert_eq!(forged(&mut probes).count, 2);
    }

    #[test]
    fn an_answer_that_comes_after_one_that_was_made_up_counts_and_the_other_is_forged_then() {
        let mut probes = asked(1);
        probes.back(1, 8, 110, true);
        probes.back(1, 9, 200, true);
        probes.told([answer(1, 7, 9)], 0);
        let [probe] = *probes.whole() else { panic!("{probes:?}") };
        assert_eq!(probe.answer, Some(Answered { t2: 120, t3: 130, t4: 200 }));
        assert_eq!(forged(&mut probes), Forged { count: 1, between_ns: Some([110, 110]) });
    }

    #[test]
    fn a_flood_of_answers_that_were_made_up_is_counted_and_not_kept() {
        let mut probes = asked(1);
        (0..1000).for_each(|made_up| probes.back(1, 1000 + made_up, 110, true));
        assert_eq!(probes.open[&1].back.len(), MOST_BACK);
        probes.told([answer(1, 7, 9)], 0);
        assert_eq!((probes.whole().len(), forged(&mut probes).count), (0, 1000));
    }

    #[test]
    fn a_question_that_was_sent_again_by_somebody_is_the_answer_that_came_back() {
        let mut probes = asked(1);
        let replayed = Answer { received_ns: 500, sent_ns: 510, ..answer(1, 7, 10) };
        probes.told([answer(1, 7, 9)], 0);
        probes.told([replayed], 0);
        probes.back(1, 9, 200, true);
        probes.back(1, 10, 600, true);
        let [probe] = *probes.whole() else { panic!("{probes:?}") };
        assert_eq!((probe.answer.map(|it| it.t2), forged(&mut probes).count), (Some(120), 0));
    }

    #[test]
    fn an_answer_to_a_question_that_was_sent_again_is_the_agents_also_where_it_is_told_of_late() {
        let mut probes = asked(1);
        probes.back(1, 9, 200, true);
        probes.back(1, 10, 210, true);
        probes.back(1, 11, 220, true);
        probes.told([answer(1, 7, 9)], 0);
        assert_eq!((probes.whole().len(), forged(&mut probes).count), (1, 2), "nobody has said yet that it gave them");
        probes.told([answer(1, 7, 10)], 0);
        assert_eq!(forged(&mut probes), Forged { count: 1, between_ns: Some([220, 220]) });
    }

    #[test]
    fn what_was_lost_is_kept_without_an_answer() {
        let mut probes = asked(1);
        probes.asked(2, Transport::Udp, 8, 150, false);
        probes.told([answer(2, 8, 3)], 0);
        probes.back(2, 3, 190, false);
        let all = probes.all();
        assert_eq!((all.len(), all[0].answer, all[1].answer.is_some(), probes.unanswered()), (2, None, true, 1));
        assert_eq!(all[1].stamps(), Stamps::User);
    }
}
