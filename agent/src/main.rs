//! `rpycbench-agent`.

use std::process::ExitCode;

fn main() -> ExitCode {
    rpycbench_agent::main()
}
