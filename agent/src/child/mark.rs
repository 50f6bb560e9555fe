//! What a child and everything that descends from it can be found by: a folder that is not there, last in its `PATH`.
//!
//! `PATH` because processes have one anyway: `requests` looks through all variables in every call, and one more would be
//! measured. What is forked inherits it, and so does what is started with the variables of its parent.

use std::ffi::{OsStr, OsString};

/// The variable.
pub(super) const VARIABLE: &str = "PATH";
/// Before the mark.
const FOLDER: &str = "/nonexistent/rpycbench-kept-";

/// That search path, with the mark.
pub(super) fn path_with(path: Option<OsString>, mark: &str) -> OsString {
    // An empty entry would be the current folder.
    let mut marked = path.filter(|path| !path.is_empty()).unwrap_or_default();
    if !marked.is_empty() {
        marked.push(":");
    }
    marked.push(FOLDER);
    marked.push(mark);
    marked
}

/// The mark in a search path.
pub(super) fn in_path(path: &OsStr) -> Option<&str> {
    path.to_str()?.rsplit(':').find_map(|entry| entry.strip_prefix(FOLDER))
}

/// Whether a mark, `AGENT.CHILD`, is of that agent, or of that child where all of it is given.
pub(super) fn is_of(mark: &str, wanted: &str) -> bool {
    mark.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_belongs_to_its_agent_and_its_child_and_to_no_other() {
        assert!(is_of("cafe.3", "cafe") && is_of("cafe.3", "cafe.3"));
        assert!(!is_of("cafe.3", "caf") && !is_of("cafe.3", "cafe.30") && !is_of("cafe.30", "cafe.3"));
    }

    #[test]
    fn a_mark_is_found_in_the_search_path_and_adds_no_current_folder_to_it() {
        for path in [None, Some(OsString::new()), Some("/usr/bin:/bin".into())] {
            let marked = path_with(path, "cafe.3");
            assert_eq!(in_path(&marked), Some("cafe.3"));
            assert!(!marked.to_string_lossy().split(':').any(str::is_empty), "{marked:?}");
        }
        assert_eq!(in_path(OsStr::new("/usr/bin:/bin")), None);
    }
}
