//! The repository's own chores.
//!
//! [`ci`] runs what every change has to pass; [`tidy`](tidy::tidy) looks for what must stay absent.
//! Both start processes or read files and know nothing of Taper's crates, so that they build in
//! seconds and still work when the rest of the workspace does not compile. So do
//! [`attack`](attack::run), which kills the binary in its work, and [`same`](same::run), which
//! holds what two binaries make side by side, and [`mpi`](mpi::run), which trains with several
//! processes. [`bench`](bench::run),
//! [`experiments`](experiments::run), [`scenes`](scenes::run), [`dist`](dist::run) and the bodies
//! of [`fuzz`] are about those crates, so they link them, but only with the feature `bench`, in a
//! release build that they ask for themselves.
//!
//! # Examples
//! ```
//! let findings = xtask::tidy::tidy(&xtask::root()?)?;
//! for finding in &findings {
//!     println!("{finding}");
//! }
//! # Ok::<(), anyhow::Error>(())
//! ```

pub mod attack;
pub mod bench;
pub mod ci;
pub mod dist;
pub mod experiments;
pub mod fuzz;
pub mod gallery;
pub mod mpi;
pub mod output;
#[cfg(not(feature = "bench"))]
mod release;
mod runs;
pub mod same;
pub mod scenes;
pub mod tidy;

use std::path::PathBuf;

use anyhow::{Context, Result};

/// The top of the repository: the folder above this crate.
///
/// # Errors
/// When this crate has no folder above it.
pub fn root() -> Result<PathBuf> {
    // Cargo sets the variable for what it runs; the built-in path serves a binary started by hand.
    let here =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    let above = here.parent().context("xtask lies in no repository")?;
    Ok(above.to_path_buf())
}
