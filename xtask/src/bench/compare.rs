//! The jobs one after the other, each in turns with PyTorch, and the medians of their rounds.

use std::path::Path;

use anyhow::Result;

use super::args::{BenchArgs, Precision};
use super::clock::median;
use super::jobs::{self, Job, TorchConfig};
use super::process::{self, Measurement, Torch};
use super::{machine, table};
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
        line((if torch.is_some() { table::beside(&rows) } else { table::ours(&rows) }).trim_end());
    }
    Ok(())
}

/// Ours, then each of PyTorch's, and again. A configuration that fails once is not tried again.
fn rounds(job: Job, torch: Option<&Torch>, args: &BenchArgs) -> Result<Row> {
    let rounds = args.rounds.unwrap_or(if torch.is_some() { 3 } else { 1 });
    let mut ours = vec![process::ours(&job, args)?];
    let configs = if torch.is_some() { job.torch } else { &[] };
    let mut theirs: Vec<_> = configs.iter().map(|config| (*config, Ok(Vec::new()))).collect();
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
                    note(format_args!("{}: PyTorch's {} is left out: {reason}", job.name, config.name));
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

#[cfg(test)]
mod tests {
    use super::super::jobs::JOBS;
    use super::*;

    #[test]
    fn the_median_of_the_rounds_counts() {
        let round =
            |per_second, peak_mb| Measurement { job: String::new(), config: String::new(), per_second, peak_mb };
        let rounds = [round(3.0, Some(10.0)), round(1.0, None), round(2.0, Some(30.0))];
        let summary = Summary { per_second: 2.0, slowest: 1.0, fastest: 3.0, peak_mb: Some(20.0) };
        assert_eq!(Summary::of(&rounds), Some(summary));
        assert_eq!(Summary::of(&[]), None);
    }

    #[test]
    fn the_best_of_a_precision_is_its_fastest_that_ran() {
        let summary = |per_second| Summary { per_second, slowest: 0.0, fastest: 0.0, peak_mb: None };
        let job = JOBS[0];
        let results = [Ok(summary(1.0)), Ok(summary(2.0)), Err("no compiler".to_owned()), Ok(summary(9.0))];
        let row = Row {
            job,
            ours: summary(4.0),
            precision: Precision::F32,
            torch: job.torch.iter().copied().zip(results).collect(),
        };
        assert_eq!(row.best(Precision::F32).unwrap().0.name, "channels_last");
        assert_eq!(row.best(Precision::Bf16).unwrap().1.per_second, 9.0);
        assert_eq!(row.all().map(|(name, _)| name).collect::<Vec<_>>(), ["taper", "nchw", "channels_last", "bf16"]);
    }
}
