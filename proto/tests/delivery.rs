//! Whatever a connection does, each word arrives once and in order.

use std::collections::VecDeque;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use rpycbench_proto::delivery::{Inbox, Outbox, Taken};

/// What happens between two who talk over connections that break.
#[derive(Clone, Copy, Debug)]
enum Happens {
    /// The sender says something.
    Said,
    /// So many words on the connection arrive.
    Arrive(u8),
    /// The receiver's acknowledgement arrives.
    Acknowledged,
    /// The connection breaks with all that is on it, and a new one begins.
    Broken,
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => Just(Happens::Said),
        3 => (1u8..5).prop_map(Happens::Arrive),
        2 => Just(Happens::Acknowledged),
        1 => Just(Happens::Broken),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn each_word_arrives_once_and_in_order(story in vec(happens(), 0..200)) {
        let (mut outbox, mut inbox) = (Outbox::default(), Inbox::default());
        let (mut said, mut heard) = (0u32, Vec::new());
        let mut connection: VecDeque<(u64, Arc<u32>)> = VecDeque::new();
        let mut arrive = |connection: &mut VecDeque<(u64, Arc<u32>)>, inbox: &mut Inbox| {
            let Some((number, word)) = connection.pop_front() else { return Ok(()) };
            match inbox.take(number) {
                Taken::New => heard.push(*word),
                Taken::Again => {}
                Taken::Gap(due) => prop_assert!(false, "{number} came where {due} was due"),
            }
            Ok(())
        };
        for step in story {
            match step {
                Happens::Said => {
                    connection.push_back(outbox.push(said));
                    said += 1;
                }
                Happens::Arrive(count) => for _ in 0..count { arrive(&mut connection, &mut inbox)? },
                Happens::Acknowledged => drop(outbox.acknowledge(inbox.taken())),
                Happens::Broken => connection = outbox.waiting().collect(),
            }
        }
        while !connection.is_empty() {
            arrive(&mut connection, &mut inbox)?;
        }
        prop_assert_eq!(heard, (0..said).collect::<Vec<_>>());
        outbox.acknowledge(inbox.taken());
        prop_assert_eq!(outbox.waiting().count(), 0);
    }
}

#[test]
fn an_acknowledgement_of_what_was_never_said_lets_go_of_nothing() {
    let mut outbox = Outbox::default();
    outbox.push("one");
    assert_eq!(outbox.acknowledge(7), 0);
    assert_eq!(outbox.acknowledge(u64::MAX - 1), 0);
    assert_eq!(outbox.waiting().count(), 1);
    assert_eq!(outbox.acknowledge(1), 1);
    assert_eq!(outbox.acknowledge(1), 0, "once is enough");
}

#[test]
fn a_number_that_was_left_out_is_noticed() {
    let mut inbox = Inbox::default();
    assert_eq!(inbox.take(1), Taken::New);
    assert_eq!(inbox.take(1), Taken::Again);
    assert_eq!(inbox.take(3), Taken::Gap(2));
    assert_eq!(inbox.taken(), 1);
}
