//! The code that an agent's administrator hands to a controller's user.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE32_NOPAD;
use rand::Rng;

/// The first part of every code; another layout would have another.
const PREFIX: &str = "rbj1";
const SECRET_BYTES: usize = 16;
const PIN_BYTES: usize = 32;

/// `rbj1.<agent>.<secret>.<pin>`: what to call the agent, the secret that lets in, and the SHA-256 of the public key
/// (SubjectPublicKeyInfo) that the agent will prove to have, both in lower-case base 32.
#[derive(Clone, PartialEq, Eq)]
pub struct Code {
    /// The agent's name.
    pub agent: String,
    /// Known to the agent and to who was given the code.
    pub secret: [u8; SECRET_BYTES],
    /// The agent's bootstrap key.
    pub pin: [u8; PIN_BYTES],
}

/// A text that is no code.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not an enrolment code: {0}; print a new one on the agent's host with `rpycbench-agent enrol-code`")]
pub struct InvalidCode(&'static str);

impl Code {
    /// A code with a new secret.
    pub fn new(agent: &str, pin: [u8; PIN_BYTES]) -> Self {
        let mut secret = [0; SECRET_BYTES];
        rand::rng().fill_bytes(&mut secret);
        Self { agent: agent.to_owned(), secret, pin }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Code").field("agent", &self.agent).field("secret", &"…").finish_non_exhaustive()
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lower = |bytes: &[u8]| BASE32_NOPAD.encode(bytes).to_lowercase();
        write!(f, "{PREFIX}.{}.{}.{}", self.agent, lower(&self.secret), lower(&self.pin))
    }
}

impl FromStr for Code {
    type Err = InvalidCode;

    fn from_str(text: &str) -> Result<Self, InvalidCode> {
        let parts: Vec<&str> = text.trim().split('.').collect();
        let [prefix, agent, secret, pin] = parts[..] else {
            return Err(InvalidCode("it does not have four parts"));
        };
        if prefix != PREFIX {
            return Err(InvalidCode("it does not begin with rbj1"));
        }
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if agent.is_empty() || agent.len() > 40 || !agent.bytes().all(allowed) {
            return Err(InvalidCode("its second part is no agent's name"));
        }
        Ok(Self {
            agent: agent.to_owned(),
            secret: decode(secret).ok_or(InvalidCode("its third part is damaged"))?,
            pin: decode(pin).ok_or(InvalidCode("its fourth part is damaged"))?,
        })
    }
}

fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    BASE32_NOPAD.decode(text.to_uppercase().as_bytes()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_code_is_read_as_it_was_printed(agent in "[a-z0-9]{1,20}", secret: [u8; 16], pin: [u8; 32]) {
            let code = Code { agent, secret, pin };
            prop_assert_eq!(code.to_string().parse(), Ok(code));
        }

        #[test]
        fn any_text_is_a_code_or_refused(text in ".{0,200}") {
            let _ = text.parse::<Code>();
        }
    }

    #[test]
    fn a_code_with_a_letter_too_few_is_refused() {
        let text = Code::new("hurin", [7; 32]).to_string();
        assert!(text[..text.len() - 1].parse::<Code>().is_err());
    }
}
