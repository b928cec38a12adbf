//! How fast the crates are, alone and beside PyTorch.
//!
//! [`run`] goes through a table of jobs (`jobs.rs`): whole training and inference steps of
//! networks, and steps of optimizers, which `bench optim` picks out, and pictures on their way into
//! a batch (`bench augment`). Each is measured in a process of its own, so that its peak memory is
//! its own; beside PyTorch the processes of the two sides take turns, round by round, so that a
//! machine that slows down slows both. `bench layers` goes into single convolutions instead,
//! `bench augment --each` into single transforms, `bench memory` into what a training step holds
//! after each of its operations, and `bench sources` into data sets of millions of pictures.
//!
//! Everything but the arguments is behind the feature `bench`. A binary without it, which is what
//! `cargo xtask` builds, starts cargo once more to get a release build with it.

mod args;

#[cfg(feature = "bench")]
mod alone;
#[cfg(feature = "bench")]
mod augment;
#[cfg(feature = "bench")]
mod clock;
#[cfg(feature = "bench")]
mod compare;
#[cfg(feature = "bench")]
mod each;
#[cfg(feature = "bench")]
mod history;
#[cfg(feature = "bench")]
mod jobs;
#[cfg(feature = "bench")]
mod layers;
#[cfg(feature = "bench")]
mod machine;
#[cfg(feature = "bench")]
mod memory;
#[cfg(feature = "bench")]
mod networks;
#[cfg(feature = "bench")]
mod optimizers;
#[cfg(feature = "bench")]
mod process;
#[cfg(feature = "bench")]
mod row;
#[cfg(feature = "bench")]
mod small_cnn;
#[cfg(feature = "bench")]
mod sources;
#[cfg(feature = "bench")]
mod table;

use std::path::Path;

use anyhow::Result;

pub use args::{BenchArgs, Precision, Target};
#[cfg(feature = "bench")]
pub use jobs::{JOBS, Job, TorchConfig};

/// Does what the arguments say in the repository at `root`; true when all of it worked.
///
/// # Errors
/// When a job is unknown, fails, or a process cannot be started.
#[cfg(feature = "bench")]
pub fn run(root: &Path, args: &BenchArgs) -> Result<bool> {
    if cfg!(debug_assertions) {
        anyhow::bail!("this build checks every sum and index; `cargo xtask bench` measures a release build");
    }
    match (&args.alone, &args.target) {
        (Some(name), _) => alone::run(name, args)?,
        (None, Some(Target::Layers)) if args.torch.is_some() => anyhow::bail!("single layers are not run in PyTorch"),
        (None, Some(Target::Layers)) => process::layers(args)?,
        (None, Some(Target::Memory(asked))) => alone::within(args, || memory::run(asked))?,
        (None, Some(Target::Sources(asked))) => sources::run(root, args, asked)?,
        (None, Some(Target::Optim)) => {
            let jobs = ["adam_step", "sgd_step"].map(str::to_owned).to_vec();
            compare::run(root, &BenchArgs { jobs, ..args.clone() })?;
        }
        (None, Some(Target::Augment { each: true, json })) => {
            each::run(root, &BenchArgs { json: *json, ..args.clone() })?
        }
        (None, Some(Target::Augment { each: false, json })) => {
            let jobs = ["decode", "augment"].map(str::to_owned).to_vec();
            compare::run(root, &BenchArgs { jobs, json: *json, ..args.clone() })?;
        }
        (None, None) => compare::run(root, args)?,
    }
    Ok(true)
}

/// Does it in a release build.
///
/// # Errors
/// When cargo cannot be started.
#[cfg(not(feature = "bench"))]
pub fn run(root: &Path, _: &BenchArgs) -> Result<bool> {
    crate::release::again(root)
}
