//! Rows that a worker writes in memory: the agent maps nothing of them and reads them through a file of its own, so that a worker
//! cannot disturb it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::libc;

use crate::cpu_time::is_below;

/// Whether the path is an open file of a process below this one. The agent may open more than the worker that names it, and
/// sends on what it finds.
pub(crate) fn is_of(keeper: i32, path: &Path) -> bool {
    let mut parts = path.to_str().unwrap_or_default().split('/');
    let (root, proc, pid, fd) = (parts.next(), parts.next(), parts.next(), parts.next());
    let number = |part: Option<&str>| part.and_then(|part| part.parse::<i32>().ok());
    let open_file = (root, proc, fd) == (Some(""), Some("proc"), Some("fd")) && number(parts.next()).is_some();
    open_file && parts.next().is_none() && number(pid).is_some_and(|pid| is_below(keeper, pid))
}

/// Opens what a worker has allocated, which stays as long as it is open here.
pub(crate) fn open(path: &Path, bytes: u64) -> io::Result<File> {
    // A worker names the path: what it leads to may be anything, and a pipe would keep the agent waiting.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let found = metadata.len();
    if found < bytes {
        return Err(io::Error::other(format!("it has {found} bytes where {bytes} were expected")));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_open_files_of_the_workers_own_are_taken_for_its_rows() {
        let own = std::process::id().cast_signed();
        let parent = std::os::unix::process::parent_id().cast_signed();
        assert!(is_of(parent, Path::new(&format!("/proc/{own}/fd/7"))));
        assert!(!is_of(own, Path::new(&format!("/proc/{parent}/fd/7"))), "not of a process above");
        for other in ["/etc/shadow", "/proc/self/fd/7", "/proc/1/fd/7", "x/proc/1/fd/7", ""] {
            assert!(!is_of(own, Path::new(other)), "{other}");
        }
        for other in ["environ", "fd/../environ", "fd/7/x", "fd/x", "root/etc/shadow"] {
            assert!(!is_of(parent, Path::new(&format!("/proc/{own}/{other}"))), "{other}");
        }
    }

    #[test]
    fn what_is_no_file_is_refused_at_once() {
        let (ours, _theirs) = io::pipe().expect("a pipe");
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&ours));
        assert_eq!(open(Path::new(&path), 0).expect_err("a pipe").to_string(), "it is not a file");
    }
}
