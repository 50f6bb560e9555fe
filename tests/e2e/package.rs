//! What is installed: the unit, the Debian package, the image.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rpycbench_tests::Outcome;
use rpycbench_tests::sandbox::binaries;

/// The most that `systemd-analyze security` may find open, of 10.
const EXPOSURE: f64 = 2.0;
const STATE: &str = "/var/lib/rpycbench-agent";
const UNIT: &str = "/usr/lib/systemd/system/rpycbench-agent.service";
const ENABLED: &str = "/etc/systemd/system/multi-user.target.wants/rpycbench-agent.service";
const LIMITS: &str = "/etc/rpycbench/limits.toml";
const SETTINGS: &str = "/etc/default/rpycbench-agent";

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

fn analyze(args: &[&str]) -> Option<Output> {
    let mut command = Command::new("systemd-analyze");
    let output = command.args(args).arg(deploy().join("systemd/rpycbench-agent.service")).output().ok();
    if output.is_none() {
        println!("skipped: systemd-analyze is not here (Debian: apt install systemd)");
    }
    output
}

#[test]
fn the_unit_leaves_little_open() {
    let Some(output) = analyze(&["security", "--offline=true", "--no-pager"]) else { return };
    let outcome = Outcome::from(output);
    if outcome.stderr.contains("unrecognized option") {
        return println!("skipped: this systemd-analyze is older than 250 and cannot judge a file");
    }
    let verdict = outcome.stdout.split("exposure level for").nth(1).unwrap_or_default();
    let exposure = verdict.split_whitespace().find_map(|word| word.parse::<f64>().ok());
    let exposure = exposure.unwrap_or_else(|| panic!("no exposure level in {outcome:?}"));
    println!("exposure {exposure} of 10");
    assert!(exposure <= EXPOSURE, "{outcome:?}");
}

#[test]
fn systemd_knows_every_line_of_the_unit() {
    let Some(output) = analyze(&["verify", "--man=no"]) else { return };
    let outcome = Outcome::from(output);
    // The program is not installed where this runs, and what else it finds is about the host's own units.
    let ours: Vec<&str> = outcome
        .stderr
        .lines()
        .filter(|line| line.contains("rpycbench-agent.service") && !line.contains("is not executable"))
        .collect();
    assert!(ours.is_empty(), "{outcome:?}");
}

#[test]
fn the_image_is_built_from_all_members_of_the_workspace() {
    let manifest = fs::read_to_string(deploy().join("../Cargo.toml")).expect("the workspace's manifest");
    let members = manifest.split("members = [").nth(1).and_then(|rest| rest.split(']').next()).expect("members");
    let image = fs::read_to_string(deploy().join("container/Containerfile")).expect("the Containerfile");
    for member in members.split(',').map(|member| member.trim().trim_matches('"')).filter(|member| !member.is_empty()) {
        let folder = member.split('/').next().unwrap_or(member);
        assert!(image.contains(&format!("\nCOPY {folder} {folder}\n")), "{folder} is not in the Containerfile");
    }
}

#[test]
fn the_package_installs_upgrades_removes_and_purges_cleanly() {
    let Some(package) = built_package() else {
        return println!("skipped: no package in target/debian (make deb)");
    };
    let host = match Throwaway::new() {
        Ok(host) => host,
        Err(why) => return println!("skipped: {why}"),
    };
    host.refuses("getent passwd rpycbench-agent");
    host.takes(&package);

    host.does("dpkg --install --force-depends /tmp/old.deb");
    assert_eq!(host.does("dpkg-query --show --showformat '${Status}' rpycbench-agent"), "install ok installed");
    host.does("rpycbench-agent --version");
    host.does("test -s /usr/share/doc/rpycbench-agent/copyright");
    assert_eq!(host.does(&format!("stat --format '%U:%G %a' {STATE}")), "rpycbench-agent:rpycbench-agent 700");
    assert_eq!(host.does(&format!("stat --format '%U:%G %a' {LIMITS} {SETTINGS}")), "root:root 644\nroot:root 644");
    assert_eq!(host.does(&format!("readlink --canonicalize {ENABLED}")), UNIT);

    host.does(&format!("echo key > {STATE}/kept; echo '# mine' >> {LIMITS}; echo '# mine' >> {SETTINGS}"));
    host.does("dpkg --install --force-depends /tmp/newer.deb");
    assert_eq!(host.does("dpkg-query --show --showformat '${Version}' rpycbench-agent"), "99.0");
    host.does(&format!("test -f {STATE}/kept && grep mine {LIMITS} && grep mine {SETTINGS}"));
    host.does(&format!("test -e {ENABLED}"));

    host.does("dpkg --remove rpycbench-agent");
    host.refuses(&format!("test -e {UNIT} || command -v rpycbench-agent"));
    host.does(&format!("test -f {STATE}/kept && grep mine {LIMITS} && grep mine {SETTINGS}"));

    host.does("dpkg --install --force-depends /tmp/old.deb");
    host.does(&format!("test -f {STATE}/kept && grep mine {LIMITS} && test -e {ENABLED} && rpycbench-agent --version"));
    host.does("dpkg --purge rpycbench-agent");
    assert_eq!(host.does("find /etc /usr /var /lib -xdev -name '*rpycbench*' 2>/dev/null || true"), "");
    host.refuses("getent passwd rpycbench-agent || getent group rpycbench-agent");
    assert_eq!(host.does("dpkg --audit"), "");
}

/// The package that was built last beside the binaries under test.
fn built_package() -> Option<PathBuf> {
    let folder = binaries().with_file_name("").join("debian");
    let mut packages: Vec<PathBuf> =
        fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_ours(path)).collect();
    packages.sort_by_key(|path| path.metadata().and_then(|meta| meta.modified()).ok());
    packages.pop()
}

fn is_ours(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("rpycbench-agent_") && name.ends_with(".deb")
}

/// This host as seen through a layer that takes all that is written and is gone afterwards: dpkg, its database and
/// maintainer scripts are the real ones, and the host does not change.
struct Throwaway {
    /// Holds the mounts, which nobody else sees; ends with its stdin.
    holder: Child,
}

/// Where its holder has it.
const ROOT: &str = "/tmp/root";

impl Throwaway {
    fn new() -> Result<Self, String> {
        if !Path::new("/usr/bin/dpkg").exists() {
            return Err("no dpkg on this host".to_owned());
        }
        // `/tmp` is there everywhere, and what is mounted on it is seen in this mount namespace alone.
        let script = "mount -t tmpfs none /tmp && cd /tmp && mkdir upper work root \
                      && mount -t overlay none -o lowerdir=/,upperdir=upper,workdir=work root \
                      && mount -t tmpfs none root/tmp && mount --rbind /dev root/dev && mount -t proc none root/proc \
                      && echo ready && exec cat";
        let mut holder = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot start unshare: {error}"))?;
        let mut line = String::new();
        let stdout = holder.stdout.as_mut().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a pipe can be read");
        let host = Self { holder };
        if line.trim() != "ready" {
            return Err("mounting a layer over this host needs root, and a kernel with overlayfs".to_owned());
        }
        if host.run("dpkg --status rpycbench-agent").code == Some(0) {
            return Err("the package is installed on this host".to_owned());
        }
        Ok(host)
    }

    fn command(&self, script: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.holder.id().to_string(), "--mount", "chroot", ROOT, "sh", "-c", script]);
        command.env("DEBIAN_FRONTEND", "noninteractive").env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.stdin(Stdio::null());
        command
    }

    fn run(&self, script: &str) -> Outcome {
        self.command(script).output().expect("nsenter is where unshare is").into()
    }

    /// What it prints.
    #[track_caller]
    fn does(&self, script: &str) -> String {
        let outcome = self.run(script);
        assert_eq!(outcome.code, Some(0), "{script}: {outcome:?}");
        outcome.stdout.trim().to_owned()
    }

    #[track_caller]
    fn refuses(&self, script: &str) {
        let outcome = self.run(script);
        assert_ne!(outcome.code, Some(0), "{script}: {outcome:?}");
    }

    /// Puts the package at `/tmp/old.deb`, and at `/tmp/newer.deb` with a version above every other.
    fn takes(&self, package: &Path) {
        let file = fs::File::open(package).expect("the package can be read");
        let copied = self.command("cat > /tmp/old.deb").stdin(file).status().expect("nsenter is where unshare is");
        assert!(copied.success(), "{copied}");
        self.does("dpkg-deb --raw-extract /tmp/old.deb /tmp/newer");
        self.does("sed --in-place 's/^Version: .*/Version: 99.0/' /tmp/newer/DEBIAN/control");
        self.does("dpkg-deb --build /tmp/newer /tmp/newer.deb");
    }
}

impl Drop for Throwaway {
    fn drop(&mut self) {
        // Fails only where it has ended already; the mounts go with it.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
