//! The jobs one after the other, each in turns with PyTorch, and the medians of their rounds.

use std::path::Path;

use anyhow::Result;

use super::args::BenchArgs;
use super::jobs::{self, Job};
use super::process::{self, Measurement, Torch};
use super::row::{Row, Summary};
use super::{history, machine, table};
use crate::output::{line, note};

/// Runs the jobs that were asked for and prints what came out: JSON as it comes, or tables at the
/// end.
pub(super) fn run(root: &Path, args: &BenchArgs) -> Result<()> {
    let jobs = jobs::selected(&args.jobs)?;
    let torch = args.torch.as_deref().map(|python| Torch::new(python, root)).transpose()?;
    let mut rows = Vec::new();
    for job in jobs {
        let row = rounds(job, torch.as_ref(), args)?;
        if args.json {
            for (config, Summary { per_second, peak_mb, .. }) in row.all() {
                let (job, config) = (job.name.to_owned(), config.to_owned());
                line(Measurement { job, config, per_second, peak_mb }.json()?);
            }
        }
        rows.push(row);
    }
    if !args.json {
        line(format_args!("{}\n", machine::line(root, args.threads, torch.as_ref().map(|t| t.version.as_str()))));
        if args.compare {
            line(history::beside(root, &rows, args.threads)?);
        }
        line((if torch.is_some() { table::beside(&rows) } else { table::ours(&rows) }).trim_end());
    }
    if args.record {
        note(format_args!("added to {}", history::record(root, &rows, args.threads)?.display()));
    }
    Ok(())
}

/// Ours, then each of PyTorch's, and again. A configuration that fails once is not tried again.
fn rounds(job: Job, torch: Option<&Torch>, args: &BenchArgs) -> Result<Row> {
    let rounds = args.rounds.unwrap_or(if torch.is_some() { 3 } else { 1 });
    let mut ours = vec![process::ours(&job, args)?];
    let configs = if torch.is_some() { job.torch } else { &[] };
    let wanted = configs.iter().filter(|config| !args.without.iter().any(|name| name == config.name));
    let mut theirs: Vec<_> = wanted.map(|config| (*config, Ok(Vec::new()))).collect();
    for round in 1..=rounds {
        if round > 1 {
            ours.push(process::ours(&job, args)?);
        }
        for (config, so_far) in &mut theirs {
            let (Some(torch), Ok(measured)) = (torch, &mut *so_far) else {
                continue;
            };
            match torch.measure(&job, *config, args)? {
                Ok(measurement) => measured.push(measurement),
                Err(reason) => {
                    note(format_args!("{}: {} is left out: {reason}", job.name, config.name));
                    *so_far = Err(reason);
                }
            }
        }
        note(format_args!("{}: round {round} of {rounds} done", job.name));
    }
    let none = || "not measured".to_owned();
    let summary = |(config, rounds): (_, Result<Vec<_>, _>)| {
        (config, rounds.and_then(|rounds| Summary::of(&rounds).ok_or_else(none)))
    };
    let Some(ours) = Summary::of(&ours) else {
        anyhow::bail!("{} was not measured", job.name);
    };
    Ok(Row { job, ours, precision: args.precision, torch: theirs.into_iter().map(summary).collect() })
}
