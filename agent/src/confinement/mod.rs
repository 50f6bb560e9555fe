//! What servers under test and drivers are kept from.
//!
//! ```text
//! agent starts ──► __probe   tries every measure on itself and says which are possible: [`Found`]
//! a role starts ─► keeper makes its control group ──► exec: cpus → group → rlimits → user → no new privileges
//!                                                           → files, ports, signals → system calls → Python
//! ```
//!
//! 1. What is said to be in force has been tried on this host, and a role that cannot be confined that far does not start.
//! 2. Everything is done by [`enter`], in the single-threaded process that becomes Python: no code runs between fork and
//!    exec, hence no `unsafe`. What is forked later inherits it.
//! 3. A plan has no say in it. An agent's administrator may switch it off, which its host facts then tell.

mod account;
mod files;
mod group;
mod held;
mod level;
mod limits;
mod probe;
mod syscalls;

pub use account::Account;
pub(crate) use files::interpreter_of;
pub use files::{Files, Ports};
pub(crate) use group::sweep;
pub use group::{Control, Group, Parent, settle};
pub use held::Exceeded;
pub(crate) use held::Held;
pub use limits::Limits;
pub use probe::{COMMAND, probe};

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use rpycbench_proto::message::{ConfinementFacts, Measure};
use rustix::thread::set_no_new_privs;
use serde::{Deserialize, Serialize};

use limits::CountedElsewhere;

/// How one process is confined.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sandbox {
    /// Where its control groups are made.
    pub parents: Vec<Parent>,
    /// Those that the keeper has made.
    pub groups: Vec<PathBuf>,
    /// What it may use.
    pub limits: Limits,
    /// The user it becomes; `None`: the agent's.
    pub account: Option<Account>,
    /// What it may open, take and signal; `None`: anything.
    pub files: Option<Files>,
    /// Whether system calls are denied.
    pub syscalls: bool,
}

impl Sandbox {
    /// Whether no control group counts its memory.
    pub(crate) fn limits_memory_by_rlimit(&self) -> bool {
        !counted_elsewhere(&self.parents).memory
    }
}

/// What is possible on this host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    parents: Vec<Parent>,
    account: Option<Account>,
    files: bool,
    syscalls: bool,
    measures: Vec<Tried>,
}

/// A measure that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Tried {
    name: String,
    in_force: bool,
    detail: String,
}

/// An agent's way to confine what it starts.
#[derive(Clone, Debug)]
pub struct Confinement {
    found: Arc<Found>,
    limits: Limits,
    held: Arc<Held>,
    on: bool,
}

impl Confinement {
    /// Tries what is possible for roles whose environments lie below `state`.
    pub fn find(state: &Path) -> Self {
        let found = match ask(state) {
            Ok(found) => found,
            Err(error) => Found {
                measures: vec![Tried::not("all", format!("they could not be tried: {error}"))],
                ..Found::default()
            },
        };
        Self { on: !found.nothing(), ..Self::of(found) }
    }

    /// Confines nothing.
    pub fn off() -> Self {
        let measures = vec![Tried::not("all", "the agent was started with --confinement off".to_owned())];
        Self::of(Found { measures, ..Found::default() })
    }

    fn of(found: Found) -> Self {
        Self { found: Arc::new(found), limits: Limits::default(), held: Arc::default(), on: false }
    }

    /// The same for what the host's administrator allows at this moment: of each amount, the smaller.
    #[must_use]
    pub fn within(&self, rules: &crate::limits::Limits) -> Self {
        let (limits, held) = held::within(&self.limits, rules);
        Self { found: self.found.clone(), limits, held: Arc::new(held), on: self.on }
    }

    /// Who says how much a role may use.
    pub(crate) fn held(&self) -> &Held {
        &self.held
    }

    /// [`Confinement::find`] for an agent that starts: makes the way to its state passable for the roles' user, and ends what
    /// an earlier agent may have left in its control groups.
    pub fn start(state: &Path) -> Self {
        let confinement = Self::find(state);
        sweep(&confinement.found.parents);
        if confinement.found.account.is_some()
            && let Err(error) = account::open_up(state)
        {
            tracing::warn!(%error, state = %state.display(), "the roles' user may not reach the state folder");
        }
        confinement
    }

    /// For the controller.
    pub fn facts(&self) -> ConfinementFacts {
        let measures = self.found.measures.iter().map(|Tried { name, in_force, detail }| Measure {
            name: name.clone(),
            in_force: *in_force,
            detail: self.held.in_words(name, *in_force, detail, &self.limits),
        });
        ConfinementFacts { level: level::of(&self.found.measures), measures: measures.collect() }
    }

    /// How to confine a process that reads these files and uses these ports; its `rows_bytes` of samples or stamps are
    /// memory that counts as a file.
    pub(crate) fn sandbox(&self, read: Vec<PathBuf>, ports: Ports, rows_bytes: u64) -> Option<Sandbox> {
        if !self.on {
            return None;
        }
        let Found { parents, account, files, syscalls, .. } = &*self.found;
        let file_bytes = self.limits.file_bytes.saturating_add(rows_bytes);
        Some(Sandbox {
            parents: parents.clone(),
            groups: Vec::new(),
            limits: Limits { file_bytes, ..self.limits },
            account: *account,
            files: files.then_some(Files { read, ports }),
            syscalls: *syscalls,
        })
    }
}

impl Found {
    fn nothing(&self) -> bool {
        !self.measures.iter().any(|tried| tried.in_force)
    }
}

impl Tried {
    fn done(name: &str, detail: impl Into<String>) -> Self {
        Self { name: name.to_owned(), in_force: true, detail: detail.into() }
    }

    fn not(name: &str, detail: impl Into<String>) -> Self {
        Self { name: name.to_owned(), in_force: false, detail: detail.into() }
    }
}

/// Has a process of this binary try the measures on itself.
fn ask(state: &Path) -> io::Result<Found> {
    let output = Command::new(std::env::current_exe()?)
        .arg(COMMAND)
        .arg(state)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()?;
    let found: Found = serde_json::from_slice(&output.stdout)
        .map_err(|_| io::Error::other(format!("{COMMAND} ended with {} and no answer", output.status)))?;
    // It could not leave the groups it tried.
    sweep(&found.parents);
    Ok(found)
}

/// Confines the calling process, which must be single-threaded, for good.
///
/// # Errors
/// Names the measure that is not possible. The process must then end.
pub(crate) fn enter(sandbox: &Sandbox) -> io::Result<()> {
    let named =
        |measure: &str, error: &dyn std::fmt::Display| io::Error::other(format!("cannot confine {measure}: {error}"));
    let Sandbox { parents, groups, limits, account, files, syscalls } = sandbox;
    group::join(groups).map_err(|error| named("memory and processes", &error))?;
    let elsewhere = counted_elsewhere(parents);
    limits.apply(elsewhere, account.is_some()).map_err(|error| named("resources", &error))?;
    // Opened by one who may open them, in force for one who may not.
    let ruleset = files.as_ref().map(Files::open).transpose().map_err(|error| named("files", &error))?;
    account::close_bounds().map_err(|error| named("capabilities", &error))?;
    if let Some(account) = account {
        account.become_it().map_err(|error| named("the user", &error))?;
    }
    account::drop_capabilities().map_err(|error| named("capabilities", &error))?;
    set_no_new_privs(true).map_err(|error| named("privileges", &error))?;
    if let Some(ruleset) = ruleset {
        ruleset.restrict_self().map_err(|error| named("files", &error))?;
    }
    if *syscalls {
        syscalls::deny().map_err(|error| named("system calls", &error))?;
    }
    Ok(())
}

fn counted_elsewhere(parents: &[Parent]) -> CountedElsewhere {
    let any = |wanted: &[Control]| parents.iter().any(|parent| parent.controls.iter().any(|it| wanted.contains(it)));
    CountedElsewhere { memory: any(&[Control::MemoryV1, Control::MemoryV2]), processes: any(&[Control::Processes]) }
}
