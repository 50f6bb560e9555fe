//! What a role may open, which ports it may take and whom it may signal (Landlock).
//!
//! It reads and executes the system's software, its interpreter, its environment and the workers, and writes nowhere:
//! neither role needs a file, and a driver's recording is memory that no path leads to.

use std::fs;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, NetPort, PathBeneath, PathFd,
    RestrictionStatus, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
    path_beneath_rules,
};
use serde::{Deserialize, Serialize};

/// The newest rules this is written for; an older kernel takes those it knows. Later ones would close AF_UNIX paths, which
/// name lookups use.
const NEWEST: ABI = ABI::V6;
/// Ports can be told since then.
const PORTS_SINCE: ABI = ABI::V4;
/// Signals can be told since then.
const SIGNALS_SINCE: ABI = ABI::V6;

/// Software that belongs to the system, and what its C library looks up. What is not there is left out.
const SYSTEM: [&str; 24] = [
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/bin",
    "/nix/store",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/ld.so.preload",
    "/etc/localtime",
    "/etc/passwd",
    "/etc/group",
    "/etc/nsswitch.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/resolv.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/mime.types",
    "/etc/ssl",
    "/sys/devices/system/cpu",
    "/dev/urandom",
];
/// How large the host is, which Python and its C library ask before they choose a number of threads or heaps.
const SIZES: [&str; 4] = ["/proc/meminfo", "/proc/stat", "/proc/cpuinfo", "/proc/loadavg"];
/// The one file that is written to.
const SINK: &str = "/dev/null";

/// Which TCP ports a role may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ports {
    /// A server: it binds this one (0: one that the kernel chooses) and calls nobody.
    Bind(u16),
    /// A driver: it binds none. It may call any, as it learns whom after it was started.
    Call,
}

/// What a role may reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// Folders and files that it may read and execute, apart from the system's.
    pub read: Vec<PathBuf>,
    /// Which ports it may take.
    pub ports: Ports,
}

impl Files {
    /// Opens what may be reached; to be called while it still can be.
    pub(super) fn open(&self) -> Result<RulesetCreated, RulesetError> {
        let readable = AccessFs::from_read(NEWEST);
        let mut ruleset = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(NEWEST))?
            .handle_access(self.handled_ports())?
            .scope(Scope::from_all(NEWEST))?
            .create()?
            .add_rules(path_beneath_rules(SYSTEM.iter().chain(&SIZES), readable))?
            .add_rules(path_beneath_rules(&self.read, readable))?;
        if let Ok(sink) = PathFd::new(SINK) {
            ruleset = ruleset.add_rule(PathBeneath::new(sink, AccessFs::ReadFile | AccessFs::WriteFile))?;
        }
        if let Ports::Bind(port) = self.ports {
            ruleset = ruleset.add_rule(NetPort::new(port, AccessNet::BindTcp))?;
        }
        Ok(ruleset)
    }

    fn handled_ports(&self) -> BitFlags<AccessNet> {
        match self.ports {
            Ports::Bind(_) => AccessNet::BindTcp | AccessNet::ConnectTcp,
            Ports::Call => AccessNet::BindTcp.into(),
        }
    }
}

/// What of it the kernel enforces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Enforced {
    /// The kernel's version of the rules, 0 where it has none.
    pub(super) version: u32,
    pub(super) files: bool,
    pub(super) ports: bool,
    pub(super) signals: bool,
}

impl Enforced {
    pub(super) fn from_status(status: &RestrictionStatus) -> Self {
        let LandlockStatus::Available { effective_abi, kernel_abi } = status.landlock else { return Self::default() };
        let files = status.ruleset != RulesetStatus::NotEnforced;
        Self {
            version: kernel_abi.and_then(|abi| abi.try_into().ok()).unwrap_or(effective_abi as u32),
            files,
            ports: files && effective_abi >= PORTS_SINCE,
            signals: files && effective_abi >= SIGNALS_SINCE,
        }
    }
}

/// Where an environment's interpreter and its own library are, apart from the environment: a virtual environment only
/// points at them.
pub(crate) fn interpreter_of(environment: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let executable = fs::canonicalize(environment.join("bin/python"));
    let home = fs::read_to_string(environment.join("pyvenv.cfg")).ok().and_then(|settings| {
        let home = settings.lines().find_map(|line| line.strip_prefix("home")?.trim_start().strip_prefix('='))?;
        fs::canonicalize(home.trim()).ok()
    });
    found.extend(executable.iter().cloned());
    for bin in executable.ok().as_deref().and_then(Path::parent).into_iter().chain(home.as_deref()) {
        found.push(bin.to_owned());
        // Not the whole prefix: it may be somebody's home.
        found.extend(
            bin.parent().into_iter().flat_map(|prefix| ["lib", "lib64", "share"].map(|part| prefix.join(part))),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interpreter_of_an_environment_is_found_through_its_links() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("a path");
        for made in ["python/bin", "python/lib", "env/bin"] {
            fs::create_dir_all(root.join(made)).expect("a folder");
        }
        fs::write(root.join("python/bin/python3.11"), "").expect("a file");
        std::os::unix::fs::symlink(root.join("python/bin/python3.11"), root.join("env/bin/python")).expect("a link");
        fs::write(root.join("env/pyvenv.cfg"), format!("home = {}\n", root.join("python/bin").display()))
            .expect("a file");
        let found = interpreter_of(&root.join("env"));
        for wanted in ["python/bin/python3.11", "python/bin", "python/lib"] {
            assert!(found.contains(&root.join(wanted)), "{wanted} is not among {found:?}");
        }
        assert!(!found.contains(&root) && !found.contains(&root.join("python")), "{found:?}");
    }
}
