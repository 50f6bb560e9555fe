//! What travels on a stream: commands and events with their numbers, and what was taken of the other side's.

use std::sync::Arc;

use crate::InvalidMessage;
use crate::convert::run_id as run_id_of;
use crate::message::{Command, Event};
use crate::pb;

/// From the controller to an agent.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandFrame {
    /// Events up to this number were taken.
    pub acknowledged: u64,
    /// What it says.
    pub word: Word,
}

/// What a frame of the controller says.
#[derive(Clone, Debug, PartialEq)]
pub enum Word {
    /// The first of every stream.
    Attach {
        /// The run.
        run_id: String,
        /// Takes the agent for it.
        begin: bool,
    },
    /// A command of the run.
    Command {
        /// From 1.
        number: u64,
        /// The command.
        command: Arc<Command>,
    },
    /// The run is over on this agent.
    Leave,
    /// Only to be heard.
    Beat,
}

/// From an agent to the controller.
#[derive(Clone, Debug, PartialEq)]
pub struct EventFrame {
    /// Commands up to this number were taken.
    pub acknowledged: u64,
    /// An event and its number, from 1.
    pub event: Option<(u64, Arc<Event>)>,
}

impl From<CommandFrame> for pb::CommandFrame {
    fn from(CommandFrame { acknowledged, word }: CommandFrame) -> Self {
        use pb::command_frame::What;
        let (number, what) = match word {
            Word::Attach { run_id, begin } => (0, Some(What::Attach(pb::Attach { run_id, begin }))),
            Word::Command { number, command } => (number, Some(What::Command(Arc::unwrap_or_clone(command).into()))),
            Word::Leave => (0, Some(What::Leave(pb::Leave {}))),
            Word::Beat => (0, None),
        };
        Self { number, acknowledged, what }
    }
}

impl TryFrom<pb::CommandFrame> for CommandFrame {
    type Error = InvalidMessage;

    fn try_from(frame: pb::CommandFrame) -> Result<Self, InvalidMessage> {
        use pb::command_frame::What;
        let pb::CommandFrame { number, acknowledged, what } = frame;
        let word = match what {
            Some(What::Attach(pb::Attach { run_id, begin })) => Word::Attach { run_id: run_id_of(run_id)?, begin },
            Some(What::Command(command)) => Word::Command { number, command: Arc::new(command.try_into()?) },
            Some(What::Leave(pb::Leave {})) => Word::Leave,
            None => Word::Beat,
        };
        Ok(Self { acknowledged, word })
    }
}

impl From<EventFrame> for pb::EventFrame {
    fn from(EventFrame { acknowledged, event }: EventFrame) -> Self {
        match event {
            Some((number, event)) => Self { number, acknowledged, event: Some(Arc::unwrap_or_clone(event).into()) },
            None => Self { number: 0, acknowledged, event: None },
        }
    }
}

impl TryFrom<pb::EventFrame> for EventFrame {
    type Error = InvalidMessage;

    fn try_from(frame: pb::EventFrame) -> Result<Self, InvalidMessage> {
        let pb::EventFrame { number, acknowledged, event } = frame;
        let event = event.map(|event| Ok((number, Arc::new(event.try_into()?)))).transpose()?;
        Ok(Self { acknowledged, event })
    }
}
