//! JSON Schemas (draft 2020-12) of what this program writes as JSON, made from its own types: `docs/*.schema.json`.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use crate::compare::document::Document;
use crate::results::Results;

/// Of `results.json`.
pub fn results() -> Schema {
    of::<Results>()
}

/// Of what `compare --format json` prints.
pub fn comparison() -> Schema {
    of::<Document>()
}

/// Of what is written, not of what could be read: every field that is always there is required.
fn of<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>()
}
