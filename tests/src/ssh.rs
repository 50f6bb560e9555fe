//! A host that can be reached by ssh: the system's own sshd and ssh, with keys, settings and known hosts of the test's own.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::Sandbox;
use crate::patience::eventually;
use crate::sandbox::binaries;

/// Where systems keep it: it is on the path of administrators alone.
const SSHD: &str = "/usr/sbin/sshd";

/// A running sshd; it ends when this is dropped.
pub struct Sshd {
    child: Child,
    folder: PathBuf,
    address: String,
}

/// Whether this system has what it takes; else what it lacks.
///
/// # Errors
/// What is missing, and what would bring it.
pub fn is_possible() -> Result<(), String> {
    if !Path::new(SSHD).exists() {
        return Err(format!("there is no {SSHD}: install openssh-server"));
    }
    match Command::new("ssh").arg("-V").stderr(Stdio::null()).status() {
        Ok(_) => Ok(()),
        Err(error) => Err(format!("ssh does not start ({error}): install openssh-client")),
    }
}

impl Sshd {
    /// Starts an sshd on a loopback address of its own. Behind it, `rpycbench-agent` is on the path, its state is `state`, and
    /// every line that it prints is kept.
    ///
    /// # Panics
    /// When it does not listen.
    pub fn start(sandbox: &Sandbox, address: &str, state: &Path) -> Self {
        let folder = sandbox.path().join("sshd");
        let home = folder.join("home");
        fs::create_dir_all(&home).expect("a folder");
        std::os::unix::fs::symlink(state, home.join("agent")).expect("the agent's state can be linked");
        for key in ["host_key", "user_key"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(folder.join(key))
                .status()
                .expect("ssh-keygen starts");
            assert!(made.success(), "{made}");
        }
        let agent = binaries().join("rpycbench-agent");
        let here = folder.display();
        script(&folder.join("remote/rpycbench-agent"), &format!("{} \"$@\" | tee -a {here}/printed", agent.display()));
        let real = on_path("ssh");
        script(&folder.join("local/ssh"), &format!("exec {} -F {here}/ssh_config \"$@\"", real.display()));

        let port = TcpListener::bind((address, 0)).and_then(|free| free.local_addr()).expect("a free port").port();
        let settings = format!(
            "ListenAddress {address}:{port}\nHostKey {here}/host_key\nAuthorizedKeysFile {here}/user_key.pub\n\
             PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
             PermitRootLogin prohibit-password\nSetEnv RPYCBENCH_HOME={home} PATH={here}/remote:/usr/bin:/bin\n",
            home = home.display()
        );
        fs::write(folder.join("sshd_config"), settings).expect("settings");
        let client = format!(
            "Host *\n  Port {port}\n  IdentityFile {here}/user_key\n  IdentitiesOnly yes\n\
             \x20 UserKnownHostsFile {here}/known_hosts\n  GlobalKnownHostsFile /dev/null\n"
        );
        fs::write(folder.join("ssh_config"), client).expect("settings");
        fs::write(folder.join("known_hosts"), "").expect("known hosts");
        // Run by root, it wants this empty folder, which the system makes only for a service.
        drop(fs::create_dir_all("/run/sshd"));
        let child = Command::new(SSHD)
            .args(["-D", "-e", "-f"])
            .arg(folder.join("sshd_config"))
            .stderr(File::create(folder.join("log")).expect("a log"))
            .spawn()
            .expect("sshd starts");
        let address = format!("{address}:{port}");
        let sshd = Self { child, folder, address };
        eventually("sshd listens", || std::net::TcpStream::connect(&sshd.address).map_err(|_| sshd.read("log")));
        sshd
    }

    /// What to give `--ssh`: this user, at that host.
    ///
    /// # Panics
    /// When the user has no name.
    pub fn target(&self) -> String {
        let user = Command::new("id").arg("-un").output().expect("id starts");
        let host = self.address.split(':').next().unwrap_or_default();
        format!("{}@{host}", String::from_utf8_lossy(&user.stdout).trim())
    }

    /// Makes the host's key known, as a user does who has compared it.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn make_known(&self) {
        let (host, port) = self.address.split_once(':').expect("an address");
        let key = self.read("host_key.pub");
        fs::write(self.folder.join("known_hosts"), format!("[{host}]:{port} {key}")).expect("known hosts");
    }

    /// The hosts whose keys are known.
    pub fn known_hosts(&self) -> String {
        self.read("known_hosts")
    }

    /// What `rpycbench-agent` has printed behind it.
    pub fn printed(&self) -> String {
        self.read("printed")
    }

    /// A search path on which its `ssh` comes first.
    pub fn path(&self) -> String {
        let rest = std::env::var("PATH").unwrap_or_default();
        format!("{}:{rest}", self.folder.join("local").display())
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(name)).unwrap_or_default()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn script(path: &Path, body: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, format!("#!/bin/sh\n{body}\n")).expect("a script");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a script that can be run");
}

fn on_path(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").expect("a path");
    let found = std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file());
    found.expect("it is there")
}
