//! From a file of limits as it is written to limits that cannot be wrong.

use std::fmt;
use std::net::IpAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};

use ipnet::IpNet;
use rpycbench_measure::ServerKind;
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use toml::Spanned;

use super::amount::{self, Amount};
use super::rules::SERVERS;
use super::{Limits, Origin, Ports, Rule};

/// The file of the package is the truth about what is built in.
const BUILT_IN: &str = include_str!("../../../deploy/debian/limits.toml");
/// What an agent may do that the controller starts as its own user: all that the user may do without it. Load still goes only
/// where an agent consents.
const OWN_USER: &str = "servers = [\"rpyc-threaded\", \"rpyc-forking\", \"flask-threaded\"]\n\
    serve_on = [\"0.0.0.0/0\", \"::/0\"]\nports = [\"system\", \"1-65535\"]\n\
    max_clients = \"unlimited\"\nmax_requests = \"unlimited\"\nmax_run = \"unlimited\"\n\
    max_memory = \"unlimited\"\nmax_processes = \"unlimited\"\n";
/// The one there is.
const VERSION: i64 = 1;

/// A file that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}:{column}: {message}", .file.display())]
pub struct Mistake {
    /// The file.
    pub file: PathBuf,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What was found and what is allowed.
    pub message: String,
}

/// What is wrong and where, before the file's name and lines are known.
struct Wrong {
    span: Range<usize>,
    message: String,
}

/// A whole number or a text.
enum Written {
    Number(i64),
    Text(String),
}

type Key = Option<Spanned<Written>>;
type List = Option<Spanned<Vec<Spanned<String>>>>;

/// The file, key for key.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitsFile {
    version: Option<Spanned<i64>>,
    servers: List,
    serve_on: List,
    ports: List,
    drive_at_agents: List,
    drive_at_others: List,
    max_clients: Key,
    max_requests: Key,
    max_rate: Key,
    max_memory: Key,
    max_processes: Key,
    max_run: Key,
    max_spool: Key,
}

impl Limits {
    /// The limits in that text; keys that it leaves out have the built-in value. `listen` is what "listen" stands for.
    ///
    /// # Errors
    /// When it has a mistake.
    pub fn parse(path: &Path, text: &str, listen: Option<IpAddr>) -> Result<Self, Mistake> {
        read(path, text, listen, Self { origin: Origin::File(path.to_owned()), ..Self::built_in(listen)? })
    }

    /// Those of an agent without a file.
    ///
    /// # Errors
    /// Never, as a test says.
    pub fn built_in(listen: Option<IpAddr>) -> Result<Self, Mistake> {
        read(Path::new("built-in limits"), BUILT_IN, listen, Self::nothing())
    }

    /// Those of an agent that is started by the controller itself.
    ///
    /// # Errors
    /// Never, as a test says.
    pub fn own_user() -> Result<Self, Mistake> {
        let rest = Self { origin: Origin::OwnUser, ..Self::built_in(None)? };
        read(Path::new("built-in limits"), OWN_USER, None, rest)
    }

    /// Allows nothing: what a key has that nobody has set.
    fn nothing() -> Self {
        fn none<T>() -> Rule<Vec<T>> {
            Rule { value: Vec::new(), text: "[]".to_owned() }
        }
        fn zero<T: Default>() -> Rule<Amount<T>> {
            Rule { value: Amount::AtMost(T::default()), text: "0".to_owned() }
        }
        let max_rate = Amount::AtMost(amount::Rate { count: 0, per: std::time::Duration::from_secs(1) });
        Self {
            origin: Origin::BuiltIn,
            servers: none(),
            serve_on: none(),
            ports: none(),
            drive_at_agents: none(),
            drive_at_others: none(),
            max_clients: zero(),
            max_requests: zero(),
            max_rate: Rule { value: max_rate, text: "0".to_owned() },
            max_memory: zero(),
            max_processes: zero(),
            max_run: zero(),
            max_spool: zero(),
        }
    }
}

fn read(path: &Path, text: &str, listen: Option<IpAddr>, rest: Limits) -> Result<Limits, Mistake> {
    let file = toml::from_str(text).map_err(|error| Wrong {
        span: error.span().unwrap_or(0..0),
        message: error.message().trim_end().replace('\n', "; "),
    });
    file.and_then(|file| limits(file, text, listen, rest)).map_err(|Wrong { span, message }| {
        let before = &text[..text.floor_char_boundary(span.start)];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let (line, column) = (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1);
        Mistake { file: path.to_owned(), line, column, message }
    })
}

fn limits(file: LimitsFile, text: &str, listen: Option<IpAddr>, rest: Limits) -> Result<Limits, Wrong> {
    if let Some(version) = file.version.filter(|version| *version.get_ref() != VERSION) {
        let message = format!("version is {}: this agent reads version {VERSION}", version.get_ref());
        return Err(Wrong { span: version.span(), message });
    }
    let network = |item: &str| network(item).map(|network| vec![network]);
    let serve_on = |item: &str| if item == "listen" { Some(listened(listen)) } else { network(item) };
    let networks = "a network (10.0.0.0/8) or an address";
    let count = |value: i64| u64::try_from(value).ok().filter(|&value| value > 0);
    let number = |key: Key, name, rest| quantity(key, name, text, "1 or more", count, |_| None, rest);
    let size =
        |key: Key, name, rest| quantity(key, name, text, "a size such as \"2GiB\"", |_| None, amount::size, rest);
    Ok(Limits {
        origin: rest.origin,
        servers: list(file.servers, "servers", text, &kinds(), kind, rest.servers)?,
        serve_on: list(file.serve_on, "serve_on", text, &format!("\"listen\", {networks}"), serve_on, rest.serve_on)?,
        ports: list(file.ports, "ports", text, "\"system\", a port or a range (20000-20999)", ports, rest.ports)?,
        drive_at_agents: list(file.drive_at_agents, "drive_at_agents", text, networks, network, rest.drive_at_agents)?,
        drive_at_others: list(file.drive_at_others, "drive_at_others", text, networks, network, rest.drive_at_others)?,
        max_clients: number(file.max_clients, "max_clients", rest.max_clients)?,
        max_requests: number(file.max_requests, "max_requests", rest.max_requests)?,
        max_rate: {
            let allowed = "a rate such as \"500/s\"";
            quantity(file.max_rate, "max_rate", text, allowed, |_| None, amount::rate, rest.max_rate)?
        },
        max_memory: size(file.max_memory, "max_memory", rest.max_memory)?,
        max_processes: number(file.max_processes, "max_processes", rest.max_processes)?,
        max_run: {
            let allowed = "a time such as \"30m\"";
            quantity(file.max_run, "max_run", text, allowed, |_| None, amount::duration, rest.max_run)?
        },
        max_spool: size(file.max_spool, "max_spool", rest.max_spool)?,
    })
}

/// A key with an amount: a number or a text, as its kind has it, or "unlimited".
fn quantity<T>(
    key: Key,
    name: &str,
    text: &str,
    allowed: &str,
    number: impl Fn(i64) -> Option<T>,
    words: impl Fn(&str) -> Option<T>,
    rest: Rule<Amount<T>>,
) -> Result<Rule<Amount<T>>, Wrong> {
    let Some(key) = key else { return Ok(rest) };
    let written = text.get(key.span()).unwrap_or_default();
    let value = match key.get_ref() {
        Written::Text(word) if word == "unlimited" => Some(Amount::Unlimited),
        Written::Text(word) => words(word).map(Amount::AtMost),
        Written::Number(value) => number(*value).map(Amount::AtMost),
    };
    let message = || format!("{name} is {written}: allowed is {allowed}, or \"unlimited\"");
    let value = value.ok_or_else(|| Wrong { span: key.span(), message: message() })?;
    Ok(Rule { value, text: written.to_owned() })
}

/// A key with a list; an item may stand for several values.
fn list<T>(
    key: List,
    name: &str,
    text: &str,
    allowed: &str,
    parse: impl Fn(&str) -> Option<Vec<T>>,
    rest: Rule<Vec<T>>,
) -> Result<Rule<Vec<T>>, Wrong> {
    let Some(key) = key else { return Ok(rest) };
    let mut value = Vec::new();
    for item in key.get_ref() {
        let message = || format!("{name} has {:?}: allowed is {allowed}", item.get_ref());
        value.extend(parse(item.get_ref()).ok_or_else(|| Wrong { span: item.span(), message: message() })?);
    }
    // On one line, also where the file has it on several.
    let written = text.get(key.span()).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    Ok(Rule { value, text: written })
}

fn kinds() -> String {
    SERVERS.map(|(word, _)| format!("{word:?}")).join(", ")
}

fn kind(item: &str) -> Option<Vec<ServerKind>> {
    SERVERS.iter().find(|(word, _)| *word == item).map(|(_, kind)| vec![*kind])
}

fn ports(item: &str) -> Option<Vec<Ports>> {
    if item == "system" {
        return Some(vec![Ports::System]);
    }
    let (first, last) = item.split_once('-').unwrap_or((item, item));
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (1 <= first && first <= last).then(|| vec![Ports::Range(first, last)])
}

fn network(item: &str) -> Option<IpNet> {
    item.parse().ok().or_else(|| item.parse::<IpAddr>().ok().map(IpNet::from))
}

/// What an agent listens on. One that listens on all addresses may serve on each of them, but not on all at once.
fn listened(listen: Option<IpAddr>) -> Vec<IpNet> {
    let all = |address: IpAddr| IpNet::new(address, 0).ok();
    match listen {
        None => Vec::new(),
        Some(any @ IpAddr::V4(address)) if address.is_unspecified() => all(any).into_iter().collect(),
        Some(any @ IpAddr::V6(address)) if address.is_unspecified() => {
            all(any).into_iter().chain(all(std::net::Ipv4Addr::UNSPECIFIED.into())).collect()
        }
        Some(address) => vec![address.to_canonical().into()],
    }
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Written;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number or a text")
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Written, E> {
                Ok(Written::Number(value))
            }

            fn visit_str<E: Error>(self, value: &str) -> Result<Written, E> {
                Ok(Written::Text(value.to_owned()))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[cfg(test)]
mod tests;
