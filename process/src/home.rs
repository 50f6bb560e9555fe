//! Where the programs keep their state.

use std::path::PathBuf;

/// The variable that names the folder.
pub const VARIABLE: &str = "RPYCBENCH_HOME";

/// There is no place for state.
#[derive(Debug, thiserror::Error)]
#[error("no home folder: set {VARIABLE} to a folder for state")]
pub struct NoHome;

/// `$RPYCBENCH_HOME`, else `rpycbench` in the user's data folder (XDG Base Directory Specification).
///
/// # Errors
/// When neither is named and the user has no home.
pub fn folder() -> Result<PathBuf, NoHome> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set(VARIABLE)
        .or_else(|| set("XDG_DATA_HOME").map(|data| data.join("rpycbench")))
        .or_else(|| set("HOME").map(|home| home.join(".local/share/rpycbench")))
        .map(|home| std::path::absolute(&home).unwrap_or(home))
        .ok_or(NoHome)
}
