//! The binary that trains.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// Builds the release binary; where it is.
pub(crate) fn release(root: &Path) -> Result<PathBuf> {
    release_with(root, &[])
}

/// The same with features that are off by default.
pub(crate) fn release_with(root: &Path, features: &[&str]) -> Result<PathBuf> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--release", "--package", "taper", "--manifest-path"]).arg(root.join("Cargo.toml"));
    if !features.is_empty() {
        cargo.args(["--features", &features.join(",")]);
    }
    if !cargo.status().context("cannot start cargo for a release build")?.success() {
        bail!("the binary does not build");
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join("release").join(format!("taper{}", std::env::consts::EXE_SUFFIX)))
}
