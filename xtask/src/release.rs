//! The build that measures: with the crates of the workspace in it, and optimized.

use std::path::Path;

use anyhow::{Context, Result};

/// Starts a release build of this program with the feature `bench`, with the same arguments; true
/// when it did what they say.
///
/// # Errors
/// When cargo cannot be started.
pub(crate) fn again(root: &Path) -> Result<bool> {
    let status = std::process::Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["run", "--release", "--package", "xtask", "--features", "bench", "--manifest-path"])
        .arg(root.join("Cargo.toml"))
        .arg("--")
        .args(std::env::args_os().skip(1))
        .status()
        .context("cannot start cargo for a release build")?;
    Ok(status.success())
}
