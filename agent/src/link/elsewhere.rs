//! What is known of an interface where the kernel is not Linux: its name.

use rpycbench_proto::message::Link;

/// Says that only the name is known.
pub(super) fn of(interface: &str) -> Link {
    let note = "type, speed and MTU are only read on Linux".to_owned();
    Link { interface: interface.to_owned(), note, ..Link::default() }
}
