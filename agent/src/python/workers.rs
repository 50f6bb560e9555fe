//! The workers' source, carried in this binary and laid out in the state folder where Python can import it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use include_dir::{Dir, File, include_dir};
use sha2::{Digest, Sha256};

static SOURCES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/python/rpycbench_workers");

/// The package's name.
const PACKAGE: &str = "rpycbench_workers";

fn modules() -> impl Iterator<Item = &'static File<'static>> {
    SOURCES.files().filter(|file| file.path().extension().is_some_and(|extension| extension == "py"))
}

/// The folder to start Python in so that it finds the workers; made where it is not there yet.
///
/// # Errors
/// When the folder cannot be written.
pub(super) fn lay_out(state: &Path) -> io::Result<PathBuf> {
    let mut digest = Sha256::new();
    for module in modules() {
        digest.update(module.path().as_os_str().as_encoded_bytes());
        digest.update(module.contents());
    }
    let folder = state.join("workers").join(&hex(&digest.finalize())[..16]);
    if folder.is_dir() {
        return Ok(folder);
    }
    // Written aside and renamed, so that a folder of that name is always whole.
    let aside = state.join("workers").join(format!(".{}", std::process::id()));
    fs::create_dir_all(aside.join(PACKAGE))?;
    for module in modules() {
        fs::write(aside.join(PACKAGE).join(module.path()), module.contents())?;
    }
    match fs::rename(&aside, &folder) {
        Ok(()) => Ok(folder),
        // Another agent was faster.
        Err(_) if folder.is_dir() => fs::remove_dir_all(&aside).map(|()| folder),
        Err(error) => Err(error),
    }
}

/// Lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
