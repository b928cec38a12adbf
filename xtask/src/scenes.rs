//! Scenes of emoji with exact boxes, to train a detector on, and with captions, to train a
//! captioner on.
//!
//! Those of one artist to train on and those of another to validate on, so that no drawing is in
//! both; `detect/pytorch_detect.py` beside this file trains torchvision's Faster R-CNN on them.
//! Like `bench` it runs in a release build with the feature `bench`, where the crates are.

mod args;
#[cfg(feature = "bench")]
pub(crate) mod written;

use std::path::Path;

use anyhow::Result;

pub use args::ScenesArgs;

/// Writes them; true.
///
/// # Errors
/// When the drawings cannot be read, or a file not be written.
#[cfg(feature = "bench")]
pub fn run(root: &Path, args: &ScenesArgs) -> Result<bool> {
    written::scenes(root, args)?;
    crate::output::line(format_args!("wrote {}", args.out.display()));
    Ok(true)
}

/// Does it in a release build.
///
/// # Errors
/// When cargo cannot be started.
#[cfg(not(feature = "bench"))]
pub fn run(root: &Path, _: &ScenesArgs) -> Result<bool> {
    crate::release::again(root)
}
