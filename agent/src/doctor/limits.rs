//! What controllers may ask of this host.

use super::Finding;
use crate::limits::{LimitsSource, Origin};

const AREA: &str = "limits";

pub(super) fn examine(source: &LimitsSource) -> Vec<Finding> {
    let limits = match source.read() {
        Ok(limits) => limits,
        Err(error) => return vec![Finding::bad(AREA, error.to_string(), "until then the agent refuses every run")],
    };
    let origin = match &limits.origin {
        Origin::File(path) => path.display().to_string(),
        Origin::BuiltIn | Origin::OwnUser => "built in".to_owned(),
    };
    limits.keys().into_iter().map(|(key, value)| Finding::ok(AREA, format!("{key} = {value} ({origin})"))).collect()
}
