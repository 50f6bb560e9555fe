//! Between generated messages and checked types: `From` on the way out cannot fail, `TryFrom` on the way in names the
//! field that is wrong.

mod clock;
mod commands;
mod events;
mod facts;
mod model;
mod samples;

use std::net::IpAddr;

use crate::message::Nonce;

/// A UUID has 36.
const MAX_RUN_ID: usize = 64;

/// A message of the other side that makes no sense.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("invalid message: {field} {reason}")]
pub struct InvalidMessage {
    field: &'static str,
    reason: String,
}

impl InvalidMessage {
    fn new(field: &'static str, reason: impl Into<String>) -> Self {
        Self { field, reason: reason.into() }
    }
}

fn missing(field: &'static str) -> InvalidMessage {
    InvalidMessage::new(field, "is missing")
}

fn unknown(field: &'static str, value: i32) -> InvalidMessage {
    InvalidMessage::new(field, format!("has the unknown value {value}"))
}

fn address(field: &'static str, text: &str) -> Result<IpAddr, InvalidMessage> {
    text.parse().map_err(|_| InvalidMessage::new(field, format!("is not a numeric address: {text:?}")))
}

fn port(field: &'static str, value: u32) -> Result<u16, InvalidMessage> {
    u16::try_from(value).map_err(|_| InvalidMessage::new(field, format!("is not a port: {value}")))
}

fn ports(field: &'static str, values: Vec<u32>) -> Result<Vec<u16>, InvalidMessage> {
    values.into_iter().map(|value| port(field, value)).collect()
}

fn nonce(field: &'static str, bytes: Vec<u8>) -> Result<Nonce, InvalidMessage> {
    let length = bytes.len();
    bytes.try_into().map_err(|_| InvalidMessage::new(field, format!("has {length} bytes")))
}

/// A run's name goes into logs, file names and what agents sign.
pub(crate) fn run_id(text: String) -> Result<String, InvalidMessage> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if text.is_empty() || text.len() > MAX_RUN_ID || !text.bytes().all(allowed) {
        let rule = format!("has 1 to {MAX_RUN_ID} of a-z, A-Z, 0-9 and \"-\", found {text:?}");
        return Err(InvalidMessage::new("open.run_id", rule));
    }
    Ok(text)
}

fn widened(ports: Vec<u16>) -> Vec<u32> {
    ports.into_iter().map(u32::from).collect()
}
