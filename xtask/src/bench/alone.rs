//! The other side of [`process`](super::process): one job, in the process that was started for it.

use anyhow::{Context, Result};

use super::args::{BenchArgs, Precision};
use super::process::{LAYERS, Measurement};
use super::{jobs, layers, machine};
use crate::output::line;

/// Runs the job, or the layers, in this process and prints what came out.
pub(super) fn run(name: &str, args: &BenchArgs) -> Result<()> {
    within(args, || measure(name, args))
}

/// Runs `work` with the threads and in the precision that were asked for.
pub(super) fn within(args: &BenchArgs, work: impl FnOnce() -> Result<()> + Send) -> Result<()> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.threads.into());
    pool.build_global().context("cannot start the threads")?;
    let precision = match args.precision {
        Precision::F32 => taper_tensor::Precision::F32,
        Precision::Bf16 => taper_tensor::Precision::Bf16,
        Precision::Int8 => taper_tensor::Precision::Int8,
    };
    // On a thread of the pool, as the binary does it: nothing has to be handed over to begin a
    // parallel loop.
    rayon::scope(|_| precision.run(work))
}

fn measure(name: &str, args: &BenchArgs) -> Result<()> {
    if name == LAYERS {
        return layers::run(args.repeat);
    }
    let job = jobs::job(name)?;
    let per_second = job.run(args.repeat)?;
    let (job, config) = (job.name.to_owned(), args.precision.ours().to_owned());
    line(Measurement { job, config, per_second, peak_mb: machine::peak_mb() }.json()?);
    Ok(())
}
