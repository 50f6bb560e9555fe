//! A plan as it is written: mirrors the TOML, key for key. Only [`super::parse`] sees it.
//!
//! No `flatten`, `untagged` or internally tagged types: they lose the place of a mistake in the file. Options of the kinds
//! therefore stand side by side here, and the parser says which of them belong to which kind.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use toml::Spanned;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlanFile {
    pub(super) study: StudyFile,
    pub(super) hosts: BTreeMap<Spanned<String>, Spanned<HostFile>>,
    pub(super) topologies: Spanned<Vec<TopologyFile>>,
    pub(super) servers: Spanned<Vec<ServerFile>>,
    pub(super) workloads: Spanned<Vec<WorkloadFile>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StudyFile {
    pub(super) name: Spanned<String>,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default)]
    pub(super) seed: Option<Count>,
    #[serde(default)]
    pub(super) blocks: Option<Spanned<Count>>,
    #[serde(default)]
    pub(super) precision: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) max_blocks: Option<Spanned<Count>>,
    #[serde(default)]
    pub(super) aa: Option<Spanned<bool>>,
    #[serde(default)]
    pub(super) placement: Option<PlacementFile>,
    #[serde(default)]
    pub(super) confinement: Option<ConfinementFile>,
    #[serde(default)]
    pub(super) clocks: Option<SwitchFile>,
    #[serde(default)]
    pub(super) stamps: Option<StampsFile>,
    #[serde(default)]
    pub(super) parallel: bool,
    #[serde(default)]
    pub(super) reference: Option<ReferenceFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HostFile {
    #[serde(default)]
    pub(super) local: bool,
    #[serde(default)]
    pub(super) agent: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) serve_on: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TopologyFile {
    pub(super) name: Spanned<String>,
    pub(super) client: Spanned<String>,
    pub(super) server: Spanned<String>,
    #[serde(default)]
    pub(super) baseline: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerFile {
    pub(super) name: Spanned<String>,
    pub(super) kind: ServerKindFile,
    pub(super) mode: Spanned<ModeFile>,
    #[serde(default)]
    pub(super) port: Option<Spanned<Count>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WorkloadFile {
    pub(super) name: Spanned<String>,
    pub(super) kind: WorkloadKindFile,
    #[serde(default)]
    #[expect(dead_code, reason = "one driver exists so far; the key is read so that others are refused by name")]
    pub(super) driver: Option<DriverFile>,
    #[serde(default)]
    pub(super) count: Option<Spanned<Count>>,
    #[serde(default)]
    pub(super) clients: Option<Spanned<Count>>,
    #[serde(default)]
    pub(super) requests: Option<Spanned<Count>>,
    #[serde(default)]
    pub(super) warmup: Option<Spanned<Count>>,
    #[serde(default)]
    pub(super) client_model: Option<Spanned<ClientModelFile>>,
    #[serde(default)]
    pub(super) call: Option<Spanned<CallFile>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PlacementFile {
    Separate,
    Same,
    Free,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ConfinementFile {
    Any,
    Rlimits,
    Partial,
    Full,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum SwitchFile {
    On,
    Off,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum StampsFile {
    On,
    Off,
    Alternate,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ReferenceFile {
    PublishedStudy,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ServerKindFile {
    Rpyc,
    Flask,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ModeFile {
    Threaded,
    Forking,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum WorkloadKindFile {
    Connect,
    Closed,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum DriverFile {
    Python,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ClientModelFile {
    Threads,
    Processes,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum CallFile {
    Attribute,
    Bound,
}

/// A whole number, not negative. Anything else is refused in words a plan's author understands.
#[derive(Clone, Copy)]
pub(super) struct Count(pub(super) u64);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WholeNumber;
        impl Visitor<'_> for WholeNumber {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, such as 1000")
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Count, E> {
                u64::try_from(value)
                    .map(Count)
                    .map_err(|_| E::invalid_value(serde::de::Unexpected::Signed(value), &self))
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Count, E> {
                Ok(Count(value))
            }
        }
        deserializer.deserialize_any(WholeNumber)
    }
}
