//! Whether techniques do what they are for: the same network with and without each, over several seeds.
//!
//! [`run`] trains every case of a table (`cases.rs`), and writes what came out, for or against, into a document of the
//! crate that the technique is part of. Like `bench` it does so in a release build with the feature `bench`.

mod args;

#[cfg(feature = "bench")]
mod cases;
#[cfg(feature = "bench")]
mod study;
#[cfg(feature = "bench")]
mod table;

use std::path::Path;

use anyhow::Result;

pub use args::{ExperimentsArgs, Topic};
#[cfg(feature = "bench")]
pub use cases::{Case, REGULARIZE, chosen};
#[cfg(feature = "bench")]
pub use study::{Course, Study, study};
#[cfg(feature = "bench")]
pub use table::table;

/// Does what the arguments say in the repository at `root`; true when all of it worked.
///
/// # Errors
/// When there are no data, or a training fails.
#[cfg(feature = "bench")]
pub fn run(root: &Path, args: &ExperimentsArgs) -> Result<bool> {
    use anyhow::{Context, ensure};
    let Topic::Regularize { data, pictures, epochs, seeds, only, out } = &args.topic;
    let cases = chosen(REGULARIZE, only)?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    rayon::ThreadPoolBuilder::new().stack_size(8 << 20).build_global()?;
    let splits = taper_data::open(data, taper_data::DEFAULT_VAL_FRACTION, &taper_tensor::Rng::new(0))
        .context("Debian's package dataset-fashion-mnist installs the data set; --data names another folder")?;
    ensure!(splits.train.len() > *pictures, "{} has {} training pictures", data.display(), splits.train.len());
    let course = Course { pictures: *pictures, epochs: *epochs, seeds: *seeds, threads: cores };
    let results = rayon::scope(|_| study(&splits, &cases, course, |line| eprintln!("{line}")))?;
    let text = format!(
        "# What each technique does\n\n`cargo xtask experiments regularize{}` made this file.\n\n{}",
        args.changed(),
        table(&cases, &results, course)
    );
    let out = out.clone().unwrap_or_else(|| root.join("crates/regularize/EXPERIMENTS.md"));
    taper::files::write(&out, text.as_bytes())?;
    println!("wrote {}", out.display());
    Ok(true)
}

/// Does it in a release build.
///
/// # Errors
/// When cargo cannot be started.
#[cfg(not(feature = "bench"))]
pub fn run(root: &Path, _: &ExperimentsArgs) -> Result<bool> {
    crate::release::again(root)
}
