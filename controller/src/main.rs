//! `rpycbench-controller`.

use std::process::ExitCode;

fn main() -> ExitCode {
    rpycbench_controller::main()
}
