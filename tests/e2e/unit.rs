//! What the unit takes from an agent is nothing that it needs: it measures, and confines as far as without the unit.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::libc;
use rpycbench_tests::hostile::{Who, python};
use rpycbench_tests::sandbox::plan;
use rpycbench_tests::{Outcome, Sandbox};
use serde_json::Value;

use crate::confinement::{plain_sandbox, root_can_be_somebody_else};

const UNIT: &str = include_str!("../../deploy/systemd/rpycbench-agent.service");
/// Where the kernel's headers have the numbers of system calls.
const NUMBERS: &str = "/usr/include/x86_64-linux-gnu/asm/unistd_64.h";
const ONE: &str = "[[workloads]]\nname = \"one\"\nkind = \"connect\"\ncount = 1\n";

/// Denies this process all system calls but those of the second argument, all socket families but those of the first, and
/// goes on as another program.
const AS_THE_UNIT_DOES: &str = r#"
import ctypes, os, struct, sys
LOAD, EQUAL, RETURN, ALLOW, DENY = 0x20, 0x15, 0x06, 0x7fff0000, 0x00050000
families, numbers = ([int(word) for word in words.split(",")] for words in sys.argv[1:3])
steps = [(LOAD, 0, 0, 0)]
for number in numbers:
    steps += [(EQUAL, 0, 1, number), (RETURN, 0, 0, ALLOW)]
SOCKET = 41
steps += [(EQUAL, 1, 0, SOCKET), (RETURN, 0, 0, DENY | 1), (LOAD, 0, 0, 16)]
for family in families:
    steps += [(EQUAL, 0, 1, family), (RETURN, 0, 0, ALLOW)]
steps += [(RETURN, 0, 0, DENY | 97)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
class Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(Program(len(steps), ctypes.addressof(code)))) == 0, ctypes.get_errno()
os.execv(sys.argv[3], sys.argv[3:])
"#;

/// The values of a key of the unit, in order.
fn values(key: &str) -> impl Iterator<Item = &'static str> {
    UNIT.lines().filter_map(move |line| line.strip_prefix(key)?.strip_prefix('='))
}

/// The system calls in a set of systemd's.
fn set(name: &str) -> BTreeSet<String> {
    let Some(_) = name.strip_prefix('@') else { return BTreeSet::from([name.to_owned()]) };
    let output = Command::new("systemd-analyze").args(["syscall-filter", "--no-pager", name]).output();
    let output = Outcome::from(output.expect("systemd-analyze is here"));
    assert_eq!(output.code, Some(0), "{output:?}");
    let members = output.stdout.lines().map(str::trim).filter(|line| !line.starts_with('#') && *line != name);
    members.filter(|line| !line.is_empty()).flat_map(set).collect()
}

/// What the unit lets through: numbers of socket families, and of system calls but `socket`.
fn let_through() -> [Vec<i64>; 2] {
    let mut calls = BTreeSet::from(["socket".to_owned()]);
    for words in values("SystemCallFilter") {
        let (taken, words) = words.strip_prefix('~').map_or((false, words), |words| (true, words));
        for member in words.split(' ').flat_map(set) {
            if taken {
                calls.remove(&member)
            } else {
                calls.insert(member)
            };
        }
    }
    assert!(calls.remove("socket"), "it is let through");
    let numbers = fs::read_to_string(NUMBERS).expect("the kernel's headers");
    let numbers = numbers.lines().filter_map(|line| {
        let (name, number) = line.strip_prefix("#define __NR_")?.split_once(' ')?;
        calls.contains(name).then(|| number.trim().parse().ok())?
    });
    let families = values("RestrictAddressFamilies").flat_map(|words| words.split(' ')).map(|name| {
        i64::from(match name {
            "AF_UNIX" => libc::AF_UNIX,
            "AF_INET" => libc::AF_INET,
            "AF_INET6" => libc::AF_INET6,
            "AF_NETLINK" => libc::AF_NETLINK,
            other => panic!("the number of {other} is missing here"),
        })
    });
    [families.collect(), numbers.collect()]
}

/// Measures as a plain user, behind what the unit denies or not.
fn measured(sandbox: &Sandbox, denied: bool) -> Value {
    let path = sandbox.plan(&plan(&["rpyc-forking"], ONE)).display().to_string();
    let template = sandbox.controller(&["run", &path, "--quiet"]);
    let mut command = if denied {
        let mut command = Who::Plain.command(&python());
        let lists = let_through().map(|list| list.iter().map(i64::to_string).collect::<Vec<_>>().join(","));
        command.args(["-c", AS_THE_UNIT_DOES]).args(lists).arg(template.get_program());
        command
    } else {
        Who::Plain.command(Path::new(template.get_program()))
    };
    command.args(template.get_args()).current_dir(sandbox.path()).stdin(Stdio::null());
    for (name, value) in template.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    let outcome = Outcome::from(command.env("HOME", sandbox.path()).output().expect("the controller starts"));
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    sandbox.json("run.json")
}

#[test]
fn behind_the_filters_of_the_unit_an_agent_measures_and_confines_and_knows_its_links() {
    let analyze = Command::new("systemd-analyze").arg("syscall-filter").output();
    if !analyze.is_ok_and(|output| output.status.success()) || !Path::new(NUMBERS).exists() {
        return println!(
            "skipped: it takes systemd-analyze and {NUMBERS} (Debian: apt install systemd linux-libc-dev)"
        );
    }
    if !root_can_be_somebody_else() {
        return;
    }
    let sandbox = plain_sandbox();
    // The environments are made behind the filters too.
    let behind = measured(&sandbox, true);
    let before = measured(&sandbox, false);
    assert!(behind["links"][0]["mtu"].is_u64(), "{}", behind["links"]);
    assert_eq!(behind["links"], before["links"]);
    assert_eq!(behind["hosts"]["here"]["confinement"], before["hosts"]["here"]["confinement"]);
}
