//! The other side of [`process`](super::process): one job, in the process that was started for it.

use anyhow::{Context, Result};

use super::args::{BenchArgs, Precision};
use super::process::{LAYERS, Measurement};
use super::{jobs, layers, machine};
use crate::output::line;

/// Runs the job, or the layers, in this process and prints what came out.
pub(super) fn run(name: &str, args: &BenchArgs) -> Result<()> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.threads.into());
    pool.build_global().context("cannot start the threads")?;
    // On a thread of the pool, as the binary does it: nothing has to be handed over to begin a
    // parallel loop.
    rayon::scope(|_| measure(name, args))
}

fn measure(name: &str, args: &BenchArgs) -> Result<()> {
    let precision = match args.precision {
        Precision::F32 => taper_tensor::Precision::F32,
        Precision::Bf16 => taper_tensor::Precision::Bf16,
    };
    if name == LAYERS {
        return precision.run(|| layers::run(args.repeat));
    }
    let job = jobs::job(name)?;
    let per_second = precision.run(|| job.run(args.repeat))?;
    let (job, config) = (job.name.to_owned(), args.precision.ours().to_owned());
    line(Measurement { job, config, per_second, peak_mb: machine::peak_mb() }.json()?);
    Ok(())
}
