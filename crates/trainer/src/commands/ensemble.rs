//! `taper ensemble`: several runs as one classifier.

use std::path::PathBuf;

use anyhow::Result;
use serde_json::json;

use super::eval::{pictures, same_classes};
use super::readable;
use crate::ensemble::{average, greedy, halves, part};
use crate::evaluate::{Evaluation, evaluate};
use crate::metrics::{bootstrap, reliability};
use crate::model;
use crate::output::line;
use crate::pipeline::{BATCH, eval_loader};
use crate::views::Mean;

/// Average the answers of several runs, and measure what that is worth.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  for seed in 0 1 2; do taper fine-tune pictures --seed $seed --out runs/seed$seed; done\n  taper ensemble runs/seed0 runs/seed1 runs/seed2\n  taper ensemble runs/* --greedy --data other/pictures\n\nThe runs must have the same classes. Without --data it is the validation part of the data that the first run was trained on. --greedy\nchooses members by the loss on one half of the pictures and measures all on the other."
)]
pub struct EnsembleArgs {
    /// Run folders
    #[arg(required = true, num_args = 2..)]
    runs: Vec<String>,
    /// The folder of pictures
    #[arg(long, value_name = "DATA")]
    data: Option<PathBuf>,
    /// What is averaged
    #[arg(long, value_name = "WHAT", default_value = "probabilities")]
    mean: Mean,
    /// Choose the members that help
    #[arg(long)]
    greedy: bool,
    /// Stop at the first picture that cannot be read
    #[arg(long)]
    strict: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
///
/// # Errors
/// When a run or the pictures cannot be read, or classes differ.
pub fn ensemble(args: &EnsembleArgs, threads: usize) -> Result<i32> {
    let (dataset, path) = pictures(&args.runs[0], args.data.as_deref())?;
    let (dataset, unreadable) = readable(dataset, args.strict)?;
    let mut members = Vec::new();
    for run in &args.runs {
        let model = model::open(run)?;
        same_classes(&*dataset, &path, (run, &model.card.classes))?;
        let loader = eval_loader(dataset.clone(), BATCH, model.card.input(), threads)?;
        members.push(evaluate(&model.classifier, &loader)?);
    }
    let mut chosen: Vec<usize> = (0..members.len()).collect();
    if args.greedy {
        let [choose, test] = halves(dataset.len());
        let parts = |numbers: &[usize]| members.iter().map(|member| part(member, numbers)).collect::<Vec<_>>();
        chosen = greedy(&parts(&choose), args.mean)?;
        members = parts(&test);
    }
    let together = |numbers: &[usize]| average(&numbers.iter().map(|&i| &members[i]).collect::<Vec<_>>(), args.mean);
    let all: Vec<usize> = (0..members.len()).collect();
    let mut rows: Vec<(String, Evaluation)> = args.runs.iter().cloned().zip(members.iter().cloned()).collect();
    rows.push((format!("all {}", members.len()), together(&all)?));
    if args.greedy {
        let names: Vec<&str> = chosen.iter().map(|&i| args.runs[i].as_str()).collect();
        rows.push((format!("chosen: {}", names.join(", ")), together(&chosen)?));
    }
    if args.json {
        let row = |(name, e): &(String, Evaluation)| {
            json!({
                "name": name, "accuracy": e.accuracy(), "interval": bootstrap(e), "loss": e.loss,
                "calibration_error": reliability(e).error, "seconds": e.took.as_secs_f64(),
            })
        };
        line(json!({
            "schema": 1, "command": "ensemble", "runs": args.runs, "data": path, "images": rows[0].1.labels.len(),
            "unreadable_images": unreadable, "mean": format!("{:?}", args.mean).to_lowercase(),
            "chosen": chosen.iter().map(|&i| &args.runs[i]).collect::<Vec<_>>(),
            "rows": rows.iter().map(row).collect::<Vec<_>>(),
        }))?;
        return Ok(0);
    }
    line(format_args!("{} pictures of {}", rows[0].1.labels.len(), path.display()))?;
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    line(format_args!("{:width$}  accuracy  95 % interval     loss  calibration error  time", ""))?;
    for (name, e) in &rows {
        let [low, high] = bootstrap(e).map(|end| 100.0 * end);
        line(format_args!(
            "{name:width$}   {:>5.1} %  {low:>5.1} to {high:>5.1} %  {:>5.3}             {:>5.1} %  {:.1} s",
            100.0 * e.accuracy(),
            e.loss,
            100.0 * reliability(e).error,
            e.took.as_secs_f64()
        ))?;
    }
    Ok(0)
}
