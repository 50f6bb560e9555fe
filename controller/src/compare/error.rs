//! Why there is no comparison.

/// Why there is no comparison.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompareError {
    /// The run has no such topology or server.
    #[error("{folder} has no {what} {name:?}: there are {known}")]
    Unknown {
        /// `topology` or `server`.
        what: &'static str,
        /// What was asked for.
        name: String,
        /// The run folder.
        folder: String,
        /// What there is.
        known: String,
    },
    /// No cell is on both sides.
    #[error("{}", nothing(.only.as_deref(), .example))]
    NothingInCommon {
        /// The names that were wanted.
        only: Option<String>,
        /// One of the names that there are.
        example: String,
    },
    /// Cells of the same name were measured in different ways.
    #[error("cell {cell} cannot be compared: its {field} is {base:?} in the base and {new:?} in the new one{}; --force compares all the same", besides(*.others))]
    NotComparable {
        /// The first such cell.
        cell: String,
        /// In what they differ.
        field: &'static str,
        /// In the base.
        base: String,
        /// In the other.
        new: String,
        /// How many cells cannot be compared besides.
        others: usize,
    },
}

fn nothing(only: Option<&str>, example: &str) -> String {
    match only {
        Some(glob) => {
            format!("no cell that is on both sides matches --only {glob:?}; a cell's name is like {example:?}")
        }
        None => format!("no cell is on both sides; one that is on one side only is {example:?}"),
    }
}

fn besides(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => " (nor can 1 other cell)".to_owned(),
        many => format!(" (nor can {many} other cells)"),
    }
}
