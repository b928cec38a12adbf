//! `taper ensemble`: several runs as one classifier.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use taper_trainer::evaluate::views::Mean;
use taper_trainer::store::readable::{Readable, readable};

use super::networks::{Table, rows_of};
use super::parts::parts;
use super::strict::Strict;
use super::test_pictures::pictures;
use crate::output::line;
use crate::terminal::Terminal;

/// Average the answers of several runs, and measure what that is worth.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  for seed in 0 1 2; do taper fine-tune pictures --seed $seed --out runs/seed$seed; done\n  taper ensemble runs/seed0 runs/seed1 runs/seed2\n  taper ensemble runs/* --greedy --data other/pictures\n  taper ensemble runs/pictures-1/snapshots/*\n\nOne run stands for its snapshots (--snapshots) or members (--members). The runs must have the same classes. Without --data it is the validation part of the data that the first run was trained on. --greedy\nchooses members by the loss on one half of the pictures and measures all on the other."
)]
pub struct EnsembleArgs {
    /// Run folders
    #[arg(required = true, num_args = 1..)]
    runs: Vec<PathBuf>,
    /// The folder of pictures
    #[arg(long, value_name = "DATA")]
    data: Option<PathBuf>,
    /// What is averaged
    #[arg(long, value_name = "WHAT", value_parser = crate::choices::mean(), default_value = "probabilities")]
    mean: Mean,
    /// Choose the members that help
    #[arg(long)]
    greedy: bool,
    #[command(flatten)]
    strict: Strict,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
///
/// # Errors
/// When a run or the pictures cannot be read, the classes of the runs differ, or pictures have
/// others.
pub fn ensemble(args: &EnsembleArgs, threads: usize) -> Result<i32> {
    let runs = match &args.runs[..] {
        [run] => parts(run),
        runs => runs.to_vec(),
    };
    ensure!(
        runs.len() > 1,
        "{} is one network: name several runs, or one that was made with --members or --snapshots",
        args.runs[0].display()
    );
    let (dataset, path) = pictures(&args.runs[0], args.data.as_deref())?;
    let Readable { dataset, unreadable, .. } = readable(dataset, args.strict.policy(), &Terminal)?;
    let table = Table { path, unreadable, mean: args.mean };
    let measured = rows_of(&runs, &dataset, (&table, threads), args.greedy)?;
    if args.json {
        line(table.json(&runs, &measured))?;
        return Ok(0);
    }
    table.tell(&measured)?;
    Ok(0)
}
