//! How far a host confines the processes of a measurement.

/// From nothing to everything this program knows; what each means in full is the agent's to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confinement {
    /// Nothing is in force, or nothing is known.
    #[default]
    None,
    /// No new privileges and resource limits of single processes.
    Rlimits,
    /// Files and system calls as well, but not everything.
    Partial,
    /// Every measure.
    Full,
}

impl Confinement {
    /// The word in plans, manifests and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Rlimits => "rlimits",
            Self::Partial => "partial",
            Self::Full => "full",
        }
    }
}
