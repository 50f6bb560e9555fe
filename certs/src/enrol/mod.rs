//! Bringing in an agent: the code its administrator passes on, the agent's side, and how the controller believes it.

mod agent;
mod code;
mod pin;
mod renewal;

pub use agent::{AgentState, EnrolRefusal};
pub use code::{Code, InvalidCode};
pub use pin::pinned_client_config;
pub use renewal::RenewalRefusal;

/// The server name by which a controller asks for the enrolment door instead of the agent itself.
pub const ENROL_SERVER_NAME: &str = "enrol.rpycbench.invalid";
