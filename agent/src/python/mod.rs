//! The Python side: the workers that are part of this binary and the environments their libraries live in.

pub mod environment;
pub mod worker;
mod workers;

pub use environment::{Environment, EnvironmentError};
