//! Writes `proto/src/generated` from the .proto files, without protoc. A crate of its own, so that it still builds when a
//! change of the .proto has made the generated code wrong.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The one generated file, named after the protobuf package.
const GENERATED: &str = "rpycbench.v1.rs";

fn main() -> Result<(), Box<dyn Error>> {
    fs::write(kept(), generate()?)?;
    Ok(())
}

fn proto() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn kept() -> PathBuf {
    proto().join("src/generated").join(GENERATED)
}

fn generate() -> Result<String, Box<dyn Error>> {
    let sources = ["agent.proto", "clock.proto", "enrol.proto", "renew.proto"]
        .map(|name| proto().join("rpycbench/v1").join(name));
    let files = protox::compile(sources, [proto()])?;
    let fresh = tempfile::tempdir()?;
    tonic_prost_build::configure().out_dir(fresh.path()).compile_fds(files)?;
    let code: io::Result<String> = fs::read_to_string(fresh.path().join(GENERATED));
    Ok(code?)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_checked_in_code_is_what_the_proto_files_say() {
        let fresh = super::generate().expect("the .proto compiles");
        let kept = std::fs::read_to_string(super::kept()).expect("generated code is checked in");
        assert!(fresh == kept, "proto/src/generated is stale: run `make proto` and commit it");
    }
}
