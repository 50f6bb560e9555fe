//! Which run has the agent: one at a time, and whoever else asks is told which and until when.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp, Unit};
use rpycbench_proto::message::Open;
use tokio::sync::Notify;

use crate::conversation::Conversation;

/// Shared by everyone who wants the agent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Holder {
    held: Arc<Mutex<Option<By>>>,
    released: Arc<Notify>,
}

/// What a stream must show to attach to a run: only who began it has both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) run_id: String,
    /// The controller's, DER; it is made for the run.
    pub(crate) certificate: Arc<[u8]>,
}

/// A run that has the agent.
#[derive(Clone, Debug)]
pub(crate) struct By {
    peer: String,
    at: Arc<(Key, Conversation)>,
    /// Known from its first command on.
    run: Option<Arc<(Open, Timestamp)>>,
}

impl Holder {
    /// Takes the agent for a run from `peer`, or says who has it.
    pub(crate) fn take(&self, peer: String, key: Key, conversation: Conversation) -> Result<Hold, By> {
        let mut held = self.held();
        match &*held {
            Some(by) => Err(by.clone()),
            None => {
                *held = Some(By { peer, at: Arc::new((key, conversation)), run: None });
                Ok(Hold(self.clone()))
            }
        }
    }

    /// Waits until no run has the agent, which means that none of its processes is left.
    pub(crate) async fn idle(&self) {
        loop {
            let released = self.released.notified();
            if self.held().is_none() {
                return;
            }
            released.await;
        }
    }

    /// Who has the agent.
    pub(crate) fn by(&self) -> Option<By> {
        self.held().clone()
    }

    /// The conversation of the run that has the agent, for who shows its key.
    pub(crate) fn conversation(&self, key: &Key) -> Option<Conversation> {
        let held = self.held();
        let (held_by, conversation) = &*held.as_ref()?.at;
        (held_by == key).then(|| conversation.clone())
    }

    /// The conversation of that run if it has the agent, whoever began it.
    pub(crate) fn conversation_of(&self, run_id: &str) -> Option<Conversation> {
        let held = self.held();
        let (held_by, conversation) = &*held.as_ref()?.at;
        (held_by.run_id == run_id).then(|| conversation.clone())
    }

    fn held(&self) -> MutexGuard<'_, Option<By>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Possession of the agent, given back when dropped.
#[derive(Debug)]
pub(crate) struct Hold(Holder);

impl Hold {
    /// Enters what the run says of itself, for others who ask.
    pub(crate) fn enter(&self, open: Open) {
        if let Some(by) = &mut *self.0.held() {
            by.run = Some(Arc::new((open, Timestamp::now())));
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        *self.0.held() = None;
        self.0.released.notify_waiters();
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some((Open { study, controller, expected, .. }, since)) = self.run.as_deref() else {
            return write!(f, "a run of {} that has just begun", self.peer);
        };
        write!(f, "study {study:?} of {controller} ({})", self.peer)?;
        let end = SignedDuration::try_from(*expected).ok().and_then(|expected| since.checked_add(expected).ok());
        let Some(end) = end else { return Ok(()) };
        let left = end.duration_since(Timestamp::now());
        let to_seconds = |time: Timestamp| time.round(Unit::Second).unwrap_or(time);
        match Duration::try_from(left) {
            Ok(left) => {
                let left = SignedDuration::from_secs(left.as_secs().cast_signed());
                write!(f, " until about {}, {left:#} from now", to_seconds(end))
            }
            Err(_) => write!(f, ", which was expected to end at {}", to_seconds(end)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(holder: &Holder, peer: &str) -> Result<Hold, By> {
        let key = Key { run_id: peer.to_owned(), certificate: [1].into() };
        holder.take(peer.to_owned(), key, Conversation::begin().0)
    }

    fn open(expected: Duration) -> Open {
        Open {
            protocol: 1,
            run_id: "run".to_owned(),
            study: "lan".to_owned(),
            controller: "ada@turin".to_owned(),
            expected,
        }
    }

    #[tokio::test]
    async fn whoever_comes_second_is_told_who_has_the_agent_and_until_when() {
        let holder = Holder::default();
        let hold = take(&holder, "192.0.2.1:9").expect("the agent is free");
        hold.enter(open(Duration::from_secs(3600)));
        let by = take(&holder, "192.0.2.2:9").expect_err("it is taken").to_string();
        assert!(by.starts_with("study \"lan\" of ada@turin (192.0.2.1:9) until about "), "{by}");
        assert!(by.contains("59m"), "{by}");
        drop(hold);
        assert!(take(&holder, "192.0.2.2:9").is_ok());
    }

    #[tokio::test]
    async fn a_run_that_takes_longer_than_expected_is_said_to_do_so() {
        let holder = Holder::default();
        let hold = take(&holder, "192.0.2.1:9").expect("the agent is free");
        hold.enter(open(Duration::ZERO));
        let by = take(&holder, "192.0.2.2:9").expect_err("it is taken").to_string();
        assert!(by.contains("which was expected to end at"), "{by}");
    }

    #[tokio::test]
    async fn only_who_began_a_run_finds_its_conversation() {
        let holder = Holder::default();
        let _hold = take(&holder, "192.0.2.1:9").expect("the agent is free");
        let key = |certificate: u8| Key { run_id: "192.0.2.1:9".to_owned(), certificate: [certificate].into() };
        assert!(holder.conversation(&key(1)).is_some());
        assert!(holder.conversation(&key(2)).is_none());
        assert!(holder.conversation(&Key { run_id: "another".to_owned(), ..key(1) }).is_none());
    }
}
