//! `taper check`: is all as it should be before a training?

use anyhow::Result;
use serde_json::json;

use super::fine_tune::RunArgs;
use crate::output::{ended, line};
use crate::terminal::Terminal;
use taper_trainer::build::colors::measured;
use taper_trainer::build::memory;
use taper_trainer::build::network::{Network, network};
use taper_trainer::build::phases::phases;
use taper_trainer::build::pipeline::train_loader;
use taper_trainer::build::pretrained::tell;
use taper_trainer::fit::snapshots;
use taper_trainer::recipe::Recipe;
use taper_trainer::store::pictures::Pictures;
use taper_trainer::study::first_loss::first_loss;
use taper_trainer::study::overfit::overfit;
use taper_trainer::{Finding, Verdict};

/// Look at pictures and recipe before a training: classes, sizes, duplicates, the first loss, and
/// whether a few pictures can be learned by heart.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  taper check pictures\n  taper check pictures --optimizer momentum --lr 1\n  taper check fashion-mnist --scratch\n\nThe flags are those of fine-tune. fine-tune and train tell by themselves what is doubtful of pictures and first loss.\nExit code 1 when anything is doubtful."
)]
pub struct CheckArgs {
    /// From random weights, as train
    #[arg(long)]
    scratch: bool,
    #[command(flatten)]
    run: RunArgs,
}

/// Runs the verb.
///
/// # Errors
/// When the pictures cannot be read, or the recipe is invalid.
pub fn check(args: &CheckArgs, threads: usize) -> Result<i32> {
    let recipe = &args.run.recipe(&if args.scratch { Recipe::from_scratch() } else { Recipe::default() })?;
    args.run.makes_no_run()?;
    let pictures = Pictures::open(recipe, args.run.strict.policy(), &Terminal)?;
    let recipe = &measured(recipe, &pictures.train, threads, &Terminal)?;
    let mut findings = pictures.findings.clone();
    let Network { card, classifier, params, loaded } = network(recipe, &*pictures.train, &Terminal)?;
    loaded.iter().for_each(|loaded| tell(&loaded.read, &Terminal));
    findings.extend(snapshots::finding(recipe, &phases(recipe, classifier.backbone().stages())?));
    let train = train_loader(pictures.train.clone(), recipe, card.input(), threads)?;
    findings.push(memory::finding((&classifier, &params), &train, recipe)?);
    let few = (recipe.data.batch_size, threads);
    findings.push(first_loss((&classifier, &params), &card, &train, few, &Terminal)?);
    findings.push(overfit(recipe, &pictures.train, threads, &Terminal)?);
    let doubtful = findings.iter().any(|finding| finding.verdict == Verdict::Doubtful);
    let told = if args.run.json {
        line(json!({
            "schema": 1, "command": "check", "data": recipe.data.path.to_string_lossy(),
            "left_out": pictures.left_out.counts(), "findings": findings,
        }))
    } else {
        findings.iter().try_for_each(tell_finding).and_then(|()| match doubtful {
            true => line("What helps: taper lr-find tries learning rates, taper data stats reads the pictures, --plan says what is trained"),
            false => Ok(()),
        })
    };
    ended(told, i32::from(doubtful))
}

fn tell_finding(Finding { about, verdict, said }: &Finding) -> Result<()> {
    let verdict = if *verdict == Verdict::Fine { "fine" } else { "DOUBTFUL" };
    line(format_args!("{verdict:<9}{about:<12}{said}"))
}
