//! Where the snapshots of a run lie.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::files::FileError;

/// The files of a run, in the order of the cycles.
pub fn list(run: &Path) -> Vec<PathBuf> {
    let name = |number: usize| folder(run).join(format!("{number}.safetensors"));
    (1..).map(name).take_while(|path| path.is_file()).collect()
}

/// Removes the folder that they lie in.
///
/// # Errors
/// When it cannot be removed.
pub fn clear(run: &Path) -> Result<(), FileError> {
    match std::fs::remove_dir_all(folder(run)) {
        Err(source) if source.kind() != ErrorKind::NotFound => Err(FileError::Remove { path: folder(run), source }),
        _ => Ok(()),
    }
}

/// The folder that they lie in.
pub fn folder(run: &Path) -> PathBuf {
    run.join("snapshots")
}
